"""Rows of the twin as the JSON records that Mautic's API gives: names in camel case, references as objects,
moments with an offset, custom fields by group, nested lists. `mautic_endpoints.csv` lists the endpoints.
"""

from __future__ import annotations

import csv
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import phpserialize

from loaders.rehearsal.sources.mautic_query import columns_of

Row = dict[str, Any]

_HIDDEN = frozenset({"checked_out", "checked_out_by", "checked_out_by_user"})
_FLAGS = re.compile(
    r"(is_|no_index|in_kiosk_mode|use_owner|allow_restart|trigger_existing|show_|save_result|always_|disallow"
    r"|public_preview|repeatable|render_style).*"
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")
_GROUPS = ("core", "social", "personal", "professional")


@dataclass(frozen=True)
class Endpoint:
    """One list of the API over one table."""

    path: str
    container: str
    single: str
    table: str
    keyed: bool
    permission: str
    renames: Mapping[str, str]
    omits: frozenset[str]


@dataclass(frozen=True)
class Nested:
    """A list inside a record: rows of `table` by `parent`, or the records that they link to through `link`."""

    name: str
    table: str
    parent: str
    target: str = ""
    link: str = ""
    renames: Mapping[str, str] | None = None


_ORDERED = {"field_order": "order", "action_order": "order"}
NESTED: Mapping[str, tuple[Nested, ...]] = {
    "leads": (Nested("tags", "lead_tags_xref", "lead_id", "lead_tags", "tag_id"),),
    "campaigns": (
        Nested("lists", "campaign_leadlist_xref", "campaign_id", "lead_lists", "leadlist_id"),
        Nested("forms", "campaign_form_xref", "campaign_id", "forms", "form_id"),
    ),
    "emails": (
        Nested("lists", "email_list_xref", "email_id", "lead_lists", "leadlist_id"),
        Nested("assetAttachments", "email_assets_xref", "email_id", "assets", "asset_id"),
        Nested("excludedLists", "email_list_excluded", "email_id", "lead_lists", "leadlist_id"),
    ),
    "forms": (
        Nested("fields", "form_fields", "form_id", renames=_ORDERED),
        Nested("actions", "form_actions", "form_id", renames=_ORDERED),
    ),
    "point_triggers": (Nested("events", "point_trigger_events", "trigger_id", renames=_ORDERED),),
    "messages": (Nested("channels", "message_channels", "message_id"),),
}
_LABELS = {"lead_lists": ("name", "alias"), "forms": ("name", "alias"), "assets": ("title", "alias")}


def _read_endpoints() -> dict[str, Endpoint]:
    with Path(__file__).with_name("mautic_endpoints.csv").open(encoding="utf-8", newline="") as file:
        return {
            line["path"]: Endpoint(
                line["path"],
                line["container"],
                line["single"],
                line["table"],
                line["shape"] == "keyed",
                line["permission"],
                dict(pair.split("=") for pair in line["renames"].split()),
                frozenset(line["omits"].split()),
            )
            for line in csv.DictReader(file)
        }


ENDPOINTS = _read_endpoints()


class Records:
    """Makes records of one endpoint from one database."""

    def __init__(self, database: sqlite3.Connection, endpoint: Endpoint, offset: str = "+00:00") -> None:
        self.database = database
        self.endpoint = endpoint
        self.zone = _zone(offset)
        self.columns = columns_of(database, endpoint.table)
        self.fields = _fields(database, endpoint.table) if endpoint.table in ("leads", "companies") else []

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """The records of these rows, in their order."""
        if self.fields:
            users = self._users() if rows else {}
            made = [self._with_fields(row, users) for row in rows]
        else:
            made = [self._plain(row, self.endpoint.renames) for row in rows]
        for nested in NESTED.get(self.endpoint.table, ()):
            members = self._nested(nested, [row["id"] for row in rows])
            for row, record in zip(rows, made, strict=True):
                record[nested.name] = members.get(row["id"], [])
        if self.endpoint.table == "users":
            self._add_roles(rows, made)
        return made

    def _plain(self, row: Row, renames: Mapping[str, str]) -> Row:
        record: Row = {}
        for name, value in row.items():
            if name in self.endpoint.omits or name in _HIDDEN:
                continue
            if name.endswith("_id") and name not in ("object_id", "channel_id", "redirect_id"):
                reference = renames.get(name) or _camel(name.removesuffix("_id"))
                record[reference] = None if value is None else {"id": value}
            else:
                record[renames.get(name) or _camel(name)] = self._value(name, value)
        return record

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, int) and value in (0, 1) and _FLAGS.fullmatch(name):
            return bool(value)
        if isinstance(value, str):
            if _MOMENT.fullmatch(value):
                return self.moment(value)
            if re.match(r"(a:\d+:\{|O:\d+:|N;)", value):
                return from_php(value)
        return value

    def moment(self, text: str) -> str:
        """A moment of the database, which is UTC, with the stand-in's offset."""
        local = datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(self.zone)
        return local.isoformat(timespec="seconds")

    def _with_fields(self, row: Row, users: Mapping[int, Row]) -> Row:
        """A contact or a company."""
        aliases = {field["alias"] for field in self.fields}
        system = {name: value for name, value in row.items() if name not in aliases or name in _SYSTEM}
        for name in ("internal", "social_cache", "generated_email_domain", "owner_id", "stage_id"):
            system.pop(name, None)
        record = self._plain(system, {})
        record["owner"] = users.get(row["owner_id"]) if row.get("owner_id") else None
        if self.endpoint.table == "leads":
            record["stage"] = {"id": row["stage_id"]} if row.get("stage_id") else None
            record |= {"color": None, "ipAddresses": [], "utmtags": None, "doNotContact": []}
        groups: dict[str, Any] = {group: {} for group in _GROUPS}
        whole: Row = {"id": str(row["id"])}
        for field in self.fields:
            value = _field_value(field, row.get(field["alias"]))
            groups.setdefault(field["group"], {})[field["alias"]] = {
                **field, "value": value, "normalizedValue": value,
            }  # fmt: skip
            whole[field["alias"]] = value
        record["fields"] = {name: members or [] for name, members in groups.items()} | {"all": whole}
        return record

    def _users(self) -> dict[int, Row]:
        rows = self.database.execute("select id, username, first_name, last_name from users")
        return {
            number: {"id": number, "username": name, "firstName": first, "lastName": last}
            for number, name, first, last in rows
        }

    def _nested(self, nested: Nested, parents: Sequence[int]) -> dict[int, list[Row]]:
        columns = columns_of(self.database, nested.table)
        if not columns or not parents:
            return {}
        marks = ", ".join("?" * len(parents))
        cursor = self.database.execute(
            f'select * from "{nested.table}" where "{nested.parent}" in ({marks}) order by 1, 2',
            list(parents),
        )
        names = [item[0] for item in cursor.description]
        rows = [dict(zip(names, values, strict=True)) for values in cursor]
        labels = self._labels(nested, rows)
        found: dict[int, list[Row]] = {}
        for row in rows:
            parent = row.pop(nested.parent)
            record = labels[row[nested.link]] if nested.target else self._plain(row, nested.renames or {})
            found.setdefault(parent, []).append(record)
        return found

    def _labels(self, nested: Nested, rows: Sequence[Row]) -> dict[int, Row]:
        """The linked records with what names them."""
        if not nested.target:
            return {}
        names = _LABELS.get(nested.target, ("tag",))
        wanted = sorted({row[nested.link] for row in rows})
        marks = ", ".join("?" * len(wanted))
        found = self.database.execute(
            f'select id, {", ".join(names)} from "{nested.target}" where id in ({marks})',
            wanted,
        )
        known = {row[0]: dict(zip(("id", *names), row, strict=True)) for row in found}
        return {number: known.get(number, {"id": number}) for number in wanted}

    def _add_roles(self, rows: Sequence[Row], made: Sequence[Row]) -> None:
        roles = {
            row["id"]: row
            for row in Records(self.database, ENDPOINTS["roles"]).of(
                _all(self.database, "select * from roles")
            )
        }
        for row, record in zip(rows, made, strict=True):
            record["role"] = roles.get(row["role_id"])


_SYSTEM = frozenset({"points", "last_active"})


def _all(database: sqlite3.Connection, query: str) -> list[Row]:
    cursor = database.execute(query)
    names = [item[0] for item in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _fields(database: sqlite3.Connection, table: str) -> list[Row]:
    """The published fields of contacts or companies that have a column, as they head every value."""
    kind = "lead" if table == "leads" else "company"
    columns = columns_of(database, table)
    rows = _all(database, "select * from lead_fields where is_published = 1 order by field_order")
    return [
        {
            "id": str(row["id"]),
            "label": row["label"],
            "alias": row["alias"],
            "type": row["type"],
            "group": row["field_group"],
            "object": kind,
            "is_fixed": str(row["is_fixed"]),
            "properties": row["properties"],
            "default_value": row["default_value"],
        }
        for row in rows
        if row["object"] == kind and row["alias"] in columns
    ]


def _field_value(field: Row, value: Any) -> Any:
    """A value as Mautic types it: booleans as such, numbers whole unless they have decimals."""
    if value is None:
        return None
    if field["type"] == "boolean":
        return bool(value)
    if field["type"] == "number" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def from_php(text: str) -> Any:
    """PHP-serialized text as JSON knows it; text that is broken stays text, as an array it would be lost."""
    try:
        return _listed(phpserialize.loads(text.encode(), decode_strings=True, object_hook=_instant))
    except (ValueError, KeyError, TypeError):
        return text


def _instant(_name: str, members: Mapping[Any, Any]) -> Any:
    """A DateTime as the serializer writes it; other classes as their members."""
    if "date" not in members:
        return members
    zone = str(members.get("timezone", "+00:00"))
    local = datetime.fromisoformat(str(members["date"]))
    known = _zone(zone) if zone[:1] in "+-" else ZoneInfo(zone)
    return local.replace(tzinfo=known).isoformat(timespec="seconds")


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if list(value) == list(range(len(value))):
        return [_listed(member) for member in value.values()]
    return {str(key): _listed(member) for key, member in value.items()}


def _camel(name: str) -> str:
    return re.sub(r"_+(\w)", lambda found: found[1].upper(), name)


def _zone(offset: str) -> timezone:
    sign = -1 if offset.startswith("-") else 1
    hours, _, minutes = offset.lstrip("+-").partition(":")
    return timezone(sign * timedelta(hours=int(hours), minutes=int(minutes or 0)))
