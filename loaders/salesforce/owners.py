"""Who owns what: the people that the marts name, matched by e-mail with the org's users (MAU-23, ACT-20).

The mart of users holds the addresses that records will be owned by, after the decisions in
seeds/salesforce/owner_decisions.csv. An address that is no active user of the org waits in a queue until
somebody decides, and nothing loads while the queue is not empty. Who owns nothing that is migrated holds
nobody up.

    provision     the admin creates or activates the user; the address leaves the queue when the org has it
    reassign      its records go to `owner_email`; takes effect with the next `dbt build`
    contact_only  the person becomes a Contact and owns nothing; takes effect with the next `dbt build`

Set-based: the records are counted in SQL, only addresses become Python values.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from loaders.errors import ConfigurationError
from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import OrgUser
from loaders.salesforce.export import WAREHOUSE, quoted

DECISIONS = ("provision", "reassign", "contact_only")
HEADER = ("source_email", "decision", "owner_email", "note")
READY, QUEUED = ("matched", "unused"), ("undecided", "waiting", "rebuild", "invalid")


@dataclass(frozen=True)
class Decision:
    """One line of owner_decisions.csv."""

    source_email: str
    decision: str
    owner_email: str = ""
    note: str = ""


@dataclass(frozen=True)
class Owner:
    """One address that records are owned by. `state` is one of READY or QUEUED."""

    email: str
    state: str
    records: int
    in_source: str  # active, inactive or unknown, as the source has it
    in_org: str  # active, inactive, several or none
    note: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the address keeps the load closed."""
        return self.state in QUEUED


def read_decisions(path: Path) -> list[Decision]:
    """The lines of owner_decisions.csv.

    Raises ConfigurationError for an unknown decision or a repeated address.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            {key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(file)
        ]
    found: dict[str, Decision] = {}
    for number, row in enumerate(rows, start=2):
        line = Decision(
            row["source_email"].lower(), row["decision"], row["owner_email"].lower(), row.get("note", "")
        )
        if line.source_email in found:
            raise ConfigurationError(f"{path.name} line {number}: {line.source_email} is listed twice.")
        if line.decision and line.decision not in DECISIONS:
            raise ConfigurationError(
                f"{path.name} line {number} ({line.source_email}): {line.decision!r} is no decision.",
                f"use one of: {', '.join(DECISIONS)}",
            )
        if line.decision == "reassign" and not line.owner_email:
            raise ConfigurationError(
                f"{path.name} line {number}: reassign needs owner_email.", "name an active user of the org"
            )
        found[line.source_email] = line
    return list(found.values())


def users_contract(contracts: Mapping[str, Contract]) -> Contract | None:
    """The mart of users, or None in a project without owners."""
    return next((one for one in contracts.values() if one.object == "User" and one.mode == "match"), None)


def named_owners(
    contracts: Mapping[str, Contract], connection: duckdb.DuckDBPyConnection, database: str = WAREHOUSE
) -> list[tuple[str, str, int]]:
    """(e-mail, active | inactive | unknown in the source, records that it owns), most records first.

    The addresses are those of the mart of users and all that lookups to it name.
    """
    users = users_contract(contracts)
    if users is None:
        return []
    column = (
        next((field.column for field in users.fields if field.name == users.natural_key), None)
        or "user_email"
    )
    selects = [
        f"select lower(trim({quoted(field.column)})) as email, count(*) as records\n"
        f"from {_relation(database, one)} group by 1"
        for one in contracts.values()
        for field in one.fields
        if users.mart in field.references and field.column
    ]
    owned = " union all ".join(selects) or "select null::varchar as email, 0 as records where false"
    columns = connection.execute(f"describe {_relation(database, users)}").fetchall()
    active = "bool_or(is_active)" if "is_active" in {row[0] for row in columns} else "null"
    return connection.execute(
        f"with people as (select lower(trim({quoted(column)})) as email, {active} as is_active\n"
        f"    from {_relation(database, users)} group by 1),\n"
        f"owned as (select email, sum(records) as records from ({owned}) as counted group by 1)\n"
        "select coalesce(people.email, owned.email),\n"
        "    case when people.is_active then 'active' when not people.is_active then 'inactive'\n"
        "        else 'unknown' end,\n"
        "    cast(coalesce(owned.records, 0) as bigint)\n"
        "from people full join owned on people.email = owned.email\n"
        "where coalesce(people.email, owned.email) <> '' order by 3 desc, 1"
    ).fetchall()


def _relation(database: str, contract: Contract) -> str:
    return f"{quoted(database)}.{contract.relation}"


def match_owners(
    named: Iterable[tuple[str, str, int]], users: Sequence[OrgUser], decisions: Iterable[Decision]
) -> list[Owner]:
    """What is known and still owed about each address; open ones first, then by number of records. Pure."""
    by_email: dict[str, list[OrgUser]] = {}
    for user in users:
        by_email.setdefault(user.email.strip().lower(), []).append(user)
    decided = {decision.source_email: decision for decision in decisions}
    owners = [_owner(*one, by_email, decided.get(one[0])) for one in named]
    return sorted(owners, key=lambda owner: (not owner.is_open, -owner.records, owner.email))


def _owner(
    email: str,
    in_source: str,
    records: int,
    by_email: Mapping[str, Sequence[OrgUser]],
    decision: Decision | None,
) -> Owner:
    """One address."""
    active = [user for user in by_email.get(email, ()) if user.is_active]
    in_org = "none" if email not in by_email else "inactive"
    if active:
        in_org = "active" if len(active) == 1 else "several"
    if in_org == "active":
        return Owner(email, "matched", records, in_source, in_org, active[0].username)
    if not records:
        return Owner(email, "unused", records, in_source, in_org, "owns nothing that is migrated")
    if decision is None or not decision.decision:
        note = "several active users have this address" if in_org == "several" else ""
        return Owner(email, "undecided", records, in_source, in_org, note)
    if decision.decision == "provision":
        verb = "activate" if in_org == "inactive" else "create"
        return Owner(email, "waiting", records, in_source, in_org, f"{verb} the user in the org")
    if decision.decision == "contact_only":
        return Owner(email, "rebuild", records, in_source, in_org, "becomes a Contact only; run `dbt build`")
    target = [user for user in by_email.get(decision.owner_email, ()) if user.is_active]
    if len(target) != 1:
        return Owner(
            email,
            "invalid",
            records,
            in_source,
            in_org,
            f"{decision.owner_email} is no single active user either",
        )
    return Owner(
        email, "rebuild", records, in_source, in_org, f"goes to {decision.owner_email}; run `dbt build`"
    )


def with_undecided(path: Path, owners: Iterable[Owner]) -> tuple[str, int]:
    """The CSV with a line for every address that nobody has decided and that has none yet, and how many were
    added.

    Existing lines, their order and their notes stay as they are.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ",".join(HEADER) + "\n"
    if text and not text.endswith("\n"):
        text += "\n"
    header = next(csv.reader(io.StringIO(text)), list(HEADER))
    known = {row["source_email"].strip().lower() for row in csv.DictReader(io.StringIO(text))}
    added = [owner for owner in owners if owner.state == "undecided" and owner.email not in known]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=header, lineterminator="\n", extrasaction="ignore", restval="")
    for owner in sorted(added, key=lambda one: one.email):
        note = f"{owner.records} records; {owner.in_source} in the source; {owner.in_org} in the org"
        writer.writerow({"source_email": owner.email, "note": note})
    return text + buffer.getvalue(), len(added)
