"""What the stand-in lets a client write: contacts and companies, and who belongs to which segment, campaign
and company. It writes into the twin's own database, as Mautic would into its own.

A new contact with the e-mail address of an old one becomes that one, as in Mautic; empty values and zeros
never overwrite. Unknown fields are ignored, a wrong e-mail address is refused with 400.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from loaders.rehearsal.sources.mautic_query import columns_of

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_NEVER = frozenset({"id", "owner_id", "stage_id", "date_added", "date_modified", "generated_email_domain"})
_UNIQUE = {"leads": "email", "companies": "companyname"}
MEMBERSHIPS: Mapping[str, tuple[str, str, str]] = {
    "segments": ("lead_lists", "lead_lists_leads", "leadlist_id"),
    "campaigns": ("campaigns", "campaign_leads", "campaign_id"),
    "companies": ("companies", "companies_leads", "company_id"),
}


class WriteError(Exception):
    """An answer that is no success: status, text and the field it is about."""

    def __init__(self, status: int, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.details = status, message, dict(details or {})

    def body(self) -> dict[str, Any]:
        """The error as Mautic writes it."""
        return {"code": self.status, "message": self.message, "details": self.details or [], "type": None}


def not_found() -> WriteError:
    """Mautic's 404."""
    return WriteError(404, "Item was not found.")


def now() -> str:
    """The moment as the database holds it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def create(database: sqlite3.Connection, table: str, given: Mapping[str, Any]) -> tuple[int, bool]:
    """The id of the record and whether it is new. Raises WriteError."""
    values = _values(database, table, given)
    unique = _UNIQUE[table]
    known = None
    if values.get(unique):
        known = database.execute(
            f'select id from "{table}" where lower("{unique}") = lower(?) order by id',
            [values[unique]],
        ).fetchone()
    if known:
        change(database, table, known[0], given)
        return int(known[0]), False
    if table == "companies" and not values.get("companyname"):
        raise WriteError(400, "companyname: A value is required.", {"companyname": ["A value is required."]})
    number = int(database.execute(f'select coalesce(max(id), 0) + 1 from "{table}"').fetchone()[0])
    row = {"id": number, "is_published": 1, "date_added": now(), **values}
    if table == "leads":
        row = {"points": 0, **row}
        if any(values.get(name) for name in ("email", "firstname", "lastname", "company")):
            row["date_identified"] = now()
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    database.execute(f'insert into "{table}" ({names}) values ({marks})', list(row.values()))
    _relations(database, table, number, given)
    return number, True


def change(
    database: sqlite3.Connection, table: str, number: int, given: Mapping[str, Any], blanks: bool = False
) -> None:
    """Changes a record; `blanks` lets empty values overwrite, as PUT does. Raises WriteError."""
    if not database.execute(f'select 1 from "{table}" where id = ?', [number]).fetchone():
        raise not_found()
    keep_empty = blanks or bool(given.get("overwriteWithBlank"))
    values = {
        name: value
        for name, value in _values(database, table, given).items()
        if keep_empty or value not in (None, "", 0, "0")
    }
    values["date_modified"] = now()
    sets = ", ".join(f'"{name}" = ?' for name in values)
    database.execute(f'update "{table}" set {sets} where id = ?', [*values.values(), number])
    _relations(database, table, number, given)


def membership(database: sqlite3.Connection, kind: str, group: int, contact: int, add: bool) -> None:
    """Puts a contact into a segment, campaign or company, or takes it out. Raises WriteError."""
    owner, table, key = MEMBERSHIPS[kind]
    for where, number in ((owner, group), ("leads", contact)):
        if not database.execute(f'select 1 from "{where}" where id = ?', [number]).fetchone():
            raise not_found()
    pair = [group, contact]
    condition = f'where "{key}" = ? and lead_id = ?'
    known = database.execute(f'select 1 from "{table}" {condition}', pair).fetchone()
    columns = columns_of(database, table)
    if not add and kind == "companies":
        database.execute(f'delete from "{table}" {condition}', pair)
    elif known and "manually_added" in columns:
        exited = ", date_last_exited = null" if add and "date_last_exited" in columns else ""
        database.execute(
            f'update "{table}" set manually_added = ?, manually_removed = ?{exited} {condition}',
            [int(add), int(not add), *pair],
        )
    elif add and not known:
        row: dict[str, Any] = {key: group, "lead_id": contact, "date_added": now()}
        if kind == "companies":
            has_one = "select 1 from companies_leads where lead_id = ? and is_primary = 1"
            row["is_primary"] = int(database.execute(has_one, [contact]).fetchone() is None)
        else:
            row |= {"manually_added": 1, "manually_removed": 0}
        if "rotation" in columns:
            row["rotation"] = 1
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        database.execute(f'insert into "{table}" ({names}) values ({marks})', list(row.values()))


def _values(database: sqlite3.Connection, table: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the request that the table has. Raises WriteError for an e-mail address that is none."""
    columns = columns_of(database, table)
    values = {name: value for name, value in given.items() if name in columns and name not in _NEVER}
    if "lastActive" in given and "last_active" in columns:
        values["last_active"] = given["lastActive"]
    for name, value in values.items():
        if isinstance(value, bool):
            values[name] = int(value)
        elif isinstance(value, list):
            values[name] = "|".join(map(str, value))
    address = values.get("email" if table == "leads" else "companyemail")
    if address and not _ADDRESS.fullmatch(str(address)):
        field = "email" if table == "leads" else "companyemail"
        raise WriteError(400, f"{field}: The email is invalid.", {field: ["The email is invalid."]})
    return values


def _relations(database: sqlite3.Connection, table: str, number: int, given: Mapping[str, Any]) -> None:
    """Owner, stage and tags of the request."""
    for name in ("owner", "stage"):
        if given.get(name) and f"{name}_id" in columns_of(database, table):
            database.execute(
                f'update "{table}" set {name}_id = ? where id = ?',
                [int(given[name]), number],
            )
    tags = given.get("tags") or []
    if table != "leads" or not columns_of(database, "lead_tags_xref"):
        return
    for tag in tags.split(",") if isinstance(tags, str) else tags:
        name, remove = str(tag).strip().removeprefix("-"), str(tag).strip().startswith("-")
        known = database.execute("select id from lead_tags where tag = ?", [name]).fetchone()
        if known is None and not remove:
            known = database.execute("select coalesce(max(id), 0) + 1 from lead_tags").fetchone()
            database.execute("insert into lead_tags (id, tag) values (?, ?)", [known[0], name])
        if known is not None:
            database.execute(
                "delete from lead_tags_xref where lead_id = ? and tag_id = ?", [number, known[0]]
            )
        if known is not None and not remove:
            database.execute("insert into lead_tags_xref (lead_id, tag_id) values (?, ?)", [number, known[0]])
