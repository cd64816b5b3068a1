"""A snapshot file as the beginning of a rehearsal org: objects for its catalogue, and what is stored once.

Validation and duplicate rules become deployed components, so they are enforced, shown and changed like any
other. A formula that the rehearsal org cannot read stays visible and is not enforced; a duplicate rule whose
metadata could not be read is the standard rule of its object.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError
from loaders.rehearsal.metadata.components import OBJECT_CHILDREN
from loaders.rehearsal.metadata.registry import Registry
from loaders.rehearsal.metadata.xml import Element, tree
from loaders.rehearsal.org.catalogue import Catalogue, ObjectInfo
from loaders.rehearsal.org.describe import object_from_describe, read_snapshot
from loaders.rehearsal.org.duplicates import ALERT, STANDARD
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.seeding import insert_facts, sync_user_rows
from loaders.rehearsal.org.store import Store, table

ELEMENTS = {kind: name for name, kind in OBJECT_CHILDREN.items()} | {"MatchingRule": "matchingRules"}
# Objects that an org only has with a feature or licence.
FEATURES = frozenset(
    {
        "AccountContactRelation", "Case", "CaseComment", "Individual", "TaskRelation", "TaskWhoRelation", "Topic",
        "TopicAssignment",
    }
)  # fmt: skip
LIMITS = {
    "daily_api_requests": "DailyApiRequests",
    "daily_bulk_batches": "DailyBulkApiBatches",
    "data_storage_mb": "DataStorageMB",
    "file_storage_mb": "FileStorageMB",
}


def read_file(path: Path) -> dict[str, Any]:
    """The snapshot in a file, packed or not. Raises ConfigurationError for a file that is none."""
    try:
        data = path.read_bytes()
        found = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (OSError, ValueError, EOFError) as problem:
        raise ConfigurationError(
            f"{path} cannot be read as a snapshot: {problem}", "rehearse snapshot"
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("objects"), list):
        raise ConfigurationError(f"{path} is no snapshot of an org.", "rehearse snapshot")
    return found


def snapshot_objects(path: Path) -> list[ObjectInfo]:
    """The objects of a snapshot file, or of a folder of describe files."""
    if path.is_dir():
        return read_snapshot(path)
    return [object_from_describe(body) for body in read_file(path)["objects"]]


def absent_objects(options: Options) -> set[str]:
    """The objects that the org does not have: named by the options, or of a feature that the snapshot's org has
    switched off."""
    gone = {name.strip() for name in options.without.split(",") if name.strip()}
    if not options.several_accounts:
        gone.add("AccountContactRelation")
    if options.snapshot and options.snapshot.is_file():
        gone |= FEATURES - {body["name"] for body in read_file(options.snapshot)["objects"]}
    return gone


def with_limits(options: Options) -> Options:
    """The options with the allowances of the snapshot, where they have not been set otherwise."""
    if options.snapshot is None or options.snapshot.is_dir():
        return options
    limits, defaults = read_file(options.snapshot).get("limits") or {}, Options()
    changes = {
        name: int(limits[key]["Max"])
        for name, key in LIMITS.items()
        if isinstance(limits.get(key), Mapping) and getattr(options, name) == getattr(defaults, name)
    }
    return replace(options, **changes)  # type: ignore[arg-type]


def bring_in(store: Store, catalogue: Catalogue, path: Path) -> bool:
    """Stores users, record types and rules of a snapshot, once per state; whether it has done so now."""
    if path.is_dir() or store.setting("snapshot"):
        return False
    snapshot = read_file(path)
    with store.write() as connection:
        sync_user_rows(store, catalogue, snapshot.get("users") or [])
        types = [row for row in snapshot.get("record_types") or [] if row.get("SobjectType")]
        insert_facts(store, connection, catalogue.object("RecordType"), types)
        registry = Registry(store)
        for rule in snapshot.get("validation_rules") or []:
            name = f"{rule['object']}.{rule['name']}"
            registry.save("ValidationRule", name, _validation(rule), registry.find("ValidationRule", name))
        known = set()
        for one in snapshot.get("components") or []:
            known.add((one["type"], one["name"]))
            element = Element(ELEMENTS.get(one["type"], one["type"]), children=elements(one["content"]))
            registry.save(one["type"], one["name"], element, registry.find(one["type"], one["name"]))
        _replace_statuses(store, catalogue, snapshot.get("statuses") or {})
        for rule in snapshot.get("duplicate_rules") or []:
            name = f"{rule['SobjectType']}.{rule['DeveloperName']}"
            if ("DuplicateRule", name) in known:
                continue
            registry.save("DuplicateRule", name, _duplicate(rule), registry.find("DuplicateRule", name))
        registry.flush()
        store.remember("snapshot", str(snapshot.get("org_id") or path.name))
    return True


def elements(tree: Any) -> list[Element]:
    """The elements of (tag, text or tree) pairs, as tuples or as a snapshot file has them."""
    return [
        Element(tag, content) if isinstance(content, str) else Element(tag, children=elements(content))
        for tag, content in tree
    ]


def _replace_statuses(
    store: Store, catalogue: Catalogue, statuses: Mapping[str, list[dict[str, Any]]]
) -> None:
    """The values of LeadStatus, OpportunityStage and the like, with what they mean in the org of the snapshot."""
    with store.write() as connection:
        for name, rows in statuses.items():
            if rows and catalogue.has(name):
                connection.execute(f"delete from {table(name)}")
                insert_facts(store, connection, catalogue.object(name), rows)


def _validation(rule: Mapping[str, Any]) -> Element:
    names = ("active", "description", "errorConditionFormula", "errorDisplayField", "errorMessage")
    known = {name: rule["metadata"].get(name) for name in names}
    (element,) = tree("validationRules", {"fullName": rule["name"], **known})
    return element


def _duplicate(rule: Mapping[str, Any]) -> Element:
    owner = rule["SobjectType"]
    match = {"matchRuleSObjectType": owner, "matchingRule": f"Standard_{owner}_Match_Rule"}
    content = {
        "actionOnInsert": "Allow",
        "actionOnUpdate": "Allow",
        "alertText": ALERT,
        "duplicateRuleMatchRules": [match] if owner in STANDARD else [],
        "isActive": True,
        "masterLabel": rule.get("MasterLabel") or rule["DeveloperName"],
        "operationsOnInsert": ["Alert"],
        "operationsOnUpdate": ["Alert"],
        "sortOrder": 1,
    }
    (element,) = tree("DuplicateRule", content)
    return element
