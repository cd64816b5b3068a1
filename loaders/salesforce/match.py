"""Finds records that the org already has: users, price books and record types to refer to, and rows of marts that must
not be inserted twice.

Each is a bulk query into files and one join in DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError
from loaders.salesforce import bulk
from loaders.salesforce.collect_sql import NOW
from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import DescribedObject
from loaders.salesforce.export import formatted_sql, literal, quoted, read_sql
from loaders.salesforce.facts import object_facts
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.parents import PLANNED, parent_ctes, parent_joins, record_types_of, resolved_id
from loaders.salesforce.results import header_of
from loaders.salesforce.session import Org, RequestFailedError
from loaders.salesforce.soql import id_lists

ACTIVE_ONLY = (
    "User",
    "RecordType",
)  # what is inactive cannot newly be referred to; an inactive price book can


def describe_fields(org: Org, sobject: str) -> dict[str, dict[str, Any]]:
    """The object's fields that the user may see, by API name; ConfigurationError without such an object."""
    try:
        body = org.request("GET", f"sobjects/{sobject}/describe").json()
    except RequestFailedError as error:
        if error.status != 404:
            raise
        raise ConfigurationError(
            f"The org has no object {sobject}, or the user may not see it.", "deploy it or enable the feature"
        ) from error
    return {field["name"]: field for field in body["fields"]}


def never_empty(org: Org, sobject: str) -> set[str]:
    """API names of the fields that always have a value, such as the owner."""
    return {name for name, field in describe_fields(org, sobject).items() if not field.get("nillable", True)}


def natural_keys(contract: Contract) -> list[str]:
    """The fields that tell records apart where there is no external id."""
    return [*contract.key_fields]


def resolve(org: Org, ledger: Ledger, contract: Contract, folder: Path) -> tuple[int, int]:
    """(matched, unmatched) rows of a mart that is only looked up; fills `resolved` with what the org has.

    A record is found by its natural key, several fields of one joined by a slash, without regard to case, and by
    the record_key of the mart's row. Of users and record types only active ones count.
    """
    names = natural_keys(contract) or [str(contract.key)]
    active = contract.object in ACTIVE_ONLY and "IsActive" in describe_fields(org, contract.object)
    columns = list(dict.fromkeys(["Id", *names, *(["IsActive"] if active else [])]))
    soql = f"SELECT {', '.join(columns)} FROM {contract.object}"
    files = [str(file) for file in bulk.query_to_files(org, soql, folder) if header_of(file)]
    ledger.con.execute("delete from resolved where mart = ?", [contract.mart])
    key = _slashed(names)
    if files:
        ledger.con.execute(
            f"insert into resolved select {literal(contract.mart)}, {key}, min({quoted('Id')}), count(*)\n"
            f"from {read_sql(files, columns)} where {quoted(names[0])} is not null"
            f"{' and lower(IsActive) = ' + literal('true') if active else ''} group by all"
        )
    rows = (
        f"with formatted as ({formatted_sql(contract)}),\n"
        f"rows_of as (select lower(trim(_record_key)) as record_key, {key} as match_key from formatted)\n"
    )
    joined = (
        f"from rows_of left join resolved on resolved.mart = {literal(contract.mart)}\n"
        "and rows_of.match_key = resolved.match_key"
    )
    matched, unmatched = ledger.one(
        f"{rows}select count(resolved.sf_id), count(*) - count(resolved.sf_id) {joined}"
    )
    ledger.con.execute(
        f"insert into resolved {rows}select {literal(contract.mart)}, rows_of.record_key, resolved.sf_id,\n"
        f"resolved.copies {joined} where resolved.sf_id is not null and rows_of.record_key <> rows_of.match_key"
    )
    return matched, unmatched


def _slashed(names: Sequence[str]) -> str:
    """SQL for the text by which a record is found: its key fields, joined by a slash, in lower case."""
    cells = ", ".join(f"coalesce(lower(trim({quoted(name)})), '')" for name in names)
    return f"concat_ws('/', {cells})"


def resolve_record_types(
    org: Org, ledger: Ledger, contract: Contract, described: DescribedObject | None
) -> int:
    """How many record types of the contract's object the user may give to records; fills `resolved` with them."""
    name = record_types_of(contract.object)
    ledger.con.execute("delete from resolved where mart = ?", [name])
    withheld = {
        one.developer_name for one in (described.record_types if described else ()) if not one.available
    }
    soql = f"SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = '{contract.object}' AND IsActive = true"
    found = [
        [name, row["DeveloperName"].lower(), row["Id"]]
        for row in org.query(soql)
        if row["DeveloperName"] not in withheld
    ]
    if found:
        ledger.con.executemany("insert into resolved values (?, ?, ?, 1)", found)
    return len(found)


def find_existing(
    org: Org, ledger: Ledger, contract: Contract, contracts: Mapping[str, Contract], org_id: str, folder: Path
) -> int:
    """How many rows of the mart the org already has; fills `org_keys` with their Ids.

    Asked by external id if the mart has one, then by its natural keys, whose parts may be lookups; text without
    regard to case. A row that several records of the org fit is in `org_clashes` instead. The org is not asked
    when the ledger knows every row.
    """
    ledger.con.execute("delete from org_keys where mart = ?", [contract.mart])
    ledger.con.execute("delete from org_clashes where mart = ?", [contract.mart])
    ledger.con.execute(_identified_sql(contract, contracts, org_id))
    if not ledger.one("select count(*) from identified")[0]:
        return 0
    columns = list(
        dict.fromkeys(
            ["Id", *([contract.key] if contract.key else []), *contract.key_fields, *_of_files(contract)]
        )
    )
    files = []
    for condition in _conditions(ledger, contract):
        soql = f"SELECT {', '.join(columns)} FROM {contract.object}{condition}"
        files += [str(file) for file in bulk.query_to_files(org, soql, folder) if header_of(file)]
    if not files:
        return 0
    ledger.con.execute(f"create or replace temp table in_org_now as select * from {read_sql(files, columns)}")
    mart = literal(contract.mart)
    for condition in _matches(contract):
        found = (
            f"select {mart}, identified.record_key, min(existing.{quoted('Id')}), count(*) as copies\n"
            f"from identified inner join in_org_now as existing on {condition}\n"
            f"where identified.record_key not in (select record_key from org_keys where mart = {mart})\n"
            "group by identified.record_key"
        )
        ledger.con.execute(f"create or replace temp table found_now as {found}")
        ledger.con.execute("insert into org_keys select * exclude (copies) from found_now where copies = 1")
        ledger.con.execute(
            "insert into org_clashes select * exclude (copies) from found_now where copies > 1"
        )
    rows: int = ledger.one("select count(*) from org_keys where mart = ?", [contract.mart])[0]
    return rows


def _of_files(contract: Contract) -> tuple[str, ...]:
    """What else is asked of a file: the document that links name, and the checksum of its content."""
    return ("ContentDocumentId", "Checksum") if contract.mode == "file" else ()


def _identified_sql(contract: Contract, contracts: Mapping[str, Contract], org_id: str) -> str:
    """The statement that fills `identified`: record_key and key fields, Ids for lookups, of rows not in the ledger."""
    fields = [contract.field(name) for name in contract.key_fields if contract.field(name).is_lookup]
    ctes = "".join(f",\n{cte}" for cte in parent_ctes(contract, fields, contracts, org_id))
    cells = "".join(
        f", {resolved_id(contract, contract.field(name))} as {quoted(name)}"
        if contract.field(name).is_lookup
        else f", lower(trim(formatted.{quoted(name)})) as {quoted(name)}"
        for name in contract.key_fields
    )
    return (
        f"create or replace temp table identified as\nwith formatted as (\n{formatted_sql(contract)}\n){ctes}\n"
        f"select formatted._record_key as record_key{cells}\nfrom formatted\n"
        f"{parent_joins(contract, fields, contracts, 'formatted')}\n"
        "where formatted._record_key not in (\n"
        f"    select record_key from ledger.records where org_id = {literal(org_id)}\n"
        f"    and mart = {literal(contract.mart)} and sf_id is not null\n)"
    )


def _matches(contract: Contract) -> Iterator[str]:
    """The conditions by which a row meets a record of the org, the surest first.

    Of several natural keys a record has one, so all its parts must be there; a single one may have empty parts.
    A record that carries another row's external id is that row's.
    """
    if contract.key:
        yield f"identified.record_key = trim(existing.{quoted(contract.key)})"
    free = ""
    if contract.key and contract.key not in contract.key_fields:
        free = f" and existing.{quoted(contract.key)} is null"
    alone = len(contract.natural_keys) == 1
    for key in contract.natural_keys:
        parts = []
        for name in key:
            ours, theirs = f"identified.{quoted(name)}", f"existing.{quoted(name)}"
            if not contract.field(name).is_lookup:
                theirs = f"lower(trim({theirs}))"
            parts.append(
                f"coalesce({ours}, '') = coalesce({theirs}, '')"
                if alone and len(key) > 1
                else f"{ours} = {theirs}"
            )
        yield " and ".join(parts) + free


def _conditions(ledger: Ledger, contract: Contract) -> Iterator[str]:
    """The conditions of the queries that find what may be there. Some objects tell nothing without a list of parents."""
    asked_by = object_facts(contract.object).asked_by
    if asked_by:
        column = quoted(asked_by)
        rows = ledger.rows(
            f"select distinct {column} from identified where {column} <> {literal(PLANNED)} order by 1"
        )
        yield from (f" WHERE {one}" for one in id_lists(asked_by, [value for (value,) in rows]))
    else:
        yield f" WHERE {contract.key} != null" if contract.key and not contract.key_fields else ""


def adopt(ledger: Ledger, contract: Contract, org_id: str, run_id: str) -> int:
    """How many records that nobody can update, and that the org was found to have, the ledger now knows.

    Their content is taken for what the mart says; reconciling compares it, field by field.
    """
    mine = f"org_id = {literal(org_id)} and mart = {literal(contract.mart)}"
    found = (
        f"select record_key, decided.sf_id from decided where decision = 'same' and decided.sf_id is not null\n"
        f"and record_key not in (select record_key from ledger.records where {mine} and sf_id is not null)"
    )
    count: int = ledger.one(f"select count(*) from ({found}) as found")[0]
    if not count:
        return 0
    document = "null::varchar"
    if contract.mode == "file":
        document = (
            "(select json_object('ContentDocumentId', any_value(existing.ContentDocumentId))::varchar\n"
            f"    from in_org_now as existing where existing.{quoted('Id')} = decided.sf_id)"
        )
    with ledger.transaction():
        ledger.con.execute(f"create or replace temp table adopted as {found}")
        ledger.con.execute(
            f"delete from ledger.records where {mine} and record_key in (select record_key from adopted)"
        )
        ledger.con.execute(
            "insert into ledger.records by name select\n"
            f"    {literal(org_id)} as org_id, {literal(contract.mart)} as mart, record_key, decided.sf_id as sf_id,\n"
            f"    payload_hash, {document} as written, 'accepted' as status, {literal(run_id)} as run_id,\n"
            f"    {NOW} as updated_at\n"
            "from decided where record_key in (select record_key from adopted)"
        )
    return count


def needed_record_types(contracts: Iterable[Contract]) -> list[Contract]:
    """One contract for each object whose rows name record types."""
    found = {one.object: one for one in contracts if any(field.record_type for field in one.fields)}
    return list(found.values())
