"""The org's record types as part of the catalogue: what describe lists, and which picklist values each allows.

Rows of RecordType say which there are (deployed or from a snapshot); the deployed component says what each allows.
A business process limits the statuses or stages of its record types the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import unquote

from loaders.rehearsal.metadata.registry import Component
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, RecordType
from loaders.rehearsal.org.store import Store

# An object has this field from its first record type on.
FIELD = FieldInfo(
    "RecordTypeId",
    "Record Type ID",
    "reference",
    18,
    reference_to=("RecordType",),
    relationship_name="RecordType",
)
PROCESS_FIELDS = {"Lead": "status", "Opportunity": "stagename", "Case": "status"}
_TABLE = "select 1 from duckdb_tables() where schema_name = 'org' and table_name = 'RecordType'"
_ROWS = (
    'select "Id", "SobjectType", "DeveloperName", "Name", coalesce("IsActive", false) from org."RecordType" '
    'where not coalesce("IsDeleted", false) and "SobjectType" is not null order by "Name", "Id"'
)


def with_record_types(
    catalogue: Catalogue, components: Iterable[Component], store: Store, granting: set[str] | None
) -> Catalogue:
    """The catalogue whose objects carry their record types; `granting` are the permission sets and profiles that
    the administrator has, None where every record type is for everybody."""
    if not store.rows(_TABLE):  # the very first start
        return catalogue
    components = list(components)
    known = {(one.type, one.full_name.lower()): one.element for one in components}
    seen, default = _visible(components, granting)
    found: dict[str, list[RecordType]] = {}
    for identifier, owner, name, label, active in store.rows(_ROWS):
        if not catalogue.has(owner):
            continue
        full_name = f"{owner}.{name}".lower()
        one = RecordType(
            identifier,
            name,
            label,
            active,
            active and (granting is None or full_name in seen),
            full_name in default,
            _values(owner, known.get(("RecordType", full_name)), known),
        )
        found.setdefault(owner, []).append(one)
    changed = [
        replace(info, record_types=tuple(types), fields={**info.fields, FIELD.name.lower(): FIELD})
        if not info.has(FIELD.name)
        else replace(info, record_types=tuple(types))
        for name, types in found.items()
        for info in [catalogue.object(name)]
    ]
    return catalogue.with_objects(changed) if changed else catalogue


def _visible(components: Iterable[Component], granting: set[str] | None) -> tuple[set[str], set[str]]:
    """Lower-case names of the record types that somebody granted, and of the defaults of a profile."""
    seen, default = set(), set()
    for one in components:
        if one.type not in ("PermissionSet", "Profile"):
            continue
        if granting is not None and f"{one.type}:{one.full_name}".lower() not in granting:
            continue
        for visibility in one.element.all("recordTypeVisibilities"):
            name = (visibility.value("recordType") or "").lower()
            if visibility.flag("visible"):
                seen.add(name)
            if visibility.flag("default"):
                default.add(name)
    return seen, default


def _values(
    owner: str, element: Element | None, known: Mapping[tuple[str, str], Element]
) -> dict[str, tuple[str, ...]]:
    """Per lower-case field name the values that a record type allows."""
    if element is None:
        return {}
    found = {}
    for picklist in element.all("picklistValues"):
        values = [unquote(one.value("fullName") or "") for one in picklist.all("values")]
        found[(picklist.value("picklist") or "").lower()] = tuple(values)
    process = known.get(("BusinessProcess", f"{owner}.{element.value('businessProcess') or ''}".lower()))
    if process is not None and owner in PROCESS_FIELDS:
        values = [unquote(one.value("fullName") or "") for one in process.all("values")]
        found[PROCESS_FIELDS[owner]] = tuple(values)
    return found
