"""The SQL of one batch of inserts, updates or upserts. Pure: takes the catalogue's facts, returns
statements.

Layout of the working tables, by column of the input (i) and field (F): `t_i` trimmed cell, `v_i` typed
value, `g_i` cell was given; `g_F`, `n_F` the same by field, lookups resolved; `m_F` the value after the
write; `d_F` a value that the object's rules derive; `target_*` the record that the row meets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loaders.rehearsal.org import checks
from loaders.rehearsal.org.catalogue import AUDIT_FIELDS, NUMBER_TYPES, FieldInfo, ObjectInfo
from loaders.rehearsal.org.clashes import unique_clashes
from loaders.rehearsal.org.context import NULL_MARKER, Context
from loaders.rehearsal.org.duplicates import Duplicates, matched_fields
from loaders.rehearsal.org.header import Column
from loaders.rehearsal.org.ids import make_id, make_id_sql
from loaders.rehearsal.org.options import FREE, KILOBYTES
from loaders.rehearsal.org.rules import ObjectRules, rules_for
from loaders.rehearsal.org.store import literal, quote, storage_columns, table
from loaders.rehearsal.org.validation import needed_fields, validation_errors
from loaders.rehearsal.org.values import parse, trimmed

CHUNK = 200

__all__ = ["CHUNK", "NULL_MARKER", "BatchSql", "Context", "value_column"]


class BatchSql:
    """Statements for one object, one operation and one header."""

    def __init__(
        self,
        context: Context,
        info: ObjectInfo,
        operation: str,
        columns: Sequence[Column],
        external_id: FieldInfo | None = None,
    ) -> None:
        self.context, self.info, self.operation = context, info, operation
        self.columns = list(columns)
        self.external_id = external_id if external_id and external_id.name != "Id" else None
        self.rules: ObjectRules = _at(rules_for(info.name), context.now_sql)
        given = {c.field.name: c.field for c in self.columns if c.field.name != "Id"}
        self.given: list[FieldInfo] = list(given.values())
        names = [
            *given,
            *self.rules.needs,
            *self.rules.derived,
            *(["RecordTypeId"] if info.record_types else []),
        ]
        fields = [info.field(name) for name in names if info.has(name)]
        fields = [*needed_fields(info), *matched_fields(info), *fields]
        self.scope = list({f.name: f for f in fields}.values())
        self.derived = {name: sql for name, sql in self.rules.derived.items() if info.has(name)}
        self.duplicates = Duplicates(info, operation, self.derived, insists=context.save_duplicates)
        wanted = self.external_id.name if self.external_id else "Id"
        self.key = next((c for c in self.columns if c.field.name == wanted and not c.parent), None)
        self.unique = [f for f in self.given if f.unique]

    @property
    def change_effect(self) -> str | None:
        """The function that runs after an update of these fields."""
        field, effect = self.rules.change_effect or ("", None)
        return effect if any(info.name == field for info in self.given) else None

    # -- step 1: cells become values

    @property
    def single_pass(self) -> bool:
        """True when no two rows can be about the same record, so that cells need not be kept apart from
        their checks."""
        return self.operation == "insert" or self.key is None

    def read(self, rows: str) -> str:
        """Query with the typed cells of the query `rows`, and the pass in which each row is tried."""
        cells, typed = [], []
        for column in self.columns:
            i = column.index
            cells += [f"c{i} is not null as g_{i}", f"{trimmed(f'c{i}', self.context.null_marker)} as t_{i}"]
            if value_column(column).startswith("v"):
                typed.append(f"{parse(column.parent_field or column.field, f't_{i}').value} as v_{i}")
        ordered = self.columns if self.context.api == "bulk" else self._in_field_order()
        problems = checks.unreadable(ordered, self.context.api)
        typed.append(f"coalesce({', '.join([*problems, 'null::varchar'])}) as unreadable")
        key = "null::varchar"
        if self.key and self.operation != "insert":
            key = checks.comparable(self.key.field, value_column(self.key))
        listed = ", ".join(["row_no", *cells])
        return (
            f"with cells as not materialized (select {listed} from ({rows}) input), "
            f"typed as not materialized (select *, {', '.join(typed)} from cells), "
            f"keyed as not materialized (select *, (row_no - 1) // {CHUNK} as chunk, {key} as "
            f"row_key from typed) "
            f"{self._passes()}"
        )

    def _passes(self) -> str:
        if self.single_pass:
            return "select *, 1 as pass, 1 as twins from keyed"
        return (
            "select *, case when row_key is null then 1 "
            "else dense_rank() over (partition by row_key order by chunk) end as pass, "
            "case when row_key is null then 1 else count(*) over (partition by row_key, chunk) "
            "end as twins from keyed"
        )

    def looked_up_by_id(self) -> list[Column]:
        """Columns with ids of other records."""
        return [
            c for c in self.columns if not c.parent and c.field.type == "reference" and c.field.reference_to
        ]

    def prefixes(self, number: int, source: str) -> str | None:
        """Query: one list of key prefixes per column of `looked_up_by_id`; None if there is none."""
        columns = self.looked_up_by_id()
        lists = ", ".join(f"list(distinct left(v_{c.index}, 3))" for c in columns)
        return f"{source}select {lists} from w_in where pass = {number}" if columns else None

    # -- step 2: every rule

    def check(
        self,
        number: int,
        targets: Mapping[int, Sequence[ObjectInfo]],
        first_number: int,
        rows: tuple[int, int],
        source: str,
    ) -> str:
        """Working table `w_checked`: id, values after the write and the first error of each row.

        `rows` are the first and the last row number of the batch, `source` a with clause that defines `w_in`.
        """
        first_row, last_row = rows
        prefix = self.info.key_prefix or "01J"
        if last_row - first_row < CHUNK:
            # a few rows: computing their ids would cost more than planning all the rest
            places = range(last_row - first_row + 1)
            ids = ", ".join(literal(make_id(prefix, first_number + place)) for place in places)
            new_id = f"([{ids}])[row_no - {first_row} + 1]"
        else:
            new_id = make_id_sql(prefix, f"({first_number} + row_no - {first_row})")
        checked = self.checked(number, targets, new_id, rows, source)
        return f"create or replace temp table w_checked as {checked}"

    def kept(self) -> list[str]:
        """The columns of `w_checked`."""
        return [
            *("row_no", "is_new", "target_id", "id"),
            *("m_" + field.name for field in self.scope),
            *("d_" + name for name in self.derived),
            *("g_" + field.name for field in self.unique),
            *([f"t_{self.key.index}"] if self.key else []),
            "error",
        ]

    def checked(
        self,
        number: int,
        targets: Mapping[int, Sequence[ObjectInfo]],
        new_id: str,
        rows: tuple[int, int],
        source: str,
    ) -> str:
        """The query behind `w_checked`; `new_id` is SQL for the id of a new row."""
        first_row, _ = rows
        lookups, joins = self._lookups(targets, number)
        cells = {c.field.name: value_column(c) for c in self.columns if not c.parent}
        uniques, unique_errors = checks.uniqueness(
            self.info, self.unique, cells, f"w_in where pass = {number}"
        )
        unique_joins = [
            f"left join u_{n} on u_{n}.key = {checks.comparable(f, quote('m_' + f.name))}"
            for n, f in enumerate(self.unique)
        ]
        derived = [f"{sql} as {quote('d_' + name)}" for name, sql in self.derived.items()]
        derived.append(f"coalesce({', '.join([*self.rules.errors, 'null::varchar'])}) as rule_error")
        early = [
            *checks.closed(self.info, self.operation),
            "unreadable",
            *checks.keys(self.info, self.operation, self.key, self.external_id),
            *self._reference_errors(),
        ]
        kilobytes = KILOBYTES.get(self.info.name, 0 if self.info.name in FREE else 2)
        late = [
            *checks.storage(kilobytes, self.context.storage_left, first_row),
            *checks.frozen(self.rules, self.given, self.operation),
            *checks.access(
                self.info, self.given, self.operation, self.external_id.name if self.external_id else None
            ),
            *checks.required(self.info, self.given),
            *checks.value_errors(self._in_field_order()),
            *checks.record_types(self.info, self.given),
            "rule_error",
            *validation_errors(
                self.info, self.operation, self.derived, self.rules.defaults, self.context.now_sql
            ),
            *self.duplicates.errors(),
            *unique_errors,
            *(checks.taken_together(n, rule) for n, rule in enumerate(self.rules.unique)),
        ]
        together = [checks.together(self.info, n, rule) for n, rule in enumerate(self.rules.unique)]
        unique_joins += [
            f"left join y_{n} on y_{n}.key = {rule.new}" for n, rule in enumerate(self.rules.unique)
        ]
        expressions = [
            f"cand as not materialized (select * from w_in where pass = {number})",
            *lookups,
            f"found as not materialized (select cand.*, {self._target_columns()}, "
            f"{', '.join([*self._new_values(), 'true as found'])}, "
            f"coalesce({', '.join([*early, 'null::varchar'])}) as early_error from cand {' '.join(joins)})",
            f"merged as not materialized (select *, "
            f"{', '.join([*self._merged_values(), 'true as merged'])} from found)",
            *uniques,
            *together,
            f"derived as not materialized (select {', '.join(['m.*', *derived])} from merged m "
            f"{self.rules.joins})",
            *self.duplicates.expressions(),
        ]
        unique_joins += self.duplicates.joins()
        made = {"id": f"case when is_new then {new_id} else target_id end as id"}
        kept = [made.get(name, quote(name)) for name in self.kept()[:-1]]
        return (
            f"{source or 'with '}{', '.join(expressions)} select {', '.join(kept)}, coalesce(early_error, "
            f"{', '.join([*late, 'null::varchar'])}) as error "
            f"from derived {' '.join(unique_joins)}"
        )

    def _lookups(
        self, targets: Mapping[int, Sequence[ObjectInfo]], number: int
    ) -> tuple[list[str], list[str]]:
        expressions, joins = [], []
        source = f"w_in where pass = {number}"
        for column in self.columns:
            i = column.index
            if column.parent and column.parent_field:
                stored = checks.comparable(column.parent_field, quote(column.parent_field.name))
                wanted = checks.comparable(column.parent_field, value_column(column))
                active = _active(column.parent)
                expressions.append(
                    f'x_{i} as (select {stored} as key, min("Id") as id, count(*) as n, '
                    f"string_agg(\"Id\", ', ') as ids, "
                    f'bool_and({active}) as is_active from {table(column.parent.name)} where not "IsDeleted" '
                    f"and {stored} in (select {wanted} from {source}) group by 1)"
                )
                joins.append(f"left join x_{i} on x_{i}.key = {wanted}")
        for column in self.looked_up_by_id():
            i = column.index
            sources = [
                f'select "Id" as id, "IsDeleted" as is_deleted, {_active(target)} as is_active from '
                f'{table(target.name)} where "Id" in (select v_{i} from {source}){self._restriction(target)}'
                for target in targets.get(i, ())
            ] or ["select null::varchar as id, false as is_deleted, true as is_active where false"]
            expressions.append(f"r_{i} as ({' union all '.join(sources)})")
            joins.append(f"left join r_{i} on r_{i}.id = cand.v_{i}")
        if self.operation != "insert":
            expressions.append(self._target(source))
            joins.append("left join target on target.key = cand.row_key")
        return expressions, joins

    def _in_field_order(self) -> list[Column]:
        """The columns in the order of describe, so that the first error does not depend on the order of
        the request."""
        places = {key: place for place, key in enumerate(self.info.fields)}
        return sorted(self.columns, key=lambda column: places[column.field.name.lower()])

    def _reference_errors(self) -> list[str]:
        return checks.references(
            self._in_field_order(), self.info, self._allowed, self.context.inactive_owners
        )

    def _allowed(self, info: FieldInfo) -> list[str]:
        known = self.context.catalogue
        return [known.object(n).key_prefix or "" for n in info.reference_to if known.has(n)]

    def _restriction(self, target: ObjectInfo) -> str:
        """A record type must be one of this very object."""
        return f' and "SobjectType" = {literal(self.info.name)}' if target.name == "RecordType" else ""

    def _target(self, rows: str) -> str:
        source = table(self.info.name)
        if self.external_id:
            stored = checks.comparable(self.external_id, quote(self.external_id.name))
            current = [f"any_value({quote(f.name)}) as {quote('cur_' + f.name)}" for f in self.scope]
            columns = ", ".join(
                [
                    'min("Id") as target_id',
                    "false as target_deleted",
                    "count(*) as target_n",
                    "string_agg(\"Id\", ', ') as target_ids",
                    *current,
                ]
            )
            where = f'not "IsDeleted" and {stored} in (select row_key from {rows}) group by 1'
            return f"target as (select {stored} as key, {columns} from {source} where {where})"
        current = [f"{quote(f.name)} as {quote('cur_' + f.name)}" for f in self.scope]
        columns = ", ".join(
            [
                '"Id" as target_id',
                '"IsDeleted" as target_deleted',
                "1 as target_n",
                '"Id" as target_ids',
                *current,
            ]
        )
        where = f'"Id" in (select row_key from {rows})'
        return f'target as (select "Id" as key, {columns} from {source} where {where})'

    def _target_columns(self) -> str:
        if self.operation == "insert":
            return "null::varchar as target_id, false as target_deleted, 0 as target_n, true as is_new"
        is_new = "false"
        if self.operation == "upsert":
            is_new = "target.target_id is null" if self.external_id else "cand.row_key is null"
        return f"target.* exclude (key), {is_new} as is_new"

    def _new_values(self) -> list[str]:
        values = []
        for info in self.given:
            columns = [c for c in self.columns if c.field.name == info.name]
            parts = [f"x_{c.index}.id" if c.parent else f"cand.{value_column(c)}" for c in columns]
            given = " or ".join(f"cand.g_{c.index}" for c in columns)
            values.append(f"({given}) as {quote('g_' + info.name)}")
            values.append(f"coalesce({', '.join(parts)}) as {quote('n_' + info.name)}")
        names = {info.name for info in self.given}
        values += [f"false as {quote('g_' + info.name)}" for info in self.scope if info.name not in names]
        return values

    def _merged_values(self) -> list[str]:
        names = {info.name for info in self.given}
        values = []
        for info in self.scope:
            default, current = self.default(info), quote("cur_" + info.name)
            new = quote("n_" + info.name)
            if self.operation == "insert":
                sql = f"coalesce({new}, {default})" if info.name in names else default
            elif info.name in names:
                sql = (
                    f"case when is_new then coalesce({new}, {default}) "
                    f"when {quote('g_' + info.name)} then {new} else {current} end"
                )
            else:
                sql = f"case when is_new then {default} else {current} end"
            values.append(f"({sql})::{info.storage_type} as {quote('m_' + info.name)}")
        return values

    # -- step 3: unique values that collide inside the batch

    def clashes(self) -> list[tuple[str, str]]:
        """Per unique field a query that counts colliding values, and the statement that refuses all but
        the first."""
        return [*unique_clashes(self.unique, self.rules), *self.duplicates.clashes(CHUNK)]

    # -- step 4: store

    def insert(self, auto_number: int, first_row: int) -> str:
        """Stores the new rows."""
        stored = self.stored(f"{auto_number - first_row}")
        names = ", ".join(map(quote, stored))
        return (
            f"insert into {table(self.info.name)} ({names}) select {', '.join(stored.values())} "
            f"from w_checked where error is null and is_new"
        )

    def stored(self, offset: str) -> dict[str, str]:
        """Per stored column SQL over `w_checked`: what a new record holds. `offset` is SQL for the number that
        comes before an automatic number of row 0."""
        scope, found = {info.name for info in self.scope}, {}
        for name, kind in storage_columns(self.info):
            info = self.info.fields.get(name.lower())
            found[name] = f"({self._stored(name, info, scope, offset)})::{kind}"
        return found

    def _stored(self, name: str, info: FieldInfo | None, scope: set[str], offset: str) -> str:
        if name == "Id":
            return "id"
        if info is None:
            return "false"
        if name in self.derived:
            return quote("d_" + name)
        if info.auto_number:
            return f"lpad(({offset} + row_no)::varchar, 8, '0')"
        fallback = self.rules.defaults.get(name)
        if name in scope:
            return f"coalesce({quote('m_' + name)}, {fallback})" if fallback else quote("m_" + name)
        return fallback or self.default(info)

    def update(self) -> str:
        """Changes the records that rows met."""
        listed = ", ".join(f"{quote(name)} = {value}" for name, value in self.changes().items())
        return (
            f"update {table(self.info.name)} set {listed} from temp.w_checked "
            f'where error is null and not is_new and {table(self.info.name)}."Id" = target_id'
        )

    def changes(self) -> dict[str, str]:
        """Per column that an update touches SQL over `w_checked`: its new value."""
        audit = {
            "LastModifiedDate": self.context.now_sql,
            "LastModifiedById": self.context.user_sql,
            "SystemModstamp": self.context.now_sql,
        }
        found = {
            f.name: quote("m_" + f.name) for f in self.given if f.updateable and f.name not in AUDIT_FIELDS
        }
        found |= {name: quote("d_" + name) for name in self.derived}
        return found | {name: value for name, value in audit.items() if self.info.has(name)}

    def default(self, info: FieldInfo) -> str:
        """SQL: what a new record gets in a field that the request leaves out."""
        if info.name in ("OwnerId", "CreatedById", "LastModifiedById") and "User" in info.reference_to:
            return self.context.user_sql
        if info.name in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            return self.context.now_sql
        if info.name == "RecordTypeId":
            usual = next((one.id for one in self.info.record_types if one.default and one.available), None)
            return f"{literal(usual)}::{info.storage_type}"
        if info.type == "boolean":
            return "true" if (info.default_value or "").lower() == "true" else "false"
        if info.default_value is not None and info.createable:
            return f"{literal(info.default_value)}::{info.storage_type}"
        if info.type in NUMBER_TYPES and not info.nillable and not info.createable:
            return f"0::{info.storage_type}"
        return f"null::{info.storage_type}"


def _at(rules: ObjectRules, now: str) -> ObjectRules:
    """The rules with the time of the write filled in."""
    return replace(
        rules,
        derived={name: sql.replace("$moment", now) for name, sql in rules.derived.items()},
        defaults={name: sql.replace("$moment", now) for name, sql in rules.defaults.items()},
    )


def value_column(column: Column) -> str:
    """The working column with the typed value of a cell: the trimmed text itself where that is the value."""
    cell = f"t_{column.index}"
    same = parse(column.parent_field or column.field, cell).value == cell
    return cell if same else f"v_{column.index}"


def _active(info: ObjectInfo) -> str:
    """SQL: whether a record may own others."""
    return '"IsActive"' if info.name == "User" else "true"
