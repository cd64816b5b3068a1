"""Records that the org had before: found by declared keys, and never created a second time (SFG-04, MAU-02).

seeds/salesforce/match_existing.csv says by what; the var `existing_records` says what then happens, for all marts or for
each: `report` (default: held back and named), `update_empty` (only empty fields of the record are filled), `update`, or
`skip` (the record stays as it is, and children find it). More than one candidate is always held back. A record that is
taken over first gets the external id, by a job of its own with a before-image, so that the upsert, and every later run,
finds it, and a rollback empties it again (claims.py). The comparison is SQL over one bulk read of the org's keys.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError
from loaders.project import project_dir
from loaders.salesforce import bulk
from loaders.salesforce.collect_sql import NOW
from loaders.salesforce.contract import Contract
from loaders.salesforce.export import formatted_sql, literal, quoted, read_sql
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.match import describe_fields
from loaders.salesforce.policies import project_vars
from loaders.salesforce.results import header_of
from loaders.salesforce.session import Org

SEED = Path("seeds/salesforce/match_existing.csv")
SHARED = Path("seeds/salesforce/shared_domains.csv")
COMPARISONS = ("domain", "name", "email", "exact")
MODES = ("upsert", "insert_if_absent")
POLICIES = ("report", "update_empty", "update", "skip")
TABLE = (
    "create temp table if not exists existing (mart varchar, record_key varchar, sf_id varchar, action varchar,\n"
    "    reason varchar, field varchar, found varchar)"
)
TOLD = {
    "in_org_already": "match a record that the org has already",
    "several_matches": "match several records of the org",
    "shared_match": "match a record of the org that another row matches too",
    "claimed_match": "match a record of the org that carries another key",
}
SCRIPT = files("loaders.salesforce").joinpath("existing.sql")


@dataclass(frozen=True)
class MatchLine:
    """One line of match_existing.csv: a field and how its values are compared."""

    field: str
    compare_as: str

    @property
    def told(self) -> str:
        """`Website (domain)`."""
        return f"{self.field} ({self.compare_as})"


def match_lines(contract: Contract) -> list[MatchLine]:
    """The lines for the mart's object that the mart has a field for, most telling first; none without an external id.

    Raises ConfigurationError for a line that cannot be used.
    """
    path = project_dir() / SEED
    if not path.is_file() or not contract.key or contract.mode not in MODES:
        return []
    names = {field.name for field in contract.fields}
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if row["sf_object"] != contract.object:
                continue
            if row["compare_as"] not in COMPARISONS or not row["priority"].isdigit():
                raise ConfigurationError(
                    f"{SEED} line {number}: priority {row['priority']!r}, compare_as {row['compare_as']!r}.",
                    f"give a number, and one of: {', '.join(COMPARISONS)}",
                )
            if row["sf_field"] in names:
                found.append((int(row["priority"]), MatchLine(row["sf_field"], row["compare_as"])))
    return [line for _, line in sorted(found, key=lambda each: each[0])]


def policy_of(contract: Contract) -> str:
    """What becomes of matched records of this mart. Raises ConfigurationError for a policy that is none."""
    value: Any = project_vars().get("existing_records", "report")
    if isinstance(value, dict):
        value = value.get(contract.mart, value.get(f"sf_{contract.mart}", "report"))
    if value not in POLICIES:
        raise ConfigurationError(
            f"The var existing_records says {value!r} for {contract.mart}.",
            f"set it in dbt_project.yml to one of: {', '.join(POLICIES)}",
        )
    return str(value)


def mark_existing(
    org: Org, ledger: Ledger, contract: Contract, org_id: str, folder: Path, *, dry_run: bool
) -> None:
    """Changes `decided` where the org has the record already; the org is asked once a run, if there is a new row.

    Needs `decided` and the attached warehouse. Raises ConfigurationError for a line or policy that cannot be used.
    """
    if not contract.key or contract.first_pass or contract.mode not in MODES:
        return
    ledger.con.execute(TABLE)
    mart, policy, lines = literal(contract.mart), policy_of(contract), match_lines(contract)
    new, unsure = ledger.one("select count(*), count(sf_id) from decided where decision = 'new'")
    looked: int = ledger.one(f"select count(*) from existing where mart = {mart} and action = 'looked'")[0]
    if (unsure or (new and lines)) and not looked:
        _look(org, ledger, contract, lines, folder)
        ledger.con.execute(actions_sql(contract, policy))
        for reason, count in ledger.rows(
            f"select reason, count(*) from existing where mart = {mart} and reason is not null group by 1 order by 1"
        ):
            org.report(f"{contract.mart}: {count:,} row(s) {TOLD[reason]} (existing_records: {policy})")
    if not dry_run:
        ledger.con.execute(skipped_sql(contract, org_id))
    for statement in marks_sql(contract, org_id, policy):
        ledger.con.execute(statement)


def _look(org: Org, ledger: Ledger, contract: Contract, lines: Sequence[MatchLine], folder: Path) -> None:
    """Fills `existing` with the matches, one line a row of the mart, and a line without a key that says it was done."""
    visible = describe_fields(org, contract.object)
    fields = list(dict.fromkeys(line.field for line in lines if line.field in visible))
    columns = ["Id", str(contract.key), *fields]
    open_only = " WHERE IsConverted = false" if "IsConverted" in visible else ""
    soql = f"SELECT {', '.join(columns)} FROM {contract.object}{open_only}"
    pages = [str(page) for page in bulk.query_to_files(org, soql, folder) if header_of(page)]
    ledger.con.execute(
        "create or replace temp table matched (record_key varchar, sf_id varchar, org_key varchar, field varchar)"
    )
    ledger.con.execute(f"insert into existing (mart, action) values ({literal(contract.mart)}, 'looked')")
    if not pages:
        return
    shared = project_dir() / SHARED
    hosts = (
        f"read_csv({literal(str(shared))}, all_varchar = true)"
        if shared.is_file()
        else "(select '' as domain)"
    )
    ledger.con.execute(f"create or replace temp table shared_hosts as select domain from {hosts}")
    ledger.con.execute(SCRIPT.read_text(encoding="utf-8"))
    used = [line for line in lines if line.field in visible]
    for statement in matches_sql(contract, used, read_sql(pages, columns)):
        ledger.con.execute(statement)


def matches_sql(contract: Contract, lines: Sequence[MatchLine], source: str) -> list[str]:
    """The statements that fill `matched` (record_key, sf_id, org_key, field), one line a pair. Pure.

    A less telling key counts only where the more telling one says nothing on one of the two sides.
    """
    ours, theirs = (
        ", ".join(
            f"same_{line.compare_as}({side}.{quoted(line.field)}) as k{number}"
            for number, line in enumerate(lines)
        )
        for side in ("formatted", "source")
    )
    ours, theirs = (f", {cells}" if cells else "" for cells in (ours, theirs))
    key = quoted(str(contract.key))
    statements = [
        "create or replace temp table org_side as\n"
        f"select source.{quoted('Id')} as sf_id, source.{key} as org_key{theirs} from {source} as source",
        f"create or replace temp table our_side as\nwith formatted as (\n{formatted_sql(contract)}\n)\n"
        f"select formatted._record_key as record_key, decided.sf_id{ours} from formatted\n"
        "inner join decided on formatted._record_key = decided.record_key where decided.decision = 'new'",
        # what was found before and never got its key, because the run ended or the org refused it
        "insert into matched "
        "select our_side.record_key, org_side.sf_id, org_side.org_key, 'Id' as field\n"
        "from our_side inner join org_side on our_side.sf_id = org_side.sf_id where org_side.org_key is null",
        # another row's own record is no candidate: the mapping says that they are two
        "delete from org_side where org_key in (\n"
        f"    select record_key from {contract.source('warehouse')}\n)",
    ]
    for number, line in enumerate(lines):
        earlier = "".join(
            f"\n    and coalesce(our_side.k{before} = org_side.k{before}, true)" for before in range(number)
        )
        statements.append(
            f"insert into matched select our_side.record_key, org_side.sf_id, org_side.org_key, {literal(line.told)}\n"
            f"from our_side inner join org_side on our_side.k{number} = org_side.k{number}{earlier}\n"
            "where our_side.sf_id is null and our_side.record_key not in (select record_key from matched)"
        )
    return statements


def actions_sql(contract: Contract, policy: str) -> str:
    """The statement that decides, over `matched`, what becomes of each row: claim, hold or skip. Pure."""
    single = {"report": "hold", "skip": "skip"}.get(policy, "claim")
    known = "skip" if policy == "skip" else "claim"
    return f"""
insert into existing
with candidates as (
    select record_key, min(sf_id) as sf_id, count(distinct sf_id) as copies, any_value(field) as field,
        max(org_key) as org_key, string_agg(distinct sf_id, ', ' order by sf_id) as listed
    from matched group by record_key
),
sharing as (
    select sf_id, string_agg(record_key, ', ' order by record_key) as keys
    from candidates where copies = 1 group by 1 having count(*) > 1
)
select
    {literal(contract.mart)}, candidates.record_key, candidates.sf_id,
    case when copies > 1 or sharing.sf_id is not null or org_key is not null then 'hold'
        when field = 'Id' then {literal(known)} else {literal(single)} end,
    case
        when copies > 1 then 'several_matches'
        when sharing.sf_id is not null then 'shared_match'
        when org_key is not null then 'claimed_match'
        else 'in_org_already'
    end,
    field,
    case
        when copies > 1 then listed
        when sharing.sf_id is not null then concat(candidates.sf_id, ' as do ', sharing.keys)
        when org_key is not null then concat(candidates.sf_id, ' with the key ', org_key)
        else candidates.sf_id
    end
from candidates left join sharing on candidates.sf_id = sharing.sf_id"""


def skipped_sql(contract: Contract, org_id: str) -> str:
    """The statement that lets the ledger know the records that stay as they are, so that children find them. Pure."""
    mart, org = literal(contract.mart), literal(org_id)
    return (
        "insert into ledger.records by name select\n"
        f"    {org} as org_id, {mart} as mart, record_key, sf_id, 'skipped' as status, {NOW} as updated_at\n"
        f"from existing where mart = {mart} and action = 'skip' and record_key not in (\n"
        f"    select record_key from ledger.records where org_id = {org} and mart = {mart}\n)"
    )


def marks_sql(contract: Contract, org_id: str, policy: str) -> list[str]:
    """The statements that bring `existing` into `decided`. Pure."""
    mine = f"existing.mart = {literal(contract.mart)} and existing.record_key = decided.record_key"
    statements = [
        f"update decided set decision = 'blocked', reason = existing.reason, field = existing.field,\n"
        f"    missing_mart = {literal(contract.mart)}, missing_key = existing.found from existing\n"
        f"where {mine} and existing.action = 'hold' and decided.decision in ('new', 'changed')",
        f"update decided set decision = 'changed', sf_id = existing.sf_id from existing\n"
        f"where {mine} and existing.action in ('claim', 'claimed') and decided.decision = 'new'",
    ]
    if policy == "skip":
        statements.append(
            "update decided set decision = 'same', sf_id = skipped.sf_id from (\n"
            "    select record_key, sf_id from ledger.records\n"
            f"    where org_id = {literal(org_id)} and mart = {literal(contract.mart)} and status = 'skipped'\n"
            f"    union select record_key, sf_id from existing\n"
            f"    where mart = {literal(contract.mart)} and action = 'skip'\n"
            ") as skipped where decided.record_key = skipped.record_key and decided.decision in ('new', 'changed')"
        )
    return statements
