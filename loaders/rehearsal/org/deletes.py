"""Deleting and undeleting: cascades, lookups that are cleared, deletions that a child forbids, the
recycle bin.

What a deletion takes with it comes from the catalogue's `on_delete`. Everything that one deletion
changed is remembered under its number, so that `undelete` brings back the same records and lookups.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.checks import comparable
from loaders.rehearsal.org.failures import OrgError
from loaders.rehearsal.org.ids import long_id_sql
from loaders.rehearsal.org.prepared import numbered
from loaders.rehearsal.org.store import Store, literal, quote, table
from loaders.rehearsal.org.values import error

MAX_DEPTH = 8
FEW = 20


def delete_batch(store: Store, context: Context, info: ObjectInfo, rows: str, *, hard: bool = False) -> None:
    """Deletes the records that the query `rows` (row_no, id) names; leaves the table `outcome` as the
    writer does."""
    with store.write() as connection:
        connection.execute(f"create or replace temp table w_delete as {_given(info, rows)}")
        found = (connection.execute("select count(*) from w_delete where error is null").fetchone() or (0,))[
            0
        ]
        if found:
            removal = _Removal(store, connection, context, store.take_numbers("deletion", 1), hard)
            removal.forbid(info)
            victims = "(select id from w_victims)"
            connection.execute(
                "create or replace temp table w_victims as select id from w_delete where error is null"
            )
            removal.remove(info, victims, removal.touched(info, victims), 0)
        connection.execute(
            "create or replace temp table outcome as select row_no, coalesce(id, cell) as id, "
            "false as created, error "
            "from w_delete"
        )


def delete_single(store: Store, context: Context, info: ObjectInfo, text: str) -> tuple[str, str | None]:
    """Id and error of one record that goes into the recycle bin, by prepared statements."""
    with store.write() as connection:
        sql, _ = numbered(_given(info, "select 1::bigint as row_no, $id::varchar as id"))
        _, cell, identifier, problem = store.statements.run(sql, {"p0": text}).fetchone() or (
            0,
            text,
            None,
            "",
        )
        if problem is not None:
            return identifier or cell, problem
        removal = _Removal(store, connection, context, store.take_numbers("deletion", 1), hard=False)
        touched = removal.touched(info, identifier)
        holder = next((child for child, _, action in touched if action == "restrict"), None)
        if holder:
            return identifier, f"DELETE_FAILED\x1f{_associated(info, holder)}\x1f"
        removal.remove(info, f"({literal(identifier)})", touched, 0)
        return identifier, None


def _given(info: ObjectInfo, rows: str) -> str:
    """Query: row_no, cell, id and error of every row that names a record to delete."""
    wrong = literal(f"{info.label} ID: id value of incorrect type: ")
    prefix = literal(info.key_prefix or "")
    closed = literal(f"entity type {info.name} does not support delete")
    refusal = (
        f"when true then {error('INSUFFICIENT_ACCESS_OR_READONLY', closed)} " if not info.deletable else ""
    )
    return (
        "with given as (select row_no, "
        "nullif(trim(id), '') as cell from "
        f"({rows})), long as (select *, {long_id_sql('cell')} as long from given), "
        "twins as (select *, row_number() over (partition by long order by row_no) as place from long) "
        f'select row_no, cell, "Id" as id, case {refusal}'
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


def _associated(info: ObjectInfo, child: ObjectInfo) -> str:
    return (
        f"Your attempt to delete {info.name} could not be completed because it is associated "
        f"with the following {child.label_plural.lower()}."
    )


Child = tuple[ObjectInfo, str, str]


@dataclass
class _Removal:
    """One deletion and everything that it takes along. `victims` is SQL that follows `in`: ids in parentheses."""

    store: Store
    connection: duckdb.DuckDBPyConnection
    context: Context
    number: int
    hard: bool

    def children(self, info: ObjectInfo) -> list[Child]:
        """Every field that refers to the object, with what a deletion does to it."""
        known = self.context.catalogue
        return [
            (known.object(child), field, action)
            for (child, field), action in info.on_delete.items()
            if known.has(child) and known.object(child).has(field)
        ]

    def touched(self, info: ObjectInfo, victims: str) -> list[Child]:
        """The children that really refer to a victim, by one statement; prepared if `victims` is an id."""
        every = self.children(info)
        if not every:
            return []
        single = not victims.startswith("(")
        test = "= ($id::varchar || '')" if single else f"in {victims}"
        sql = " union all ".join(
            f'(select {place} from {table(child.name)} where not "IsDeleted" and {quote(field)} {test} limit 1)'
            for place, (child, field, _) in enumerate(every)
        )
        if single:
            text, parameters = numbered(sql)
            answer = self.store.statements.run(text, dict.fromkeys(parameters, victims))
        else:
            answer = self.connection.execute(sql)
        return [every[place] for (place,) in sorted(answer.fetchall())]

    def forbid(self, info: ObjectInfo) -> None:
        """Refuses the rows of `w_delete` whose record some child holds on to."""
        for child, field, action in self.touched(info, "(select id from w_delete)"):
            if action == "restrict":
                refusal = error("DELETE_FAILED", literal(_associated(info, child)))
                self.connection.execute(
                    f"update w_delete set error = {refusal} where error is null and id in "
                    f'(select {quote(field)} from {table(child.name)} where not "IsDeleted")'
                )

    def remove(self, info: ObjectInfo, victims: str, touched: list[Child], depth: int) -> None:
        """Deletes the records and what hangs on them."""
        for child, field, action in sorted(touched, key=lambda one: one[2] != "cascade"):
            where = f'not "IsDeleted" and {quote(field)} in {victims}'
            if action == "cascade" and depth < MAX_DEPTH:
                self._cascade(child, where, depth + 1)
            elif action == "clear":
                self.connection.execute(
                    f"insert into meta.cleared select {self.number}, {literal(child.name)}, {literal(field)}, "
                    f'"Id", {quote(field)} from {table(child.name)} where {where}'
                )
                self.connection.execute(f"update {table(child.name)} set {quote(field)} = null where {where}")
        now = self.context.now_sql
        if self.hard:
            self.connection.execute(f'delete from {table(info.name)} where "Id" in {victims}')
            return
        self.connection.execute(
            f'insert into meta.recycle_bin select "Id", {literal(info.name)}, {self.number}, {now} '
            f'from {table(info.name)} where "Id" in {victims}'
        )
        stamp = f', "SystemModstamp" = {now}' if info.has("SystemModstamp") else ""
        self.connection.execute(
            f'update {table(info.name)} set "IsDeleted" = true{stamp} where "Id" in {victims}'
        )

    def _cascade(self, child: ObjectInfo, where: str, depth: int) -> None:
        """Deletes the children that the condition finds: a few by name, many as a set."""
        sql = f'select "Id" from {table(child.name)} where {where}'
        found = [str(row[0]) for row in self.connection.execute(f"{sql} limit {FEW + 1}").fetchall()]
        if not found:  # another way to the same child was first
            return
        victims = f"({', '.join(map(literal, found))})"
        if len(found) > FEW:
            self.connection.execute(f"create or replace temp table w_victims_{depth} as {sql}")
            victims = f'(select "Id" from w_victims_{depth})'
        touched = self.touched(child, found[0] if len(found) == 1 else victims)
        self.remove(child, victims, touched, depth)


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
