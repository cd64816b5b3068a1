"""GET below /mautic/api: lists, single records, fields, the caller's own user, and statistics tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loaders.rehearsal.sources import mautic_query as sql
from loaders.rehearsal.sources.mautic_query import BadQueryError, Pair
from loaders.rehearsal.sources.mautic_records import ENDPOINTS, Endpoint, Records
from loaders.rehearsal.sources.mautic_state import Settings
from loaders.rehearsal.sources.mautic_writes import not_found

DEFAULT_ROWS = 30
STATS_ROWS = 100
# M4.4 to M6 have these; tables that the twin lacks are left out of the answer
STATS = (
    "asset_downloads", "audit_log", "campaign_lead_event_log", "campaign_leads", "channel_url_trackables",
    "companies_leads", "dynamic_content_lead_data", "dynamic_content_stats", "email_stats",
    "email_stat_replies", "email_stats_devices", "focus_stats", "form_submissions", "ip_addresses",
    "lead_categories", "lead_companies_change_log", "lead_devices", "lead_donotcontact", "lead_event_log",
    "lead_frequencyrules", "lead_lists_leads", "lead_points_change_log", "lead_stages_change_log",
    "lead_utmtags", "page_hits", "page_redirects", "point_lead_action_log", "point_lead_event_log",
    "push_notification_stats", "sms_message_stats", "stage_lead_action_log", "tweet_stats", "video_hits",
    "webhook_logs",
)  # fmt: skip
_OMITTED = {"email_stats": ("tokens", "copy_id", "generated_sent_date")}
_MEMBERS = {
    "companies": ("companies_leads", "company_id"),
    "segments": ("lead_lists_leads", "leadlist_id"),
    "campaigns": ("campaign_leads", "campaign_id"),
}
_OWN_USER = 1  # the twin's user as whom everybody logs in


@dataclass(frozen=True)
class _Call:
    database: sqlite3.Connection
    pairs: Sequence[Pair]
    settings: Settings


def answer(
    database: sqlite3.Connection, path: str, pairs: Sequence[Pair], settings: Settings
) -> tuple[int, Any]:
    """Status and body. Raises BadQueryError, and WriteError 404 for what there is not."""
    call = _Call(database, pairs, settings)
    parts = path.split("/")
    if path == "users/self":
        return 200, _self(call)
    if parts[0] == "stats":
        return 200, _stats(call, "/".join(parts[1:]))
    if parts[0] == "fields" and len(parts) == 2 and parts[1] in ("contact", "company"):
        return 200, _fields(call, parts[1])
    if path in ENDPOINTS:
        return 200, _list(call, ENDPOINTS[path])
    endpoint = ENDPOINTS.get("/".join(parts[:-1]))
    if endpoint is not None and parts[-1].isdigit():
        return 200, {endpoint.single: record(database, endpoint, int(parts[-1]), settings)}
    if parts[0] == "contacts" and len(parts) == 3 and parts[1].isdigit() and parts[2] in _MEMBERS:
        return 200, _memberships(call, int(parts[1]), parts[2])
    raise not_found()


def record(database: sqlite3.Connection, endpoint: Endpoint, number: int, settings: Settings) -> Any:
    """One record. Raises WriteError 404."""
    query = sql.Query(where=["id = ?"], values=[number])
    rows = sql.fetch(database, endpoint.table, query) if sql.columns_of(database, endpoint.table) else []
    if not rows:
        raise not_found()
    return Records(database, endpoint, settings.offset).of(rows)[0]


def _list(call: _Call, endpoint: Endpoint) -> dict[str, Any]:
    columns = sql.columns_of(call.database, endpoint.table)
    if not columns:
        raise not_found()
    query = sql.read_query(call.pairs, columns, DEFAULT_ROWS)
    query.limit = query.limit or None  # limit=0 is no limit
    if endpoint.permission and not call.settings.sees_others:
        owner = "owner_id" if "owner_id" in columns else "created_by"
        query.add(f"{owner} = ?", _OWN_USER)
    total = sql.count(call.database, endpoint.table, query)
    rows = sql.fetch(call.database, endpoint.table, query)
    records = Records(call.database, endpoint, call.settings.offset).of(rows)
    keyed = endpoint.keyed is not call.settings.other_containers
    held: Any = {str(row["id"]): made for row, made in zip(rows, records, strict=True)} if keyed else records
    as_text = call.settings.total_as_text and endpoint.table in ("leads", "companies")
    # an empty PHP array is a list, whatever it would have been with rows
    return {"total": str(total) if as_text else total, endpoint.container: held or []}


def _self(call: _Call) -> dict[str, Any]:
    found: dict[str, Any] = record(call.database, ENDPOINTS["users"], _OWN_USER, call.settings)
    if not call.settings.tells_role:
        found.pop("role")
    elif call.settings.sees_others:
        found["role"] = {"id": 1, "name": "Administrator", "isAdmin": True, "rawPermissions": []}
    else:
        rights = {
            endpoint.permission: ["viewown", "editown"]
            for endpoint in ENDPOINTS.values()
            if endpoint.permission
        }
        found["role"] = {"id": 2, "name": "Sales", "isAdmin": False, "rawPermissions": rights}
    return found


def _fields(call: _Call, kind: str) -> dict[str, Any]:
    """The registry; unpublished fields too, those whose column is still to be made as well."""
    columns = sql.columns_of(call.database, "lead_fields")
    query = sql.read_query(call.pairs, columns, DEFAULT_ROWS)
    query.limit = query.limit or None
    query.add("object = ?", "lead" if kind == "contact" else "company")
    endpoint = Endpoint(
        f"fields/{kind}", "fields", "field", "lead_fields", False, "", _FIELD_NAMES, _FIELD_OMITS
    )
    rows = sql.fetch(call.database, "lead_fields", query)
    made = Records(call.database, endpoint, call.settings.offset).of(rows)
    return {"total": sql.count(call.database, "lead_fields", query), "fields": made}


_FIELD_NAMES = {"field_group": "group", "field_order": "order", "is_unique_identifer": "isUniqueIdentifier"}
_FIELD_OMITS = frozenset({"column_is_not_created", "original_is_published_value"})


def _stats(call: _Call, table: str) -> dict[str, Any]:
    """Raw rows with every value as text; errors come with HTTP 200."""
    columns = sql.columns_of(call.database, table) if table in STATS else {}
    if not columns:
        there = [name for name in STATS if sql.columns_of(call.database, name)]
        return {
            "availableTables": there,
            "tableColumns": {name: list(sql.columns_of(call.database, name)) for name in there},
        }
    if not call.settings.sees_others:
        text = "You do not have the view permission to load data from the lead table"
        return {"errors": [{"message": text, "code": 403}]}
    try:
        query = sql.read_query(call.pairs, columns, STATS_ROWS)
        total = sql.count(call.database, table, query)
        rows = sql.fetch(call.database, table, query)
    except BadQueryError as error:
        return {"errors": [{"message": str(error), "code": 0}]}
    hidden = _OMITTED.get(table, ())
    return {
        "total": total,
        "stats": [
            {
                name: None if value is None else _as_text(value)
                for name, value in row.items()
                if name not in hidden
            }
            for row in rows
        ],
    }


def _as_text(value: Any) -> str:
    """A value as the database driver of PHP gives it."""
    text = str(value)
    return text.removesuffix(".000000") if isinstance(value, str) else text


def _memberships(call: _Call, contact: int, kind: str) -> dict[str, Any]:
    """Companies, segments or campaigns of one contact."""
    table, key = _MEMBERS[kind]
    record(call.database, ENDPOINTS["contacts"], contact, call.settings)
    removed = " and manually_removed = 0" if kind != "companies" else ""
    found = call.database.execute(
        f'select "{key}" from "{table}" where lead_id = ?{removed} order by 1',
        [contact],
    )
    endpoint = ENDPOINTS[kind]
    made = [record(call.database, endpoint, number, call.settings) for (number,) in found.fetchall()]
    held: Any = made if kind == "companies" else {str(one["id"]): one for one in made}
    return {"total": len(made), endpoint.container: held or []}
