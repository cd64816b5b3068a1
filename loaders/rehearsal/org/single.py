"""One REST record at a time: the batch writer's own SQL with the cells as literals and without working tables.

Planning is most of what a single record costs DuckDB, so this way has two statements where a batch has ten.
Rules, texts and stored values are those of `writer`, because the statements are. They are planned afresh for
every record: a prepared plan may have used what the tables held when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from loaders.rehearsal.org.batch_sql import BatchSql, Context
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.effects import EFFECTS
from loaders.rehearsal.org.header import Column
from loaders.rehearsal.org.ids import long_id, make_id
from loaders.rehearsal.org.store import Store, literal, quote

BLANKS = " \t\r\n"


def write_single(
    store: Store,
    context: Context,
    info: ObjectInfo,
    operation: str,
    columns: Sequence[Column],
    row: Mapping[str, str],
    external_id: FieldInfo | None = None,
) -> tuple[str | None, bool, str | None]:
    """Id, created and error of the record, the error as in the table `outcome` of the writer."""
    sql = BatchSql(context, info, operation, columns, external_id)
    cells = "".join(f", {_cell(row.get(c.name))} as c{c.index}" for c in columns)
    source = f"with w_in as not materialized ({sql.read(f'select 1::bigint as row_no{cells}')}), "
    with store.write() as connection:
        new_id = literal(make_id(info.key_prefix or "01J", store.take_numbers(info.name, 1)))
        answer = connection.execute(sql.checked(1, _targets(sql, row), new_id, (1, 1), source)).fetchone()
        values = dict(zip(sql.kept(), answer or (), strict=True))
        is_new, error = bool(values["is_new"]), values["error"]
        if error is not None:
            named = values[f"t_{sql.key.index}"] if sql.key and operation == "update" else None
            return (None if is_new else values["id"] or named), False, error
        listed = ", ".join(
            f"{_text(value)}::{_type(sql, column)} as {quote(column)}" for column, value in values.items()
        )
        checked = f"(select {listed}) w_checked"
        if is_new:
            automatic = any(field.auto_number for field in info.fields.values())
            auto_number = store.take_numbers(f"{info.name}.auto", 1) + 1000 if automatic else 0
            connection.execute(sql.insert(auto_number, 1, checked))
            _effect(store, connection, sql, values, f"select {listed}")
        else:
            connection.execute(sql.update(checked))
        return values["id"], is_new, None


def _targets(sql: BatchSql, row: Mapping[str, str]) -> dict[int, list[ObjectInfo]]:
    """The object that the id in each lookup column belongs to."""
    found = {}
    for column in sql.looked_up_by_id():
        identifier = long_id((row.get(column.name) or "").strip(BLANKS))
        target = sql.context.catalogue.by_prefix(identifier[:3]) if identifier else None
        found[column.index] = [target] if target and target.name in column.field.reference_to else []
    return found


def _effect(
    store: Store, connection: duckdb.DuckDBPyConnection, sql: BatchSql, values: Mapping[str, Any], row: str
) -> None:
    """Runs what comes along with a new record, on a working table like the batch writer's."""
    effect = sql.rules.effect
    if effect is None or (effect == "direct_relations" and values["m_AccountId"] is None):
        return
    connection.execute(f"create or replace temp table w_checked as {row}")
    EFFECTS[effect](store, connection, sql.context)


def _type(sql: BatchSql, column: str) -> str:
    """DuckDB type of a column of the checked row."""
    head, _, name = column.partition("_")
    if column in ("row_no", "is_new"):
        return "BIGINT" if column == "row_no" else "BOOLEAN"
    if head == "g":
        return "BOOLEAN"
    if head == "m":
        return str(next(field.storage_type for field in sql.scope if field.name == name))
    return str(sql.info.field(name).storage_type) if head == "d" else "VARCHAR"


def _cell(text: str | None) -> str:
    """A cell as SQL; characters that Salesforce does not keep are left out."""
    return f"{literal(None if text is None else text.replace(chr(0), ''))}::varchar"


def _text(value: Any) -> str:
    """A value as SQL text from which DuckDB makes the same value again."""
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    return literal(None if value is None else repr(value) if isinstance(value, float) else str(value))
