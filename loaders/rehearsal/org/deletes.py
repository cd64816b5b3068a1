"""Deleting and undeleting: cascades, lookups that are cleared, deletions that a child forbids, the
recycle bin.

What a deletion takes with it comes from the catalogue's `on_delete`. Everything that one deletion
changed is remembered under its number, so that `undelete` brings back the same records and lookups.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.checks import comparable
from loaders.rehearsal.org.failures import OrgError
from loaders.rehearsal.org.ids import long_id_sql
from loaders.rehearsal.org.store import Store, literal, quote, table
from loaders.rehearsal.org.values import error

MAX_DEPTH = 8


def delete_batch(store: Store, context: Context, info: ObjectInfo, rows: str, *, hard: bool = False) -> None:
    """Deletes the records that the query `rows` (row_no, id) names; leaves the table `outcome` as the
    writer does."""
    wrong = literal(f"{info.label} ID: id value of incorrect type: ")
    prefix = literal(info.key_prefix or "")
    with store.write() as connection:
        connection.execute(
            "create or replace temp table w_delete as with given as (select row_no, "
            "nullif(trim(id), '') as cell from "
            f"({rows})), long as (select *, {long_id_sql('cell')} as long from given), "
            "twins as (select *, row_number() over (partition by long order by row_no) as place from long) "
            'select row_no, cell, "Id" as id, case '
            f"when cell is null then "
            f"{error('MISSING_ARGUMENT', literal('Id not specified in a delete call'))} "
            f"when long is null then {error('MALFORMED_ID', literal('malformed id ') + ' || cell')} "
            f"when {prefix} <> '' and left(long, 3) <> {prefix} then "
            f"{error('MALFORMED_ID', wrong + ' || cell')} "
            f'when "Id" is null then '
            f"{error('INVALID_CROSS_REFERENCE_KEY', literal('invalid cross reference id'))} "
            f'when "IsDeleted" or place > 1 then {error("ENTITY_IS_DELETED", literal("entity is deleted"))} '
            f'end as error from twins left join {table(info.name)} on "Id" = long'
        )
        if not info.deletable:
            text = f"entity type {info.name} does not support delete"
            connection.execute(
                f"update w_delete set error = {error('INSUFFICIENT_ACCESS_OR_READONLY', literal(text))}"
            )
        _forbid(connection, context, info)
        connection.execute(
            "create or replace temp table w_victims as select id from w_delete where error is null"
        )
        number = store.take_numbers("deletion", 1)
        _remove(connection, context, info, number, hard, 0)
        connection.execute(
            "create or replace temp table outcome as select row_no, coalesce(id, cell) as id, "
            "false as created, error "
            "from w_delete"
        )


def _children(context: Context, info: ObjectInfo, action: str) -> Iterable[tuple[ObjectInfo, str]]:
    for (child, field), what in info.on_delete.items():
        if what == action and context.catalogue.has(child) and context.catalogue.object(child).has(field):
            yield context.catalogue.object(child), field


def _forbid(connection: duckdb.DuckDBPyConnection, context: Context, info: ObjectInfo) -> None:
    """Refuses the rows whose record some child holds on to."""
    for child, field in _children(context, info, "restrict"):
        text = (
            f"Your attempt to delete {info.name} could not be completed because it is associated "
            f"with the following "
            f"{child.label_plural.lower()}."
        )
        connection.execute(
            f"update w_delete set error = {error('DELETE_FAILED', literal(text))} where error is "
            f"null and id in "
            f'(select {quote(field)} from {table(child.name)} where not "IsDeleted")'
        )


def _remove(
    connection: duckdb.DuckDBPyConnection,
    context: Context,
    info: ObjectInfo,
    number: int,
    hard: bool,
    depth: int,
) -> None:
    """Deletes the records in `w_victims_<depth>` (level 0: `w_victims`) and what hangs on them."""
    victims = f"w_victims_{depth}" if depth else "w_victims"
    if depth >= MAX_DEPTH or connection.execute(f"select count(*) from {victims}").fetchone() == (0,):
        return
    for child, field in _children(context, info, "cascade"):
        below = f"w_victims_{depth + 1}"
        connection.execute(
            f'create or replace temp table {below} as select "Id" as id from {table(child.name)} '
            f'where not "IsDeleted" and {quote(field)} in (select id from {victims})'
        )
        _remove(connection, context, child, number, hard, depth + 1)
    for child, field in _children(context, info, "clear"):
        where = f'not "IsDeleted" and {quote(field)} in (select id from {victims})'
        connection.execute(
            f"insert into meta.cleared select {number}, {literal(child.name)}, {literal(field)}, "
            f'"Id", {quote(field)} '
            f"from {table(child.name)} where {where}"
        )
        connection.execute(f"update {table(child.name)} set {quote(field)} = null where {where}")
    now = context.now_sql
    if hard:
        connection.execute(f'delete from {table(info.name)} where "Id" in (select id from {victims})')
        return
    stamp = f', "SystemModstamp" = {now}' if info.has("SystemModstamp") else ""
    connection.execute(
        f'update {table(info.name)} set "IsDeleted" = true{stamp} where "Id" in (select id from {victims})'
    )
    connection.execute(
        f"insert into meta.recycle_bin select id, {literal(info.name)}, {number}, {now} from {victims}"
    )


def undelete(store: Store, context: Context, record_id: str) -> OrgError | None:
    """Brings back a record and everything that its deletion took with it; the error if that is not
    possible.

    A unique value that a live record has taken meanwhile keeps the whole deletion in the bin, as in
    Salesforce.
    """
    with store.write() as connection:
        found = connection.execute(
            "select deletion from meta.recycle_bin where id = ? order by deletion desc limit 1", [record_id]
        ).fetchone()
        if found is None:
            return OrgError(400, "UNDELETE_FAILED", "Entity is not in the recycle bin")
        number = found[0]
        objects = [
            str(row[0])
            for row in connection.execute(
                "select distinct object from meta.recycle_bin where deletion = ? order by 1", [number]
            ).fetchall()
        ]
        for name in objects:
            taken = _taken(connection, context.catalogue.object(name), number)
            if taken:
                return taken
        for name in objects:
            connection.execute(
                f'update {table(name)} set "IsDeleted" = false where "Id" in '
                "(select id from meta.recycle_bin where deletion = ? and object = ?)",
                [number, name],
            )
        cleared = connection.execute(
            "select distinct object, field from meta.cleared where deletion = ?", [number]
        ).fetchall()
        for name, field in cleared:
            connection.execute(
                f"update {table(name)} set {quote(field)} = cleared.value from meta.cleared cleared "
                f"where cleared.deletion = ? and cleared.object = ? and cleared.field = ? and "
                f'{table(name)}."Id" = cleared.id '
                f"and {table(name)}.{quote(field)} is null",
                [number, name, field],
            )
        connection.execute("delete from meta.recycle_bin where deletion = ?", [number])
        connection.execute("delete from meta.cleared where deletion = ?", [number])
    return None


def _taken(connection: duckdb.DuckDBPyConnection, info: ObjectInfo, number: int) -> OrgError | None:
    """The first unique value of a deletion's records that a live record has."""
    for field in info.fields.values():
        if not field.unique:
            continue
        column = comparable(field, quote(field.name))
        holder = connection.execute(
            f'select "Id" from {table(info.name)} where not "IsDeleted" and {column} in (select '
            f"{column} from "
            f'{table(info.name)} where "Id" in (select id from meta.recycle_bin where deletion = ? '
            f"and object = ?)) limit 1",
            [number, info.name],
        ).fetchone()
        if holder:
            text = f"duplicate value found: {field.name} duplicates value on record with id: {holder[0][:15]}"
            return OrgError(400, "DUPLICATE_VALUE", text)
    return None


def purge(store: Store, context: Context, record_id: str) -> OrgError | None:
    """Removes a record from the recycle bin for good; the error if it is not there."""
    with store.write() as connection:
        found = connection.execute("select object from meta.recycle_bin where id = ?", [record_id]).fetchone()
        if found is None or not context.catalogue.has(found[0]):
            return OrgError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        connection.execute(f'delete from {table(found[0])} where "Id" = ?', [record_id])
        connection.execute("delete from meta.recycle_bin where id = ?", [record_id])
    return None
