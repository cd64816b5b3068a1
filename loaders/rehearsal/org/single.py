"""One REST record at a time: the batch writer's own SQL as a prepared statement, without working tables.

Planning is most of what a single record costs DuckDB, so the check is planned once per object, operation and
set of columns, and answers with the values to store. Rules, texts and stored values are those of `writer`,
because the expressions are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loaders.rehearsal.org.batch_sql import BatchSql, Context
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.effects import EFFECTS
from loaders.rehearsal.org.header import Column
from loaders.rehearsal.org.ids import long_id, make_id
from loaders.rehearsal.org.prepared import numbered, sql_text
from loaders.rehearsal.org.store import Store, insert_row, literal, quote, storage_columns, table

BLANKS = " \t\r\n"
PLANS = 500


@dataclass(frozen=True)
class _Plan:
    """The prepared check: its statement, and which of its columns say what an insert and an update store."""

    sql: BatchSql
    text: str
    parameters: Mapping[str, str]
    stored: tuple[str, ...]
    changed: tuple[str, ...]
    columns: tuple[str, ...]
    automatic: bool
    kinds: Mapping[str, str]


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
    with store.write() as connection:
        plan = _plan(store, context, info, operation, columns, row, external_id)
        given = {f"cell_{column.index}": _clean(row.get(column.name)) for column in columns}
        given |= {
            "new_id": make_id(info.key_prefix or "01J", store.take_numbers(info.name, 0)),
            "moment": f"{context.now:%Y-%m-%d %H:%M:%S}",
            "writer": context.user_id,
            "automatic": str(store.take_numbers(f"{info.name}.auto", 0) + 999) if plan.automatic else None,
        }
        wanted = {parameter: given[name] for parameter, name in plan.parameters.items()}
        answer = store.statements.run(plan.text, wanted).fetchone()
        values = dict(zip(plan.columns, answer or (), strict=True))
        is_new, error = bool(values["is_new"]), values["error"]
        if error is not None:
            key = plan.sql.key
            named = values[f"t_{key.index}"] if key and operation == "update" else None
            return (None if is_new else values["id"] or named), False, error
        if is_new:
            store.take_numbers(info.name, 1)
            store.take_numbers(f"{info.name}.auto", 1 if plan.automatic else 0)
            insert_row(connection, info, {name: values["s_" + name] for name in plan.stored})
            _effect(store, plan.sql, context, values, plan.sql.rules.effect)
        else:
            changes = (
                f"{quote(name)} = {sql_text(values['c_' + name])}::{plan.kinds[name]}"
                for name in plan.changed
            )
            where = f'"Id" = {literal(values["target_id"])}'
            connection.execute(f"update {table(info.name)} set {', '.join(changes)} where {where}")
            _effect(store, plan.sql, context, values, plan.sql.change_effect)
        return values["id"], is_new, None


def _plan(
    store: Store,
    context: Context,
    info: ObjectInfo,
    operation: str,
    columns: Sequence[Column],
    row: Mapping[str, str],
    external_id: FieldInfo | None,
) -> _Plan:
    """The statement for this kind of record; made once for a catalogue."""
    if store.plans.get("catalogue") is not context.catalogue or len(store.plans) > PLANS:
        store.plans.clear()
        store.plans["catalogue"] = context.catalogue
    shape = replace(
        context,
        user_id="",
        now=context.now.min,
        now_text="($moment::varchar || '')::timestamp",
        user_text="$writer::varchar",
    )
    targets = _targets(context, columns, row)
    names = tuple(column.name for column in columns)
    reached = tuple(tuple(one.name for one in found) for found in targets.values())
    key = (info.name, operation, names, external_id and external_id.name, reached, _settings(shape))
    known = store.plans.get(key)
    if known is None:
        known = store.plans[key] = _made(BatchSql(shape, info, operation, columns, external_id), targets)
    found: _Plan = known
    return found


def _settings(context: Context) -> tuple[Any, ...]:
    """What else of the context shapes a statement."""
    return (
        context.api,
        context.null_marker,
        context.email_tasks,
        context.several_accounts,
        context.inactive_owners,
        context.save_duplicates,
        context.storage_left,
    )


def _made(sql: BatchSql, targets: Mapping[int, Sequence[ObjectInfo]]) -> _Plan:
    cells = "".join(f", $cell_{column.index}::varchar as c{column.index}" for column in sql.columns)
    source = f"with w_in as not materialized ({sql.read(f'select 1::bigint as row_no{cells}')}), "
    checked = sql.checked(1, targets, "$new_id::varchar", (1, 1), source)
    stored, changed = {}, {}
    if sql.operation != "update":
        every = sql.stored("($automatic::varchar || '')::bigint")
        stored = {name: value for name, value in every.items() if not value.startswith("(null::")}
    if sql.operation != "insert":
        changed = sql.changes()
    extra = [f"{value} as {quote('s_' + name)}" for name, value in stored.items()]
    extra += [f"{value} as {quote('c_' + name)}" for name, value in changed.items()]
    text, parameters = numbered(f"select {', '.join(['*', *extra])} from ({checked}) w_checked")
    return _Plan(
        sql,
        text,
        parameters,
        tuple(stored),
        tuple(changed),
        (*sql.kept(), *(f"s_{name}" for name in stored), *(f"c_{name}" for name in changed)),
        any(field.auto_number for field in sql.info.fields.values()),
        dict(storage_columns(sql.info)),
    )


def _targets(
    context: Context, columns: Sequence[Column], row: Mapping[str, str]
) -> dict[int, list[ObjectInfo]]:
    """The object that the id in each lookup column belongs to."""
    found = {}
    for column in columns:
        if column.parent or column.field.type != "reference" or not column.field.reference_to:
            continue
        identifier = long_id((row.get(column.name) or "").strip(BLANKS))
        target = context.catalogue.by_prefix(identifier[:3]) if identifier else None
        found[column.index] = [target] if target and target.name in column.field.reference_to else []
    return found


def _effect(
    store: Store, sql: BatchSql, context: Context, values: Mapping[str, Any], effect: str | None
) -> None:
    """Runs what comes along with a record, on a working table like the batch writer's."""
    if effect is None or (effect == "direct_relations" and values["m_AccountId"] is None):
        return
    listed = ", ".join(
        f"{sql_text(values[column])}::{_type(sql, column)} as {quote(column)}" for column in sql.kept()
    )
    with store.write() as connection:
        connection.execute(f"create or replace temp table w_checked as select {listed}")
        EFFECTS[effect](store, connection, context)


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


def _clean(text: str | None) -> str | None:
    """A cell without the character that Salesforce does not keep."""
    return None if text is None else text.replace("\0", "")
