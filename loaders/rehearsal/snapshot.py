"""A real org's shape as one file, to rehearse against: schema, picklists, rules, users and allowances, no records.

Names and e-mail addresses of users are replaced by keyed hashes whose key is thrown away; only the user that
takes the snapshot keeps its address, because loads run as that user.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loaders.errors import RemoteError
from loaders.rehearsal.metadata.effects import STATUS_OBJECTS
from loaders.rehearsal.org.catalogue import AUDIT_FIELDS, standard_catalogue
from loaders.rehearsal.org.from_snapshot import elements
from loaders.salesforce.metadata_api import read_metadata
from loaders.salesforce.session import Org

FORMAT = 1
PACKED_ABOVE = 1 << 20  # bytes; larger snapshots are packed with gzip
USERS = "SELECT Id, Username, Email, FirstName, LastName, IsActive, UserType FROM User"
RULES = "SELECT Id, ValidationName, EntityDefinition.QualifiedApiName FROM ValidationRule WHERE Active = true"
DUPLICATES = "SELECT DeveloperName, MasterLabel, SobjectType FROM DuplicateRule WHERE IsActive = true"
SYSTEM = frozenset({"Id", "IsDeleted", "SystemModstamp", *AUDIT_FIELDS})
RECORD_TYPES = "SELECT Id, Name, DeveloperName, SobjectType, IsActive, Description FROM RecordType"


def take_snapshot(session: Org, report: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Everything that a rehearsal of this org needs; `notes` say what could not be read. Raises RemoteError."""
    identity = session.identity()
    notes: list[str] = []
    found: dict[str, Any] = {
        "format": FORMAT,
        "org_id": identity.org_id,
        "edition": identity.edition,
        "api_version": session.target.api_version,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "objects": list(_objects(session, report)),
        "users": list(_users(session)),
        "notes": notes,
    }
    parts: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("record_types", lambda: [_plain(row) for row in session.query(RECORD_TYPES)]),
        ("validation_rules", lambda: list(_rules(session, notes))),
        ("duplicate_rules", lambda: [_plain(row) for row in session.query(DUPLICATES)]),
        ("statuses", lambda: {name: _statuses(session, name) for name in STATUS_OBJECTS.values()}),
        ("components", lambda: list(_components(session, found))),
        ("limits", lambda: session.request("GET", "limits").json()),
    )
    for name, read in parts:
        try:
            found[name] = read()
        except RemoteError as error:
            notes.append(f"{name.replace('_', ' ')}: {error.message}")
            found[name] = {} if name in ("limits", "statuses") else []
    return found


def write_snapshot(snapshot: Mapping[str, Any], path: Path) -> None:
    """Writes the file; large ones, and those named `.gz`, are packed."""
    data = json.dumps(snapshot, ensure_ascii=False, sort_keys=True, indent=1).encode()
    if path.suffix == ".gz" or len(data) > PACKED_ABOVE:
        data = gzip.compress(data, mtime=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _objects(session: Org, report: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Describes of the objects that a migration meets, and of all custom ones."""
    listed = session.request("GET", "sobjects").json()["sobjects"]
    known = standard_catalogue()
    names = [one["name"] for one in listed if known.has(one["name"]) or one["name"].endswith("__c")]
    for place, name in enumerate(names, 1):
        if place % 20 == 0:
            report(f"{place} of {len(names)} objects read.")
        try:
            yield session.request("GET", f"sobjects/{name}/describe").json()
        except RemoteError as error:
            if getattr(error, "status", None) != 404:
                raise


def _users(session: Org) -> Iterator[dict[str, Any]]:
    key = secrets.token_bytes(32)

    def hashed(text: str | None) -> str:
        return hmac.new(key, (text or "").lower().encode(), hashlib.sha256).hexdigest()[:16]

    own = str(session.request("GET", "/services/oauth2/userinfo").json().get("user_id", ""))
    for row in session.query(USERS):
        if (row.get("UserType") or "Standard") != "Standard":
            continue
        is_own = own[:15] == row["Id"][:15]
        mail, name = f"{hashed(row.get('Email'))}@hashed.example", f"{hashed(row['Username'])}@hashed.example"
        yield {
            "username": row["Username"] if is_own else name,
            "email": (row.get("Email") or "") if is_own else mail,
            "first_name": hashed(row.get("FirstName"))[:8],
            "last_name": hashed(row.get("LastName"))[:8],
            "is_active": "true" if row["IsActive"] else "false",
            "load_user": is_own,
        }


def _rules(session: Org, notes: list[str]) -> Iterator[dict[str, Any]]:
    """Active validation rules; their formulas are only given one at a time (Tooling API, "ValidationRule")."""
    page = session.request("GET", "tooling/query/", params={"q": RULES}).json()
    while True:
        for row in page["records"]:
            owner = (row.get("EntityDefinition") or {}).get("QualifiedApiName")
            try:
                whole = session.request("GET", f"tooling/sobjects/ValidationRule/{row['Id']}").json()
            except RemoteError as error:
                notes.append(f"Validation rule {owner}.{row['ValidationName']}: {error.message}")
                continue
            yield {"object": owner, "name": row["ValidationName"], "metadata": whole.get("Metadata") or {}}
        if page.get("done", True):
            return
        page = session.request("GET", page["nextRecordsUrl"]).json()


def _statuses(session: Org, name: str) -> list[dict[str, Any]]:
    """The values of a status with what they mean (closed, won, converted)."""
    fields = [info.name for info in standard_catalogue().object(name).columns() if info.name not in SYSTEM]
    return [_plain(row) for row in session.query(f"SELECT {', '.join(fields)} FROM {name}")]


def _components(session: Org, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Metadata of record types, their processes, duplicate rules and the matching rules that these use."""
    version = session.target.api_version
    names = [("RecordType", f"{row['SobjectType']}.{row['DeveloperName']}") for row in found["record_types"]]
    names += [
        ("DuplicateRule", f"{row['SobjectType']}.{row['DeveloperName']}") for row in found["duplicate_rules"]
    ]
    read = read_metadata(session, names, version)
    further = []
    for (kind, name), tree in read.items():
        for element in elements(tree):
            owner = element.value("matchRuleSObjectType")
            if kind == "RecordType" and element.name == "businessProcess":
                further.append(("BusinessProcess", f"{name.partition('.')[0]}.{element.text}"))
            elif element.name == "duplicateRuleMatchRules" and owner:
                further.append(("MatchingRule", f"{owner}.{element.value('matchingRule')}"))
    for (kind, name), tree in {**read, **read_metadata(session, further, version)}.items():
        yield {"type": kind, "name": name, "content": tree}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "attributes"}


def summary(snapshot: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    """What a snapshot holds, for a person: part and number of entries."""
    parts = ("objects", "users", "record_types", "validation_rules", "duplicate_rules", "limits")
    return [(part.replace("_", " ").capitalize(), len(snapshot[part])) for part in parts]
