"""What a new org holds before anybody loads anything: the company, users, profile, statuses, stages,
the price book.

Users come from a CSV file (username, email, first_name, last_name, is_active) and are brought up to
date at every start.
"""

from __future__ import annotations

import csv
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from loaders.rehearsal.org.catalogue import NUMBER_TYPES, Catalogue, ObjectInfo
from loaders.rehearsal.org.ids import ALPHABET, POD, checksum, make_id
from loaders.rehearsal.org.store import Store, literal, quote, storage_columns, table

ADMINISTRATOR = "admin@rehearsal.example"

# Standard sales process: probability, forecast category, closed, won (Salesforce help, "Opportunity Stages").
STAGES = {
    "Prospecting": (10, "Pipeline", False, False),
    "Qualification": (10, "Pipeline", False, False),
    "Needs Analysis": (20, "Pipeline", False, False),
    "Value Proposition": (50, "Pipeline", False, False),
    "Id. Decision Makers": (60, "Pipeline", False, False),
    "Perception Analysis": (70, "Pipeline", False, False),
    "Proposal/Price Quote": (75, "Pipeline", False, False),
    "Negotiation/Review": (90, "Pipeline", False, False),
    "Closed Won": (100, "Closed", True, True),
    "Closed Lost": (0, "Omitted", True, False),
}


def organization_id(store: Store) -> str:
    """The 18-character id of the org, made up once per state."""
    found = store.setting("org_id")
    if found:
        return found
    short = "00D" + POD + "0000" + "".join(secrets.choice(ALPHABET) for _ in range(5))
    store.remember("org_id", short + checksum(short))
    return short + checksum(short)


def seed_org(store: Store, catalogue: Catalogue, org_id: str) -> None:
    """Creates what every org has, once."""
    if store.setting("seeded"):
        return
    with store.write() as connection:
        profiles = insert_facts(
            store,
            connection,
            catalogue.object("Profile"),
            [
                {"Name": "System Administrator", "UserType": "Standard"},
                {"Name": "Standard User", "UserType": "Standard"},
            ],
        )
        admin = make_id("005", store.take_numbers("User", 1))
        insert_facts(
            store,
            connection,
            catalogue.object("User"),
            [{"Id": admin, **_user(ADMINISTRATOR, ADMINISTRATOR, "Rehearsal", "Administrator", profiles[0])}],
        )
        store.remember("admin_id", admin)
        store.remember("profile_id", profiles[1])
        insert_facts(
            store,
            connection,
            catalogue.object("Organization"),
            [
                {
                    "Id": org_id,
                    "Name": "Rehearsal Org",
                    "OrganizationType": "Developer Edition",
                    "IsSandbox": True,
                    "InstanceName": "REHEARSAL",
                    "DefaultLocaleSidKey": "en_US",
                    "LanguageLocaleKey": "en_US",
                    "TimeZoneSidKey": "Europe/London",
                    "FiscalYearStartMonth": 1,
                    "UiSkin": "Theme3",
                    "Country": "GB",
                }
            ],
        )
        insert_facts(
            store,
            connection,
            catalogue.object("OpportunityStage"),
            [
                {
                    "MasterLabel": name,
                    "ApiName": name,
                    "IsActive": True,
                    "SortOrder": place,
                    "IsClosed": closed,
                    "IsWon": won,
                    "ForecastCategory": category,
                    "ForecastCategoryName": category,
                    "DefaultProbability": probability,
                }
                for place, (name, (probability, category, closed, won)) in enumerate(STAGES.items(), 1)
            ],
        )
        for name, owner, field in (
            ("TaskStatus", "Task", "Status"),
            ("TaskPriority", "Task", "Priority"),
            ("CaseStatus", "Case", "Status"),
            ("LeadStatus", "Lead", "Status"),
        ):
            insert_facts(store, connection, catalogue.object(name), _statuses(catalogue.object(owner), field))
        insert_facts(
            store,
            connection,
            catalogue.object("Pricebook2"),
            [{"Name": "Standard Price Book", "IsActive": True, "IsStandard": True}],
        )
        insert_facts(
            store,
            connection,
            catalogue.object("PermissionSet"),
            [{"Name": "Migration", "Label": "Migration", "Type": "Regular", "IsOwnedByProfile": False}],
        )
        store.remember("seeded", "yes")


def sync_users(store: Store, catalogue: Catalogue, users: Path | None) -> None:
    """Adds the users of the CSV file and updates name and activity of those that exist, by user name."""
    if users is None or not users.exists():
        return
    with users.open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("username")]
    sync_user_rows(store, catalogue, rows)


def sync_user_rows(store: Store, catalogue: Catalogue, rows: Sequence[Mapping[str, str]]) -> None:
    """The same for rows that have been read."""
    info, profile = catalogue.object("User"), store.setting("profile_id") or ""
    with store.write() as connection:
        found = connection.execute('select lower("Username"), "Id" from org."User"').fetchall()
        known: dict[str, str] = {str(name): str(user_id) for name, user_id in found}
        new = []
        for row in rows:
            active = (row.get("is_active") or "true").strip().lower() in ("true", "1", "yes")
            first, last = row.get("first_name") or None, row.get("last_name") or row["username"]
            values = {
                **_user(row["username"], row.get("email") or row["username"], first, last, profile),
                "IsActive": active,
            }
            if row["username"].lower() not in known:
                new.append(values)
                continue
            connection.execute(
                'update org."User" set "Email" = ?, "FirstName" = ?, "LastName" = ?, "Name" = ?, '
                '"IsActive" = ? where "Id" = ?',
                [values["Email"], first, last, values["Name"], active, known[row["username"].lower()]],
            )
        insert_facts(store, connection, info, new)


def _user(username: str, email: str, first: str | None, last: str, profile: str) -> dict[str, Any]:
    return {
        "Username": username,
        "Email": email,
        "FirstName": first,
        "LastName": last,
        "Name": " ".join(filter(None, [first, last])),
        "Alias": username[:8],
        "IsActive": True,
        "UserType": "Standard",
        "TimeZoneSidKey": "Europe/London",
        "LocaleSidKey": "en_US",
        "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "en_US",
        "ProfileId": profile,
        "CommunityNickname": username.split("@")[0][:40],
        "UserPermissionsMarketingUser": True,
    }


def _statuses(info: ObjectInfo, field: str) -> list[dict[str, Any]]:
    rows = []
    for place, (value, label, active, default) in enumerate(info.field(field).picklist_values, 1):
        rows.append(
            {
                "MasterLabel": label,
                "ApiName": value,
                "SortOrder": place,
                "IsDefault": default,
                "IsClosed": value.startswith(("Closed", "Completed")),
                "IsConverted": "Converted" in value and "Not" not in value,
                "IsHighPriority": value == "High",
                "IsActive": active,
            }
        )
    return rows


def insert_facts(
    store: Store, connection: duckdb.DuckDBPyConnection, info: ObjectInfo, rows: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Stores facts of the org itself, past the rules that users meet; unknown names are left out.
    Returns the ids."""
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    admin = store.setting("admin_id")
    ids = []
    for row in rows:
        record_id = row.get("Id") or make_id(
            info.key_prefix or _bare_prefix(info), store.take_numbers(info.name, 1)
        )
        ids.append(str(record_id))
        values = {
            "CreatedDate": now,
            "LastModifiedDate": now,
            "SystemModstamp": now,
            "CreatedById": admin,
            "LastModifiedById": admin,
            **row,
            "Id": record_id,
        }
        columns, parameters = [], []
        for name, kind in storage_columns(info):
            value = values.get(name)
            if value is None and kind == "BOOLEAN":
                value = False
            if (
                value is None
                and info.has(name)
                and info.field(name).type in NUMBER_TYPES
                and not info.field(name).nillable
            ):
                value = 0
            columns.append(quote(name))
            parameters.append(value)
        marks = ", ".join("?" for _ in parameters)
        connection.execute(
            f"insert into {table(info.name)} ({', '.join(columns)}) values ({marks})", parameters
        )
    return ids


def _bare_prefix(info: ObjectInfo) -> str:
    """Status objects show no key prefix in describe, yet their rows have ids that begin so."""
    return {"TaskStatus": "01J", "TaskPriority": "01J", "CaseStatus": "01J"}.get(info.name, "000")


def user_by_name(store: Store, username: str) -> tuple[str, bool] | None:
    """Id and activity of the user with that name, case-insensitively, or None."""
    found = store.rows(
        f'select "Id", "IsActive" from org."User" where lower("Username") = {literal(username.lower())}'
    )
    return (str(found[0][0]), bool(found[0][1])) if found else None
