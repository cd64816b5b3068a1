"""Which objects, fields, picklists and relationships the rehearsal org has. Plain immutable values, no
storage.

The standard objects are facts about Salesforce and ship as CSV beside this module (`catalogue/*.csv`);
a customer's own fields come on top with `with_fields`, another org's describe with `with_objects`. A
catalogue never changes: whoever needs a new field makes a new catalogue and swaps the reference, so a
request that started with one finishes with it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).with_suffix("")

NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})
TEXT_TYPES = frozenset(
    {
        "string",
        "textarea",
        "email",
        "phone",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
    }
)
PICKLIST_TYPES = frozenset({"picklist", "multipicklist", "combobox"})

SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "base64": "xsd:base64Binary",
    "address": "urn:address",
}

STORAGE_TYPES = {
    "boolean": "BOOLEAN",
    "int": "BIGINT",
    "double": "DOUBLE",
    "currency": "DOUBLE",
    "percent": "DOUBLE",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}

AUDIT_FIELDS = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")


@dataclass(frozen=True)
class FieldInfo:
    """One field as describe reports it; lengths in characters, `type` is the describe type."""

    name: str
    label: str = ""
    type: str = "string"
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    defaulted_on_create: bool = False
    default_value: str | None = None
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    id_lookup: bool = False
    name_field: bool = False
    restricted_picklist: bool = False
    picklist_values: tuple[tuple[str, str, bool, bool], ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    calculated: bool = False
    auto_number: bool = False
    custom: bool = False
    compound_field_name: str | None = None
    html_formatted: bool = False
    help_text: str | None = None

    @property
    def soap_type(self) -> str:
        """The XML schema type that SOAP and Bulk messages name."""
        return SOAP_TYPES.get(self.type, "xsd:string")

    @property
    def polymorphic(self) -> bool:
        """True for a reference that may point to several objects."""
        return len(self.reference_to) > 1

    @property
    def storage_type(self) -> str | None:
        """DuckDB type of the column, or None for a compound field, which is no column."""
        return None if self.type in ("address", "location") else STORAGE_TYPES.get(self.type, "VARCHAR")

    @property
    def required_on_create(self) -> bool:
        """True when an insert without a value is refused (describe's own rule)."""
        return (
            self.createable
            and not self.nillable
            and not self.defaulted_on_create
            and self.type not in ("boolean", "base64")
        )


@dataclass(frozen=True)
class ValidationRule:
    """An active rule that refuses records for which `formula` is true; `fields` are those it reads."""

    name: str
    formula: str
    message: str
    error_field: str | None
    fields: tuple[FieldInfo, ...]


@dataclass(frozen=True)
class MatchKey:
    """A field that two records must agree in to be duplicates, and how it is simplified before comparing:
    `exact`, `words` (letters and digits), `company` (words without the legal form) or `digits`."""

    field: FieldInfo
    method: str = "exact"
    blanks: bool = False


@dataclass(frozen=True)
class DuplicateRule:
    """An active duplicate rule: its alternatives of match keys, and what it does on insert and on update.

    An action is `block`, `alert` (a client may insist) or empty.
    """

    name: str
    alert: str
    on_insert: str
    on_update: str
    keys: tuple[tuple[MatchKey, ...], ...]


@dataclass(frozen=True)
class RecordType:
    """A record type; `picklists` has per lower-case field name the values it allows, `available` says whether
    the loading user may use it, `default` whether a record without one gets it."""

    id: str
    developer_name: str
    label: str
    active: bool = True
    available: bool = True
    default: bool = False
    picklists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectInfo:
    """One object; `fields` is keyed by lower-case name, `on_delete` by (child object, field)."""

    name: str
    label: str = ""
    label_plural: str = ""
    key_prefix: str | None = None
    custom: bool = False
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    queryable: bool = True
    undeletable: bool = True
    flags: frozenset[str] = frozenset()
    fields: Mapping[str, FieldInfo] = field(default_factory=dict)
    child_relationships: tuple[tuple[str, str, str | None], ...] = ()
    on_delete: Mapping[tuple[str, str], str] = field(default_factory=dict)
    validation_rules: tuple[ValidationRule, ...] = ()
    duplicate_rules: tuple[DuplicateRule, ...] = ()
    record_types: tuple[RecordType, ...] = ()

    def field(self, name: str) -> FieldInfo:
        """The field of that name, case-insensitively. Raises KeyError."""
        return self.fields[name.lower()]

    def has(self, name: str) -> bool:
        """True if there is such a field."""
        return name.lower() in self.fields

    def columns(self) -> tuple[FieldInfo, ...]:
        """The fields that are stored, in describe order."""
        return tuple(info for info in self.fields.values() if info.storage_type)

    def relationship(self, name: str) -> FieldInfo | None:
        """The reference field whose relationship has that name, case-insensitively, or None."""
        wanted = name.lower()
        for info in self.fields.values():
            if info.relationship_name and info.relationship_name.lower() == wanted:
                return info
        return None


@dataclass(frozen=True)
class Catalogue:
    """All objects of an org, keyed by lower-case name."""

    objects: Mapping[str, ObjectInfo]

    def object(self, name: str) -> ObjectInfo:
        """The object of that name, case-insensitively. Raises KeyError."""
        return self.objects[name.lower()]

    def has(self, name: str) -> bool:
        """True if there is such an object."""
        return name.lower() in self.objects

    def by_prefix(self, prefix: str) -> ObjectInfo | None:
        """The object whose ids start with those three characters, or None."""
        return _prefixes(self).get(prefix)

    def with_fields(self, declared: Mapping[str, Iterable[FieldInfo]]) -> Catalogue:
        """A new catalogue with these fields added to (or replacing custom ones of) the named objects.

        A field that the object has as a standard field keeps its standard definition. Unknown objects
        become custom objects with the usual system fields.
        """
        objects = dict(self.objects)
        for name, fields in declared.items():
            owner = objects.get(name.lower()) or _custom_object(name, objects)
            merged = dict(owner.fields)
            for info in fields:
                known = merged.get(info.name.lower())
                if known is None or known.custom:
                    merged[info.name.lower()] = info
            objects[name.lower()] = replace(owner, fields=merged)
        return Catalogue(_with_children(objects))

    def without(self, names: Iterable[str]) -> Catalogue:
        """A new catalogue in which these objects, and all that refers to them, do not exist."""
        gone = {name.lower() for name in names}
        objects = {}
        for key, info in self.objects.items():
            if key in gone:
                continue
            fields = {}
            for name, one in info.fields.items():
                left = tuple(target for target in one.reference_to if target.lower() not in gone)
                if left or not one.reference_to:
                    fields[name] = one if left == one.reference_to else replace(one, reference_to=left)
            objects[key] = replace(
                info,
                fields=fields,
                child_relationships=tuple(
                    one for one in info.child_relationships if one[0].lower() not in gone
                ),
                on_delete={key: rule for key, rule in info.on_delete.items() if key[0].lower() not in gone},
            )
        return Catalogue(objects)

    def with_changed_field(self, name: str, field: str, *, require: bool) -> Catalogue:
        """A new catalogue in which a field is gone, or required on create."""
        if not self.has(name) or not self.object(name).has(field):
            return self
        owner = self.object(name)
        fields = {key: info for key, info in owner.fields.items() if require or key != field.lower()}
        if require:
            fields[field.lower()] = replace(
                owner.field(field), nillable=False, defaulted_on_create=False, default_value=None
            )
        return Catalogue({**self.objects, name.lower(): replace(owner, fields=fields)})

    def with_objects(self, others: Iterable[ObjectInfo]) -> Catalogue:
        """A new catalogue in which these objects replace or extend the known ones."""
        objects = dict(self.objects)
        objects.update({other.name.lower(): other for other in others})
        return Catalogue(_with_children(objects))


@lru_cache(maxsize=1)
def standard_catalogue() -> Catalogue:
    """The standard objects as they ship with this project."""
    picklists: dict[tuple[str, str], list[tuple[str, str, bool, bool]]] = {}
    for row in _rows("picklists.csv"):
        picklists.setdefault((row["object"], row["field"]), []).append(
            (row["value"], row["label"], row["active"] == "true", row["default"] == "true")
        )
    fields: dict[str, dict[str, FieldInfo]] = {}
    for row in _rows("fields.csv"):
        values = tuple(picklists.get((row["object"], row["name"]), ()))
        fields.setdefault(row["object"], {})[row["name"].lower()] = _field_from_row(row, values)
    children: dict[str, list[tuple[str, str, str | None]]] = {}
    on_delete: dict[str, dict[tuple[str, str], str]] = {}
    for row in _rows("child_relationships.csv"):
        children.setdefault(row["object"], []).append(
            (row["child"], row["field"], row["relationship"] or None)
        )
        on_delete.setdefault(row["object"], {})[(row["child"], row["field"])] = row["on_delete"]
    objects = {}
    for row in _rows("objects.csv"):
        name, flags = row["name"], frozenset(row["flags"].split())
        objects[name.lower()] = ObjectInfo(
            name=name,
            label=row["label"],
            label_plural=row["label_plural"],
            key_prefix=row["key_prefix"] or None,
            createable="createable" in flags,
            updateable="updateable" in flags,
            deletable="deletable" in flags,
            queryable="queryable" in flags,
            undeletable="undeletable" in flags,
            flags=flags,
            fields=fields[name],
            child_relationships=tuple(children.get(name, ())),
            on_delete=on_delete.get(name, {}),
        )
    return Catalogue(objects)


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _field_from_row(row: dict[str, str], values: tuple[tuple[str, str, bool, bool], ...]) -> FieldInfo:
    flags = set(row["flags"].split())
    return FieldInfo(
        name=row["name"],
        label=row["label"],
        type=row["type"],
        length=int(row["length"]),
        precision=int(row["precision"]),
        scale=int(row["scale"]),
        nillable="nillable" in flags,
        createable="createable" in flags,
        updateable="updateable" in flags,
        defaulted_on_create="defaulted" in flags,
        default_value=row["default"] or None,
        unique="unique" in flags,
        external_id="external_id" in flags,
        case_sensitive="case_sensitive" in flags,
        id_lookup="id_lookup" in flags,
        name_field="name_field" in flags,
        restricted_picklist="restricted" in flags,
        picklist_values=values,
        reference_to=tuple(row["references"].split()),
        relationship_name=row["relationship"] or None,
        calculated="calculated" in flags,
        auto_number="auto_number" in flags,
        compound_field_name=row["compound"] or None,
        html_formatted="html" in flags,
    )


def system_fields() -> dict[str, FieldInfo]:
    """The fields every custom object has, keyed by lower-case name."""

    def system(name: str, label: str, kind: str, **more: object) -> FieldInfo:
        base = FieldInfo(name, label, kind, nillable=False, createable=False, updateable=False)
        return replace(base, defaulted_on_create=True, **more)  # type: ignore[arg-type]

    user = {"length": 18, "reference_to": ("User",)}
    fields = [
        system("Id", "Record ID", "id", length=18, id_lookup=True),
        FieldInfo(
            "OwnerId",
            "Owner ID",
            "reference",
            length=18,
            nillable=False,
            defaulted_on_create=True,
            reference_to=("Group", "User"),
            relationship_name="Owner",
        ),
        system("IsDeleted", "Deleted", "boolean", default_value="false"),
        FieldInfo("Name", "Name", "string", length=80, name_field=True, id_lookup=True),
        system("CreatedDate", "Created Date", "datetime"),
        system("CreatedById", "Created By ID", "reference", relationship_name="CreatedBy", **user),
        system("LastModifiedDate", "Last Modified Date", "datetime"),
        system(
            "LastModifiedById", "Last Modified By ID", "reference", relationship_name="LastModifiedBy", **user
        ),
        system("SystemModstamp", "System Modstamp", "datetime"),
    ]
    return {info.name.lower(): info for info in fields}


def _custom_object(name: str, objects: Mapping[str, ObjectInfo]) -> ObjectInfo:
    used = {info.key_prefix for info in objects.values()}
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
    free = (f"a{first}{last}" for first in alphabet for last in alphabet)
    flags = "createable updateable deletable undeletable queryable retrieveable searchable layoutable"
    return ObjectInfo(
        name=name,
        label=name.removesuffix("__c").replace("_", " "),
        label_plural=name.removesuffix("__c").replace("_", " ") + "s",
        key_prefix=next(prefix for prefix in free if prefix not in used),
        custom=True,
        flags=frozenset(flags.split()),
        fields=system_fields(),
    )


def _with_children(objects: dict[str, ObjectInfo]) -> dict[str, ObjectInfo]:
    """Adds the child relationship of every custom lookup to its parent."""
    for child in list(objects.values()):
        for info in child.fields.values():
            if not info.custom or not info.reference_to:
                continue
            for target in info.reference_to:
                parent = objects.get(target.lower())
                key = (child.name, info.name)
                if parent is None or key in parent.on_delete:
                    continue
                name = f"{child.label_plural.replace(' ', '')}__r"
                objects[target.lower()] = replace(
                    parent,
                    child_relationships=(*parent.child_relationships, (child.name, info.name, name)),
                    on_delete={**parent.on_delete, key: "clear"},
                )
    return objects


def _prefixes(catalogue: Catalogue) -> dict[str, ObjectInfo]:
    found: dict[str, ObjectInfo] = {}
    for info in catalogue.objects.values():
        if info.key_prefix:
            found.setdefault(info.key_prefix, info)
    return found
