"""The only way records change by insert, update and upsert: one batch of text rows, checked and stored
as sets in DuckDB.

REST hands over one row, Bulk ten thousand; both get the same rules. A batch is cut into chunks of 200
the way Salesforce does, which matters only for keys that occur twice: within a chunk they collide,
across chunks the later row finds the record of the earlier one. Such a batch takes several passes over
ever fewer rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from loaders.rehearsal.org.batch_sql import BatchSql, Context
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.effects import EFFECTS
from loaders.rehearsal.org.header import Column
from loaders.rehearsal.org.store import Store


def write_batch(
    store: Store,
    context: Context,
    info: ObjectInfo,
    operation: str,
    columns: Sequence[Column],
    rows: str,
    external_id: FieldInfo | None = None,
) -> None:
    """Stores what can be stored of the query `rows` (row_no bigint, c0, c1, … varchar).

    Leaves the temporary table `outcome` (row_no, id, created, error); error is null or code, message
    and field names separated by character 31. Call inside `store.write()`.
    """
    sql = BatchSql(context, info, operation, columns, external_id)
    with store.write() as connection:
        connection.execute(
            "create or replace temp table outcome (row_no bigint, id varchar, created boolean, error varchar)"
        )
        if sql.single_pass:
            first, last = connection.execute(f"select min(row_no), max(row_no) from ({rows})").fetchone() or (
                None,
                None,
            )
            if first is not None:
                _one_pass(
                    store, connection, sql, 1, first, last, f"w_in as not materialized ({sql.read(rows)})"
                )
            return
        connection.execute(f"create or replace temp table w_in as {sql.read(rows)}")
        passes, first, last = (
            connection.execute("select max(pass), min(row_no), max(row_no) from w_in").fetchone() or (0,) * 3
        )
        for number in range(1, (passes or 0) + 1):
            _one_pass(store, connection, sql, number, first, last)


def _one_pass(
    store: Store,
    connection: duckdb.DuckDBPyConnection,
    sql: BatchSql,
    number: int,
    first: int,
    last: int,
    inline: str = "",
) -> None:
    info, count = sql.info, last - first + 1
    targets = _targets(connection, sql, number, f"with {inline} " if inline else "")
    source = f"with {inline}, " if inline else ""
    connection.execute(
        sql.check(number, targets, store.take_numbers(info.name, count), (first, last), source)
    )
    for count_query, refusal in sql.clashes():
        if connection.execute(count_query).fetchone() != (0,):
            connection.execute(refusal)
    if sql.operation != "update":
        automatic = any(field.auto_number for field in info.fields.values())
        auto_number = store.take_numbers(f"{info.name}.auto", count) + 1000 if automatic else 0
        connection.execute(sql.insert(auto_number, first))
    if sql.operation != "insert":
        connection.execute(sql.update())
    failed_id = f"t_{sql.key.index}" if sql.key and sql.operation == "update" else "null"
    connection.execute(
        "insert into outcome select row_no, "
        f"case when error is null then id when not is_new then coalesce(id, {failed_id}) end, "
        "is_new and error is null, error from w_checked"
    )
    if sql.operation != "update" and sql.rules.effect:
        EFFECTS[sql.rules.effect](store, connection, sql.context)
    if sql.operation != "insert" and sql.change_effect:
        EFFECTS[sql.change_effect](store, connection, sql.context)


def _targets(
    connection: duckdb.DuckDBPyConnection, sql: BatchSql, number: int, inline: str
) -> dict[int, list[ObjectInfo]]:
    """Which objects the ids in each lookup column belong to, so that only those tables are searched."""
    query = sql.prefixes(number, inline)
    if query is None:
        return {}
    found = connection.execute(query).fetchone() or ()
    targets = {}
    for column, prefixes in zip(sql.looked_up_by_id(), found, strict=True):
        objects = [sql.context.catalogue.by_prefix(prefix) for prefix in sorted(filter(None, prefixes or []))]
        targets[column.index] = [o for o in objects if o and o.name in column.field.reference_to]
    return targets
