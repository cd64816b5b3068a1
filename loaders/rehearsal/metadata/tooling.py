"""Schema and setup as objects to query: EntityDefinition, FieldDefinition, ValidationRule, Flow and so on.

The rows are made from the catalogue and the deployed components for each question, in a small database of
their own; the SOQL engine does the rest. What an org of this kind never has (Apex, flows) is an object
without rows, so that tools that look for automations find none instead of an error.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

import duckdb
import pyarrow as pa

from loaders.rehearsal.metadata.registry import Registry
from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.org.store import Store, quote
from loaders.rehearsal.soql import QueryResult, run

Row = dict[str, Any]

_FROM = re.compile(r"\bFROM\s+(\w+)", re.IGNORECASE)

_ALSO_DATA = frozenset(
    {"entitydefinition", "fielddefinition", "duplicaterule", "matchingrule", "flowdefinitionview"}
)

# What FieldDefinition.DataType shows for a describe type.
_DATA_TYPES = {
    "id": "Id", "string": "Text({length})", "textarea": "Long Text Area({length})", "email": "Email",
    "phone": "Phone", "url": "URL({length})", "double": "Number({digits}, {scale})",
    "currency": "Currency({digits}, {scale})", "percent": "Percent({digits}, {scale})",
    "int": "Number({digits}, 0)",
    "boolean": "Checkbox", "date": "Date", "datetime": "Date/Time", "picklist": "Picklist",
    "multipicklist": "Picklist (Multi-Select)", "combobox": "Text({length})", "address": "Address",
}  # fmt: skip


_CHILDREN = {
    "EntityDefinition": (
        ("FieldDefinition", "EntityDefinitionId", "Fields"),
        ("ValidationRule", "EntityDefinitionId", "ValidationRules"),
        ("RecordType", "EntityDefinitionId", "RecordTypes"),
    )
}


@lru_cache(maxsize=1)
def tooling_catalogue() -> Catalogue:
    """The objects of the Tooling API that this org answers for; their fields are in tooling_fields.csv."""
    fields: dict[str, dict[str, FieldInfo]] = {}
    text = resources.files(__package__).joinpath("tooling_fields.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        known = fields.setdefault(row["object"], {"id": _read_only("Id", "id")})
        known[row["name"].lower()] = _read_only(
            row["name"], row["type"], tuple(row["references"].split()), row["relationship"] or None
        )
    return Catalogue(
        {
            name.lower(): ObjectInfo(
                name,
                name,
                name,
                createable=False,
                updateable=False,
                deletable=False,
                fields=known,
                child_relationships=_CHILDREN.get(name, ()),
            )
            for name, known in fields.items()
        }
    )


def _read_only(
    name: str, kind: str, references: tuple[str, ...] = (), relationship: str | None = None
) -> FieldInfo:
    return FieldInfo(
        name,
        name,
        kind,
        length=255,
        createable=False,
        updateable=False,
        reference_to=references,
        relationship_name=relationship,
        name_field=name in ("Name", "DeveloperName", "MasterLabel", "QualifiedApiName"),
    )


def tooling_query(soql: str, catalogue: Catalogue, store: Store) -> QueryResult:
    """The answer to a Tooling API query. Raises SoqlError."""
    rows = _rows(catalogue, store)
    with duckdb.connect() as database:
        database.execute("create schema tooling")
        for info in tooling_catalogue().objects.values():
            _fill(database, info, rows.get(info.name, ()))
        return run(soql, tooling_catalogue(), database, include_deleted=True, schema="tooling")


def schema_query(soql: str, catalogue: Catalogue, store: Store) -> QueryResult | None:
    """The answer for setup objects that ordinary queries may ask for too, else None.

    Raises SoqlError.
    """
    found = _FROM.search(soql)
    if found is None or found.group(1).lower() not in _ALSO_DATA:
        return None
    return tooling_query(soql, catalogue, store)


def _fill(database: duckdb.DuckDBPyConnection, info: ObjectInfo, rows: Iterable[Row]) -> None:
    listed = list(rows)
    columns = ", ".join(f"{quote(one.name)} {one.storage_type}" for one in info.columns())
    database.execute(f"create table tooling.{quote(info.name)} ({columns})")
    if listed:
        names = [one.name for one in info.columns()]
        table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in listed])
        chosen = ", ".join(f"cast({quote(one.name)} as {one.storage_type})" for one in info.columns())
        database.register("incoming", table)
        database.execute(f"insert into tooling.{quote(info.name)} select {chosen} from incoming")
        database.unregister("incoming")


def _rows(catalogue: Catalogue, store: Store) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {"EntityDefinition": [], "FieldDefinition": []}
    for owner in catalogue.objects.values():
        found["EntityDefinition"].append(_entity(owner))
        found["FieldDefinition"] += [_field(owner, info) for info in owner.fields.values()]
    for one in Registry(store).all():
        owner_name, _, name = one.full_name.partition(".")
        if one.type == "Layout":
            owner_name, _, name = one.full_name.partition("-")
        common = {
            "Id": one.id or None, "EntityDefinitionId": owner_name, "TableEnumOrId": owner_name,
            "SobjectType": owner_name, "Name": name or one.full_name, "ValidationName": name,
            "DeveloperName": (name or one.full_name).removesuffix("__c"),
            "Description": one.element.value("description"),
            "CreatedDate": one.created_at, "LastModifiedDate": one.modified_at,
            "ManageableState": "unmanaged",
            "Active": one.element.flag("active"),
            "IsActive": one.element.flag("active") or one.element.flag("isActive"),
            "ErrorMessage": one.element.value("errorMessage"),
            "ErrorDisplayField": one.element.value("errorDisplayField"),
            "InlineHelpText": one.element.value("inlineHelpText"), "LayoutType": "Standard",
            "MasterLabel": one.element.value("masterLabel") or one.element.value("label"),
        }  # fmt: skip
        found.setdefault(one.type, []).append(common)
    deployed = {(row["TableEnumOrId"], row["DeveloperName"]) for row in found.get("CustomField", [])}
    found.setdefault("CustomField", []).extend(_declared_fields(catalogue, deployed))
    found["Organization"] = _organization(store)
    known = {(row["SobjectType"], row["DeveloperName"]) for row in found.setdefault("DuplicateRule", [])}
    found["DuplicateRule"] += [
        {"SobjectType": owner.name, "DeveloperName": rule.name, "MasterLabel": rule.name.replace("_", " "),
         "IsActive": True, "ManageableState": "unmanaged"}
        for owner in catalogue.objects.values() for rule in owner.duplicate_rules
        if (owner.name, rule.name) not in known
    ]  # fmt: skip
    return found


def _entity(owner: ObjectInfo) -> Row:
    """One EntityDefinition; addresses and relationships go by its durable id, so that is its Id."""
    return {
        "Id": owner.name, "DurableId": owner.name, "QualifiedApiName": owner.name,
        "DeveloperName": owner.name.removesuffix("__c"), "MasterLabel": owner.label, "Label": owner.label,
        "PluralLabel": owner.label_plural, "KeyPrefix": owner.key_prefix, "IsCustomizable": True,
        "IsQueryable": owner.queryable, "IsTriggerable": "triggerable" in owner.flags,
        "IsApexTriggerable": "triggerable" in owner.flags, "IsCustomSetting": False,
        "IsDeprecatedAndHidden": False,
        "IsLayoutable": "layoutable" in owner.flags, "IsSearchable": "searchable" in owner.flags,
        "IsRetrieveable": True, "IsEverCreatable": owner.createable, "IsEverUpdatable": owner.updateable,
        "IsEverDeletable": owner.deletable, "IsWorkflowEnabled": True, "InternalSharingModel": "ReadWrite",
        "ExternalSharingModel": "Private", "PublisherId": "<local>" if owner.custom else "System",
    }  # fmt: skip


def _field(owner: ObjectInfo, info: FieldInfo) -> Row:
    simple = info.type not in ("address", "location", "base64") and not (
        info.type == "textarea" and info.length > 255
    )
    return {
        "Id": f"{owner.name}.{info.name}", "DurableId": f"{owner.name}.{info.name}",
        "EntityDefinitionId": owner.name,
        "QualifiedApiName": info.name, "DeveloperName": info.name.removesuffix("__c"),
        "MasterLabel": info.label,
        "Label": info.label, "DataType": _data_type(info), "ValueTypeId": info.type, "Length": info.length,
        "Precision": info.precision, "Scale": info.scale, "RelationshipName": info.relationship_name,
        "IsNillable": info.nillable, "IsCalculated": info.calculated,
        "IsIndexed": info.external_id or info.unique or info.type in ("id", "reference"),
        "IsNameField": info.name_field, "IsCompound": info.storage_type is None, "IsApiFilterable": simple,
        "IsApiGroupable": simple and info.type not in ("datetime", "double", "currency", "percent"),
        "IsApiSortable": simple, "IsWorkflowFilterable": simple, "IsHighScaleNumber": False,
        "IsHtmlFormatted": info.html_formatted, "IsPolymorphicForeignKey": info.polymorphic,
        "InlineHelpText": info.help_text,
    }  # fmt: skip


def _data_type(info: FieldInfo) -> str:
    if info.type == "reference":
        return f"Lookup({','.join(info.reference_to[:5])})"
    if info.type == "textarea" and info.length <= 255:
        return f"Text Area({info.length})"
    shape = _DATA_TYPES.get(info.type, info.type)
    return shape.format(length=info.length, digits=info.precision - info.scale, scale=info.scale)


def _declared_fields(catalogue: Catalogue, known: set[tuple[Any, Any]]) -> Iterable[Row]:
    """Custom fields that the org has without a deployment; they have no id of their own."""
    for owner in catalogue.objects.values():
        for info in owner.fields.values():
            short = info.name.removesuffix("__c")
            base = "Activity" if owner.name in ("Task", "Event") else owner.name
            if info.custom and (owner.name, short) not in known and (base, short) not in known:
                yield {"DeveloperName": short, "TableEnumOrId": owner.name, "EntityDefinitionId": owner.name,
                       "InlineHelpText": info.help_text, "Length": info.length,
                       "ManageableState": "unmanaged"}  # fmt: skip


def _organization(store: Store) -> list[Row]:
    sql = 'select "Id", "Name", "OrganizationType", "IsSandbox", "InstanceName" from org."Organization"'
    names = ("Id", "Name", "OrganizationType", "IsSandbox", "InstanceName")
    return [dict(zip(names, row, strict=True)) for row in store.rows(sql)]
