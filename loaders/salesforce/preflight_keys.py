"""What rows refer to and are told apart by: keys of parents, record types, doubles, files on disk. SQL for preflight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from loaders.salesforce.contract import RECORD_KEY, Contract
from loaders.salesforce.describe import DescribedObject, OrgState
from loaders.salesforce.export import (
    FILE_PATH,
    FILE_SIZE,
    formatted_sql,
    literal,
    quoted,
    raw_value,
)
from loaders.salesforce.files import LARGEST
from loaders.salesforce.findings import BLOCKER, SAMPLES, Finding
from loaders.salesforce.parents import record_types_of
from loaders.salesforce.preflight_checks import parent_table

ROWS = "preflight_rows"


def known_records(ledger: str, org_id: str, mart: str) -> str:
    """The ledger's records of a mart that are in an org, as a from item."""
    return (
        f"(select record_key, payload_hash from {ledger}.records "
        f"where org_id = {literal(org_id)} and mart = {literal(mart)} and sf_id is not null)"
    )


@dataclass(frozen=True)
class Keys:
    """Fills the tables of keys that rows may refer to. `loaded` names the marts that this org takes."""

    contracts: Mapping[str, Contract]
    org: OrgState
    connection: duckdb.DuckDBPyConnection
    database: str
    ledger: str | None
    loaded: frozenset[str]

    def publish(self, contract: Contract, *, is_built: bool) -> None:
        """The keys of one mart: those that will be in the org after the load, and those that are."""
        name = parent_table(contract.mart)
        if contract.mode == "match":
            self._publish_matched(contract, name, is_built=is_built)
            return
        in_mart = "select null::varchar as match_key, false as refused"
        if is_built and contract.mart in self.loaded:
            in_mart = (
                f"select {RECORD_KEY} as match_key, {RECORD_KEY} in (\n"
                f"        select record_key from {ROWS} where mart = {literal(contract.mart)} "
                f"and severity = {literal(BLOCKER)} and record_key is not null\n    ) as refused\n"
                f"    from {contract.source(self.database)}"
            )
        in_ledger = ""
        if self.ledger:
            known = known_records(self.ledger, self.org.org_id, contract.mart)
            in_ledger = f" union all select record_key, false from {known}"
        self.connection.execute(
            f"create or replace temp table {name} as\n"
            "select match_key, 1 as copies, bool_and(refused) as refused from (\n"
            f"    {in_mart}{in_ledger}\n"
            ") as keys where match_key is not null group by 1"
        )

    def _publish_matched(self, contract: Contract, name: str, *, is_built: bool) -> None:
        """What the org has of itself, by its key and by the record_key of the mart's row for it."""
        keys = (
            [user.email.strip().lower() for user in self.org.users if user.is_active and user.email]
            if contract.object == "User"
            else [key.strip().lower() for key in self.org.match_keys.get(contract.mart, ())]
        )
        self.connection.execute(
            f"create or replace temp table {name} as\n"
            "select match_key, count(*) as copies, false as refused "
            "from (select unnest(?::varchar[]) as match_key) as keys group by 1",
            [keys],
        )
        if is_built:
            names = contract.key_fields or (str(contract.key),)
            cells = ", ".join(f"coalesce(lower(trim({quoted(one)})), '')" for one in names)
            self.connection.execute(
                f"insert into {name}\nwith formatted as (\n{formatted_sql(contract, self.database)}\n)\n"
                f"select lower(trim(formatted._record_key)), keys.copies, false from formatted inner join {name} as keys\n"
                f"on keys.match_key = concat_ws('/', {cells})\n"
                f"where lower(trim(formatted._record_key)) not in (select match_key from {name})"
            )

    def publish_record_types(self, contract: Contract, *, is_built: bool) -> list[Finding]:
        """The record types that the user may give to records of an object, and a finding for each that rows miss."""
        described = self.org.object(contract.object)
        shown = {
            one.developer_name.lower(): one.available for one in (described.record_types if described else ())
        }
        active = {name.lower() for on, name in self.org.record_types if on == contract.object}
        usable = [name for name in active if shown.get(name, True)]
        self.connection.execute(
            f"create or replace temp table {parent_table(record_types_of(contract.object))} as\n"
            "select match_key, 1 as copies, false as refused from (select unnest(?::varchar[]) as match_key) as keys",
            [usable],
        )
        return [
            finding
            for one in self.contracts.values()
            if one.object == contract.object and is_built and one.mart in self.loaded
            for finding in self._missing_record_types(one, active, usable)
        ]

    def _missing_record_types(
        self, contract: Contract, active: set[str], usable: list[str]
    ) -> Iterator[Finding]:
        """A blocker for each record type that rows of a mart name and the user cannot give them."""
        for field in (one for one in contract.fields if one.record_type):
            value = raw_value(field)
            rows = self.connection.execute(
                f"select {value}, count(*), min({RECORD_KEY}, {SAMPLES}) from {contract.source(self.database)}\n"
                f"where {value} <> '' and not list_contains(?::varchar[], lower(trim({value}))) group by 1 order by 1",
                [usable],
            ).fetchall()
            for name, count, keys in rows:
                withheld = str(name).strip().lower() in active
                problem = (
                    "is not assigned to the user of the load"
                    if withheld
                    else "is missing or not active in the org"
                )
                yield Finding(
                    BLOCKER,
                    "RECORD_TYPE_MISSING",
                    f"The record type {name} of {contract.object} {problem}.",
                    "run `load-sf schema deploy`, which also assigns its permission set, or correct it in the org",
                    contract.mart,
                    field.name,
                    count,
                    tuple(keys or ()),
                )


def duplicate_statements(
    contract: Contract, described: DescribedObject, cells: str, table: str
) -> Iterator[str]:
    """The statements that note rows that share the value of a unique field, or their natural key, with an earlier row.

    Of a key that is upserted on, all copies are refused: "Duplicate external id specified" hits both rows.
    """
    for field in contract.fields:
        found = described.field(field.name)
        is_key = field.name == contract.key
        if found is None or field.is_lookup or not (found.unique or (is_key and found.external_id)):
            continue
        cell = quoted(field.name)
        folded = cell if found.case_sensitive else f"lower({cell})"
        repeated = "copies > 1" if is_key and contract.mode == "upsert" else "place > 1"
        yield _doubles(contract, cells, table, "DUPLICATE_VALUE", field.name, folded, repeated)
    if contract.mode == "insert_if_absent" and not contract.key:
        parts = ", ".join(f"lower({quoted(name)})" for name in contract.key_fields)
        yield _doubles(contract, cells, table, "DUPLICATE_KEY", contract.key_fields[0], parts, "place > 1")


def _doubles(
    contract: Contract, cells: str, table: str, code: str, field: str, partition: str, repeated: str
) -> str:
    """The statement that notes the rows of a partition that are too many; rows that are refused anyway do not count."""
    cell = quoted(field)
    return (
        f"insert into {table}\n{cells}\n"
        f"select {literal(contract.mart)}, _record_key, {literal(BLOCKER)}, {literal(code)}, "
        f"{literal(field)}, left({cell}, 255)\nfrom (\n"
        f"    select _record_key, {cell}, count(*) over (partition by {partition}) as copies,\n"
        f"        row_number() over (\n            partition by {partition}\n"
        "            order by _partition nulls first, _record_key\n        ) as place\n"
        f"    from cells where {cell} is not null and not exists (\n"
        f"        select 1 from {table} as noted where noted.mart = {literal(contract.mart)}\n"
        f"        and noted.severity = {literal(BLOCKER)}\n"
        "        and noted.record_key = cells._record_key\n    )\n"
        f") as placed where {repeated}"
    )


def file_statements(contract: Contract, cells: str, root: Path, table: str) -> Iterator[str]:
    """The statements that note files that are not on disk, and files that no org takes."""
    on_disk = f"select file[{len(str(root)) + 2}:] from glob({literal(str(root / '**'))})"
    for code, condition in (
        ("FILE_MISSING", f"coalesce({FILE_PATH}, '') not in ({on_disk})"),
        ("FILE_TOO_LARGE", f"{FILE_SIZE} > {LARGEST}"),
    ):
        yield (
            f"insert into {table}\n{cells}\n"
            f"select {literal(contract.mart)}, _record_key, {literal(BLOCKER)}, {literal(code)}, '',\n"
            f"    left({FILE_PATH}, 255) from cells where {condition}"
        )
