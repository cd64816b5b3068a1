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

from loaders.project import files_dir
from loaders.salesforce.contract import RECORD_KEY, Contract, load_order
from loaders.salesforce.describe import OrgState
from loaders.salesforce.export import (
    FILE_HASH,
    FILE_PATH,
    FILE_SIZE,
    WAREHOUSE,
    formatted_sql,
    literal,
    payload_sql,
    quoted,
)
from loaders.salesforce.field_map import MapLine
from loaders.salesforce.findings import BLOCKER, INFO, SAMPLES, WARNING, Finding, ordered
from loaders.salesforce.match import needed_record_types
from loaders.salesforce.parents import is_matched, parents_of
from loaders.salesforce.passes import first_pass
from loaders.salesforce.preflight_budget import Volume, budget_findings
from loaders.salesforce.preflight_checks import (
    RowCheck,
    extra_columns,
    object_columns,
    parent_alias,
    parent_table,
    row_checks,
)
from loaders.salesforce.preflight_columns import undeclared_findings, unreadable_findings
from loaders.salesforce.preflight_keys import (
    Keys,
    duplicate_statements,
    file_statements,
    known_records,
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
    "DUPLICATE_KEY": "merge the rows in the mart, or correct the key",
    "RECORD_TYPE_MISSING": "run `load-sf schema deploy`, or correct the name in the mart",
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
    volumes: list[Volume] = []
    left_out: dict[str, int] = {}
    keys = Keys(contracts, org, connection, database, ledger, frozenset(writable))
    for mart in (
        parent for one in contracts.values() for field in one.later_fields for parent in field.references
    ):
        keys.publish(
            contracts[mart], is_built=run.is_built(contracts[mart])
        )  # a child of the first pass may come first
    for contract in needed_record_types(contracts.values()):
        findings.extend(keys.publish_record_types(contract, is_built=run.is_built(contract)))
    for mart in load_order(contracts):
        built = run.is_built(contracts[mart])
        if not built:
            findings.append(_not_built(mart))
        elif mart in writable:
            findings.extend(run.check(contracts[mart]))
            volumes.append(run.volume(contracts[mart]))
        elif contracts[mart].mode != "match":
            left_out[mart] = run.rows(contracts[mart])
        keys.publish(contracts[mart], is_built=built)
    findings = [_with_rows(finding, volumes, left_out) for finding in findings]
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
        unreadable = unreadable_findings(contract, self.con, self.database)
        if unreadable:
            return unreadable
        checks = row_checks(contract, self.contracts, described)
        counts = self._counts(contract, checks)
        broken = [check for check, count in zip(checks, counts, strict=True) if count]
        if broken:
            self._note(contract, broken)
        for statement in duplicate_statements(contract, described, self._cells(contract), ROWS):
            self.con.execute(statement)
        if contract.file:
            for statement in file_statements(contract, self._cells(contract), files_dir(), ROWS):
                self.con.execute(statement)
        return [
            *self._findings(contract, broken),
            *undeclared_findings(contract, self.con, self.database, NEXT_STEPS["UNDECLARED_CUSTOM_FIELD"]),
        ]

    def rows(self, contract: Contract) -> int:
        """Rows of a mart."""
        return int(self._row(f"select count(*) from {contract.source(self.database)}")[0])

    def volume(self, contract: Contract) -> Volume:
        """How many rows there are, are new to the org, have to be sent, and would be refused."""
        relation = contract.source(self.database)
        new = to_send = rows = self.rows(contract)
        first = first_pass(contract)
        if self.ledger:
            known = self._known(contract.mart)
            (new,) = self._row(
                f"select count(*) from {relation} where {RECORD_KEY} not in (select record_key from {known})"
            )
        if new < rows:
            (to_send,) = self._row(
                f"with formatted as (\n{formatted_sql(first, self.database)}\n),\n"
                f"hashed as (\n    select _record_key, md5({payload_sql(first)}) as payload_hash\n"
                "    from formatted\n)\n"
                "select count(*) from hashed where not exists (\n"
                f"    select 1 from {known} as known where known.record_key = hashed._record_key\n"
                "    and known.payload_hash = hashed.payload_hash\n)"
            )
        (refused,) = self._row(
            f"select count(distinct record_key) from {ROWS} where mart = {literal(contract.mart)} "
            f"and severity = {literal(BLOCKER)}"
        )
        size = 0
        if contract.file and new:
            (size,) = self._row(
                f"select coalesce(sum({quoted(contract.file.size)}), 0)::bigint from {relation}"
            )
        return Volume(contract.mart, contract.object, rows, new, to_send, refused, size * new // max(rows, 1))

    def _known(self, mart: str) -> str:
        """The ledger's records of a mart that are in this org, as a from item."""
        return known_records(str(self.ledger), self.org.org_id, mart)

    def _row(self, sql: str) -> tuple[Any, ...]:
        """The only row of an aggregate."""
        return self.con.execute(sql).fetchall()[0]

    def _cells(self, contract: Contract) -> str:
        """The CTEs `formatted` and `cells`: trimmed text, null where nothing is left."""
        names = [field.name for field in contract.fields]
        beside = [FILE_PATH, FILE_HASH, FILE_SIZE] if contract.file else []
        trimmed = [f"{_trimmed(quoted(name))} as {quoted(name)}" for name in names]
        empty = [f"null::varchar as {quoted(name)}" for name in extra_columns(contract)]
        key = "nullif(trim(_record_key), '') as _record_key"
        return (
            f"with formatted as (\n{formatted_sql(contract, self.database)}\n),\n"
            f"cells as (\n    select {', '.join([key, '_partition', *beside, *trimmed, *empty])}\n"
            "    from formatted\n)"
        )

    def _joined(self, contract: Contract) -> str:
        """`cells` with the parents of every lookup, as a CTE."""
        objects = object_columns(contract, self.contracts)
        joins = []
        for field in contract.fields:
            for mart in parents_of(contract, field):
                cell = f"cells.{quoted(field.name)}"
                key = f"lower({cell})" if is_matched(mart, self.contracts) else cell
                alias = parent_alias(field, mart)
                joins.append(f"\n    left join {parent_table(mart)} as {alias} on {key} = {alias}.match_key")
        parents = [
            f"{parent_alias(field, mart)} as {parent_alias(field, mart)}"
            for field in contract.fields
            for mart in parents_of(contract, field)
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
            f"{line.place} -> {line.target} is only proposed.",
            "set it to confirmed, or to ignored with a note; then `dbt build`",
            field=line.sf_field,
        )
        for line in map_lines
        if line.holds_back(objects)
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


def _with_rows(finding: Finding, volumes: Sequence[Volume], left_out: Mapping[str, int]) -> Finding:
    """A structural blocker concerns every row of its mart, and so does leaving it out: the count says how many."""
    if finding.code in ("FEATURE_MISSING", "STAND_IN_NOT_NEEDED"):
        return replace(finding, count=left_out.get(finding.mart, 0))
    rows = {volume.mart: volume.rows for volume in volumes}
    if finding.severity == BLOCKER and not finding.count and finding.mart in rows:
        return replace(finding, count=rows[finding.mart])
    return finding
