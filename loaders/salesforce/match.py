"""Finds records that the org already has: users by e-mail, and rows of marts that must not be inserted twice.

Both are one bulk query into files and one join in DuckDB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError
from loaders.salesforce import bulk
from loaders.salesforce.contract import Contract
from loaders.salesforce.export import formatted_sql, literal, quoted, read_sql
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.results import header_of
from loaders.salesforce.session import Org, RequestFailedError


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
    return [name.strip() for name in (contract.natural_key or "").split(",") if name.strip()]


def resolve(org: Org, ledger: Ledger, contract: Contract, folder: Path) -> tuple[int, int]:
    """(matched, unmatched) rows of a mart that is only looked up; fills `resolved` with what the org has.

    Without regard to case, and among active records only where the object knows the difference: an inactive
    user cannot newly own records.
    """
    name = natural_keys(contract)[0]
    active = "IsActive" in describe_fields(org, contract.object)
    columns = ["Id", name, *(["IsActive"] if active else [])]
    soql = f"SELECT {', '.join(columns)} FROM {contract.object}"
    files = [str(file) for file in bulk.query_to_files(org, soql, folder) if header_of(file)]
    ledger.con.execute("delete from resolved where mart = ?", [contract.mart])
    if files:
        ledger.con.execute(
            f"insert into resolved select {literal(contract.mart)}, lower(trim({quoted(name)})),\n"
            f"min({quoted('Id')}), count(*) from {read_sql(files, columns)} where {quoted(name)} is not null"
            f"{' and lower(IsActive) = ' + literal('true') if active else ''} group by all"
        )
    counted = (
        f"with formatted as ({formatted_sql(contract)})\n"
        "select count(resolved.sf_id), count(*) - count(resolved.sf_id) from formatted\n"
        f"left join resolved on resolved.mart = {literal(contract.mart)}\n"
        f"and lower(trim(formatted.{quoted(name)})) = resolved.match_key"
    )
    matched, unmatched = ledger.one(counted)
    return matched, unmatched


def find_existing(org: Org, ledger: Ledger, contract: Contract, folder: Path) -> int:
    """How many rows of the mart the org already has; fills `org_keys` with their Ids.

    Asked by external id if the mart has one, else by its natural key (without regard to case).
    """
    names = [contract.key] if contract.key else natural_keys(contract)
    columns = ["Id", *names]
    condition = f" WHERE {contract.key} != null" if contract.key else ""
    soql = f"SELECT {', '.join(columns)} FROM {contract.object}{condition}"
    files = [str(file) for file in bulk.query_to_files(org, soql, folder) if header_of(file)]
    ledger.con.execute("delete from org_keys where mart = ?", [contract.mart])
    if not files:
        return 0
    same = " and ".join(
        f"lower(trim(formatted.{quoted(name)})) = lower(trim(existing.{quoted(name)}))"
        for name in names
        if name
    )
    ledger.con.execute(
        f"insert into org_keys\nwith formatted as ({formatted_sql(contract)})\n"
        f"select {literal(contract.mart)}, formatted._record_key, min(existing.{quoted('Id')})\n"
        f"from formatted inner join {read_sql(files, columns)} as existing on {same}\n"
        "group by formatted._record_key"
    )
    found: int = ledger.one("select count(*) from org_keys where mart = ?", [contract.mart])[0]
    return found
