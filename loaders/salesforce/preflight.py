"""Everything that would go wrong, found before the first write (C3). Pure but for temporary tables on the
connection.

`preflight(contracts, org, connection)` compares the contracts with what the org describes, then checks every
row of every mart by SQL that is generated from describe, parents first: a row that would be refused holds its
children back. One scan of a mart counts the rows that break each rule; only broken rules cost a second scan,
which puts the rows into the temporary table `preflight_rows` (mart, record_key, severity, code, field,
value). Rows never become Python objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from loaders.salesforce.contract import CUSTOM_FIELDS, RECORD_KEY, Contract, MapLine, load_order
from loaders.salesforce.describe import DescribedObject, OrgState
from loaders.salesforce.export import WAREHOUSE, cell_sql, formatted_sql, literal, payload_sql, quoted
from loaders.salesforce.findings import BLOCKER, INFO, SAMPLES, WARNING, Finding, ordered
from loaders.salesforce.preflight_budget import Volume, budget_findings
from loaders.salesforce.preflight_checks import (
    RowCheck,
    extra_columns,
    object_columns,
    parent_alias,
    parent_table,
    row_checks,
)
from loaders.salesforce.registry import kind_of, registry
from loaders.salesforce.structure import structure_findings, writable_contracts

ROWS = "preflight_rows"
NEXT_STEPS = {
    "INVALID_FIELD": "correct the value in the source, or by a declared rule in staging",
    "DUPLICATE_VALUE": "correct the value in the source, or merge the two records there",
    "OWNER_UNRESOLVED": "run `load-sf owners` and decide what becomes of each",
    "OWNER_AMBIGUOUS": "leave the address to one active user, or reassign in owner_decisions.csv",
    "MATCH_MISSING": "create it in the org (`load-sf schema deploy` brings record types)",
    "MATCH_AMBIGUOUS": "remove the duplicate in the org",
    "PARENT_MISSING": "see in audit_record_fate why the parent is in no mart, or empty the lookup by a rule",
    "PARENT_REFUSED": "correct the parent first; the row itself may be fine",
    "NULL_LITERAL": "correct it in the source: the Bulk API reads this text as an order to empty the field",
    "PICKLIST_VALUE_UNKNOWN": "map it in seeds/maps, or add it to picklists.csv and deploy the schema",
    "TOO_MANY_ENUM_VALUE": "map several values to one, or keep them in a text field",
    "UNDECLARED_CUSTOM_FIELD": "add a line to the *_fields.csv map, or drop the value in the mart",
}


@dataclass(frozen=True)
class Preflight:
    """The result: findings, worst first, and how many rows each mart has."""

    findings: tuple[Finding, ...]
    volumes: tuple[Volume, ...]


def preflight(
    contracts: Mapping[str, Contract],
    org: OrgState,
    connection: duckdb.DuckDBPyConnection,
    *,
    map_lines: Iterable[MapLine] = (),
    structure: Iterable[Finding] | None = None,
    database: str = WAREHOUSE,
    ledger: str | None = None,
) -> Preflight:
    """All findings about a load of these contracts into this org.

    `connection` has the marts attached as `database` and, if there is one, the ledger as `ledger`. It is left
    with the temporary table `preflight_rows`, one line for each row and rule that it breaks. `structure`
    replaces the findings of structure.py, for callers that know more (`schema.check_findings` adds value sets
    and record types).
    """
    found = structure_findings(contracts, org) if structure is None else structure
    findings = [*found, *_map_findings(contracts, map_lines), *_org_findings(contracts, org)]
    run = _Run(contracts, org, connection, database, ledger)
    connection.execute(
        f"create or replace temp table {ROWS} "
        "(mart varchar, record_key varchar, severity varchar, code varchar, field varchar, value varchar)"
    )
    writable = writable_contracts(contracts, org)
    volumes = []
    for mart in load_order(contracts):
        if not run.is_built(contracts[mart]):
            findings.append(_not_built(mart))
        elif mart in writable:
            findings.extend(run.check(contracts[mart]))
            volumes.append(run.volume(contracts[mart]))
        run.publish_keys(contracts[mart])
    findings = [_with_rows(finding, volumes) for finding in findings]
    findings.extend(budget_findings(volumes, contracts, org))
    return Preflight(tuple(ordered(findings)), tuple(volumes))


class _Run:
    """One preflight's connection and the names in it."""

    def __init__(
        self,
        contracts: Mapping[str, Contract],
        org: OrgState,
        connection: duckdb.DuckDBPyConnection,
        database: str,
        ledger: str | None,
    ) -> None:
        self.contracts = contracts
        self.org = org
        self.con = connection
        self.database = database
        self.ledger = ledger

    def is_built(self, contract: Contract) -> bool:
        """Whether dbt has made the mart's table."""
        try:
            self.con.execute(f"select 1 from {quoted(self.database)}.{contract.relation} limit 0")
        except duckdb.CatalogException:
            return False
        return True

    def check(self, contract: Contract) -> list[Finding]:
        """Findings about the rows of one mart."""
        described = self.org.object(contract.object)
        if described is None:
            return []
        unreadable = self._unreadable(contract)
        if unreadable:
            return unreadable
        if contract.mart in contract.parents:
            self.publish_keys(contract)
        checks = row_checks(contract, self.contracts, described)
        counts = self._counts(contract, checks)
        broken = [check for check, count in zip(checks, counts, strict=True) if count]
        if broken:
            self._note(contract, broken)
        self._note_duplicates(contract, described)
        return [*self._findings(contract, broken), *self._undeclared(contract)]

    def volume(self, contract: Contract) -> Volume:
        """How many rows there are, are new to the org, have to be sent, and would be refused."""
        relation = f"{quoted(self.database)}.{contract.relation}"
        (rows,) = self._row(f"select count(*) from {relation}")
        new = to_send = rows
        if self.ledger:
            known = self._known(contract.mart)
            (new,) = self._row(
                f"select count(*) from {relation} where {RECORD_KEY} not in (select record_key from {known})"
            )
        if new < rows:
            (to_send,) = self._row(
                f"with formatted as (\n{formatted_sql(contract, self.database)}\n),\n"
                f"hashed as (\n    select _record_key, md5({payload_sql(contract)}) as payload_hash\n"
                "    from formatted\n)\n"
                "select count(*) from hashed where not exists (\n"
                f"    select 1 from {known} as known where known.record_key = hashed._record_key\n"
                "    and known.payload_hash = hashed.payload_hash\n)"
            )
        (refused,) = self._row(
            f"select count(distinct record_key) from {ROWS} where mart = {literal(contract.mart)} "
            f"and severity = {literal(BLOCKER)}"
        )
        return Volume(contract.mart, contract.object, rows, new, to_send, refused)

    def publish_keys(self, contract: Contract) -> None:
        """Fills the table of keys that later marts may refer to."""
        name = parent_table(contract.mart)
        if contract.mode == "match":
            keys = (
                [user.email.strip().lower() for user in self.org.users if user.is_active and user.email]
                if contract.object == "User"
                else [key.strip().lower() for key in self.org.match_keys.get(contract.mart, ())]
            )
            self.con.execute(
                f"create or replace temp table {name} as\n"
                "select match_key, count(*) as copies, false as refused "
                "from (select unnest(?::varchar[]) as match_key) as keys group by 1",
                [keys],
            )
            return
        in_mart = (
            f"select {RECORD_KEY} as match_key, {RECORD_KEY} in (\n"
            f"        select record_key from {ROWS} where mart = {literal(contract.mart)} "
            f"and severity = {literal(BLOCKER)} and record_key is not null\n    ) as refused\n"
            f"    from {quoted(self.database)}.{contract.relation}"
            if self.is_built(contract)
            else "select null::varchar as match_key, false as refused"
        )
        in_ledger = (
            f" union all select record_key, false from {self._known(contract.mart)}" if self.ledger else ""
        )
        self.con.execute(
            f"create or replace temp table {name} as\n"
            "select match_key, 1 as copies, bool_and(refused) as refused from (\n"
            f"    {in_mart}{in_ledger}\n"
            ") as keys where match_key is not null group by 1"
        )

    def _known(self, mart: str) -> str:
        """The ledger's records of a mart that are in this org, as a from item."""
        return (
            f"(select record_key, payload_hash from {self.ledger}.records "
            f"where org_id = {literal(self.org.org_id)} and mart = {literal(mart)} and sf_id is not null)"
        )

    def _row(self, sql: str) -> tuple[Any, ...]:
        """The only row of an aggregate."""
        return self.con.execute(sql).fetchall()[0]

    def _cells(self, contract: Contract) -> str:
        """The CTEs `formatted` and `cells`: trimmed text, null where nothing is left."""
        names = [field.name for field in contract.fields]
        trimmed = [f"{_trimmed(quoted(name))} as {quoted(name)}" for name in names]
        empty = [f"null::varchar as {quoted(name)}" for name in extra_columns(contract)]
        key = "nullif(trim(_record_key), '') as _record_key"
        return (
            f"with formatted as (\n{formatted_sql(contract, self.database)}\n),\n"
            f"cells as (\n    select {', '.join([key, '_partition', *trimmed, *empty])}\n"
            "    from formatted\n)"
        )

    def _joined(self, contract: Contract) -> str:
        """`cells` with the parents of every lookup, as a CTE."""
        objects = object_columns(contract, self.contracts)
        joins = []
        for field in contract.fields:
            for mart in field.references:
                cell = f"cells.{quoted(field.name)}"
                key = f"lower({cell})" if self.contracts[mart].mode == "match" else cell
                alias = parent_alias(field, mart)
                joins.append(f"\n    left join {parent_table(mart)} as {alias} on {key} = {alias}.match_key")
        parents = [
            f"{parent_alias(field, mart)} as {parent_alias(field, mart)}"
            for field in contract.fields
            for mart in field.references
        ]
        listed = ", ".join(["cells.*", *parents, *objects])
        return (
            f"{self._cells(contract)},\njoined as (\n    select {listed}\n    from cells{''.join(joins)}\n)"
        )

    def _counts(self, contract: Contract, checks: Sequence[RowCheck]) -> tuple[int, ...]:
        """Rows that break each rule, in one scan."""
        counted = ",\n    ".join(f"count(*) filter ({check.condition})" for check in checks)
        return self._row(f"{self._joined(contract)}\nselect\n    {counted}\nfrom joined")

    def _note(self, contract: Contract, broken: Sequence[RowCheck]) -> None:
        """Puts the rows that break rules into `preflight_rows`."""
        cases = ",\n        ".join(
            f"case when {check.condition} then {{'severity': {literal(check.severity)}, "
            f"'code': {literal(check.code)}, 'field': {literal(check.field)}, "
            f"'value': {f'left({quoted(check.field)}, 255)' if check.field else 'null::varchar'}}} end"
            for check in broken
        )
        self.con.execute(
            f"insert into {ROWS}\n{self._joined(contract)}\n"
            f"select {literal(contract.mart)}, _record_key, broken.severity, broken.code, broken.field,\n"
            "    broken.value\n"
            f"from (\n    select _record_key, unnest(list_filter([\n        {cases}\n"
            "    ], lambda one: one is not null)) as broken\n    from joined\n) as noted"
        )

    def _note_duplicates(self, contract: Contract, described: DescribedObject) -> None:
        """Rows that share the value of a unique field with a row that is sent before them.

        Of a key that is upserted on, all copies are refused: "Duplicate external id specified" hits both
        rows.
        """
        for field in contract.fields:
            found = described.field(field.name)
            is_key = field.name == contract.key
            if found is None or field.references or not (found.unique or (is_key and found.external_id)):
                continue
            cell = quoted(field.name)
            folded = cell if found.case_sensitive else f"lower({cell})"
            repeated = "copies > 1" if is_key and contract.mode == "upsert" else "place > 1"
            self.con.execute(
                f"insert into {ROWS}\n{self._cells(contract)}\n"
                f"select {literal(contract.mart)}, _record_key, {literal(BLOCKER)}, 'DUPLICATE_VALUE', "
                f"{literal(field.name)}, left({cell}, 255)\nfrom (\n"
                f"    select _record_key, {cell}, count(*) over (partition by {folded}) as copies,\n"
                f"        row_number() over (\n            partition by {folded}\n"
                "            order by _partition nulls first, _record_key\n        ) as place\n"
                f"    from cells where {cell} is not null and not exists (\n"
                f"        select 1 from {ROWS} as noted where noted.mart = {literal(contract.mart)}\n"
                f"        and noted.severity = {literal(BLOCKER)}\n"
                "        and noted.record_key = cells._record_key\n    )\n"
                f") as placed where {repeated}"
            )

    def _findings(self, contract: Contract, broken: Sequence[RowCheck]) -> list[Finding]:
        """One finding a rule that rows break, with the first keys as samples."""
        messages = {(check.code, check.field): check.message for check in broken}
        rows = self.con.execute(
            f"select severity, code, field, count(*), min(record_key, {SAMPLES})\n"
            f"from {ROWS} where mart = ? group by all",
            [contract.mart],
        ).fetchall()
        return [
            Finding(
                severity,
                code,
                f"{f'{contract.object}.{field}' if field else f'sf_{contract.mart}'} "
                f"{messages.get((code, field), 'has the value of another row, but must be unique')}.",
                next_step(code),
                contract.mart,
                field,
                count,
                tuple(key or "" for key in keys or ()),
                per_row=True,
            )
            for severity, code, field, count, keys in rows
        ]

    def _unreadable(self, contract: Contract) -> list[Finding]:
        """Columns of the mart whose values cannot be written as their type at all, and broken JSON."""
        relation = f"{quoted(self.database)}.{contract.relation}"
        columns = {field.column: field for field in contract.fields if field.column}
        conditions = {
            column: f"{quoted(column)} is not null and try({cell_sql(field, quoted(column))}) is null "
            f"and cast({quoted(column)} as varchar) <> ''"
            for column, field in columns.items()
        }
        if contract.has_custom_fields:
            conditions[CUSTOM_FIELDS] = f"{CUSTOM_FIELDS} is not null and not json_valid({CUSTOM_FIELDS})"
        counted = ", ".join(f"count(*) filter ({condition})" for condition in conditions.values())
        counts = self._row(f"select {counted} from {relation}") if conditions else ()
        found = []
        for (column, condition), count in zip(conditions.items(), counts, strict=True):
            if count:
                (keys,) = self._row(f"select min({RECORD_KEY}, {SAMPLES}) from {relation} where {condition}")
                found.append(
                    Finding(
                        BLOCKER,
                        "MART_UNREADABLE",
                        f"sf_{contract.mart}.{column} holds values that are not of its type.",
                        "correct the mart; nothing else in its rows was checked",
                        contract.mart,
                        column,
                        count,
                        tuple(keys or ()),
                    )
                )
        return found

    def _undeclared(self, contract: Contract) -> list[Finding]:
        """Values in custom_fields that no confirmed map line declares: nobody would send them."""
        columns = self.con.execute(
            f"select column_name from (describe {quoted(self.database)}.{contract.relation})\n"
            "where column_name = ?",
            [CUSTOM_FIELDS],
        ).fetchall()
        if not columns:
            return []
        declared = [field.name for field in contract.fields if field.column is None]
        rows = self.con.execute(
            f"select name, count(*), min({RECORD_KEY}, {SAMPLES}) from (\n"
            f"    select {RECORD_KEY}, unnest(json_keys({CUSTOM_FIELDS})) as name\n"
            f"    from {quoted(self.database)}.{contract.relation} where json_valid({CUSTOM_FIELDS})\n"
            ") as named where not list_contains(?::varchar[], name) group by 1 order by 1",
            [declared],
        ).fetchall()
        return [
            Finding(
                BLOCKER,
                "UNDECLARED_CUSTOM_FIELD",
                f"sf_{contract.mart} fills {contract.object}.{name}, which no confirmed map line declares.",
                NEXT_STEPS["UNDECLARED_CUSTOM_FIELD"],
                contract.mart,
                name,
                count,
                tuple(keys),
            )
            for name, count, keys in rows
        ]


def _trimmed(cell: str) -> str:
    """SQL: the cell without white space around it, null if nothing is left.

    Ten times as fast as trimming every cell: what begins above the blank and ends in none of these stays as
    it is.
    """
    ends = " or ".join(f"ends_with({cell}, {end})" for end in ("' '", r"e'\n'", r"e'\r'", r"e'\t'"))
    return f"case when {cell} < '!' or {ends} then nullif(trim({cell}, e' \\t\\r\\n'), '') else {cell} end"


def _not_built(mart: str) -> Finding:
    """A mart that the manifest declares and the warehouse does not have."""
    return Finding(BLOCKER, "MART_MISSING", f"sf_{mart} is not in the warehouse.", "run `dbt build`", mart)


def next_step(code: str) -> str:
    """What to do about rows with this code."""
    return NEXT_STEPS.get(code) or (kind_of(code).next_step if code in registry() else "correct the rows")


def _map_findings(contracts: Mapping[str, Contract], map_lines: Iterable[MapLine]) -> list[Finding]:
    """Map lines that nobody has confirmed yet (COM-04)."""
    objects = {contract.object for contract in contracts.values()}
    return [
        Finding(
            BLOCKER,
            "MAP_LINE_PROPOSED",
            f"{line.place} -> {line.sf_object}.{line.sf_field} is only proposed.",
            "set it to confirmed, or to ignored with a note; then `dbt build`",
            field=line.sf_field,
        )
        for line in map_lines
        if line.status == "proposed" and line.sf_object in objects | {""}
    ]


def _org_findings(contracts: Mapping[str, Contract], org: OrgState) -> list[Finding]:
    """What acts in the org on the objects that we write, and what could not be read."""
    written = {contract.object for contract in contracts.values() if contract.mode != "match"}
    groups: dict[tuple[str, str], list[str]] = {}
    for one in org.automation:
        if one.object in written:
            groups.setdefault((one.object, one.kind), []).append(one.name)
    found = [
        Finding(
            WARNING,
            f"ACTIVE_{kind.upper().replace(' ', '_')}S",
            f"{name} has {len(names)} active {kind}(s): {', '.join(sorted(names))}.",
            "ask the admin whether to switch it off for the load, and to switch it on again afterwards",
            ", ".join(mart for mart, contract in contracts.items() if contract.object == name),
        )
        for (name, kind), names in sorted(groups.items())
    ]
    return found + [
        Finding(INFO, "NOT_CHECKED", note, "ask the admin, or give the user View Setup and Configuration")
        for note in org.notes
    ]


def _with_rows(finding: Finding, volumes: Sequence[Volume]) -> Finding:
    """A structural blocker concerns every row of its mart: the count says how many."""
    rows = {volume.mart: volume.rows for volume in volumes}
    if finding.severity == BLOCKER and not finding.count and finding.mart in rows:
        return replace(finding, count=rows[finding.mart])
    return finding
