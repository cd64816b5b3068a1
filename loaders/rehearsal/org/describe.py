"""Describe: the catalogue as Salesforce's JSON, and another org's describe JSON as catalogue objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loaders.rehearsal.org.catalogue import (
    NUMBER_TYPES,
    PICKLIST_TYPES,
    TEXT_TYPES,
    FieldInfo,
    ObjectInfo,
    RecordType,
)

MASTER_TYPE = "012000000000000AAA"
NEVER = (
    "deprecatedAndHidden",
    "customSetting",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "dataTranslationEnabled",
)


def summary(info: ObjectInfo, root: str) -> dict[str, Any]:
    """One entry of the list of objects; `root` is /services/data/vXX.0."""
    base = f"{root}/sobjects/{info.name}"
    urls = {"rowTemplate": f"{base}/{{ID}}", "describe": f"{base}/describe", "sobject": base}
    if "layoutable" in info.flags:
        urls["layouts"] = f"{base}/describe/layouts"
    flags = (
        "feedEnabled",
        "layoutable",
        "mergeable",
        "mruEnabled",
        "replicateable",
        "retrieveable",
        "searchable",
        "triggerable",
    )
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": info.createable,
        "custom": info.custom,
        "deletable": info.deletable,
        "keyPrefix": info.key_prefix,
        "label": info.label,
        "labelPlural": info.label_plural,
        "name": info.name,
        "queryable": info.queryable,
        "undeletable": info.undeletable,
        "updateable": info.updateable,
        "urls": urls,
        **{flag: flag in info.flags for flag in flags},
        **{flag: False for flag in NEVER},
    }


def describe(info: ObjectInfo, root: str) -> dict[str, Any]:
    """The whole describe of an object."""
    children: list[dict[str, Any]] = [
        {
            "cascadeDelete": info.on_delete.get((child, field)) == "cascade",
            "childSObject": child,
            "deprecatedAndHidden": False,
            "field": field,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": name,
            "restrictedDelete": info.on_delete.get((child, field)) == "restrict",
        }
        for child, field, name in info.child_relationships
    ]
    return {
        **summary(info, root),
        "actionOverrides": [],
        "childRelationships": children,
        "compactLayoutable": "layoutable" in info.flags,
        "fields": [describe_field(field) for field in info.fields.values()],
        "implementedBy": None,
        "implementsInterfaces": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "defaultImplementation": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {**one, "urls": {"layout": f"{root}/sobjects/{info.name}/describe/layouts/{one['recordTypeId']}"}}
            for one in record_type_infos(info)
        ],
        "searchLayoutable": "searchable" in info.flags,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": "All", "name": "everything"}, {"label": "Mine", "name": "mine"}],
    }


def record_type_infos(info: ObjectInfo) -> list[dict[str, Any]]:
    """The record types of an object for the loading user, the master (no record type at all) last."""
    usual = next((one for one in info.record_types if one.default and one.available), None)
    master = RecordType(MASTER_TYPE, "Master", "Master", default=usual is None)
    return [
        {
            "active": one.active,
            "available": one.available,
            "defaultRecordTypeMapping": one is usual or (one is master and usual is None),
            "developerName": one.developer_name,
            "master": one is master,
            "name": one.label,
            "recordTypeId": one.id,
        }
        for one in (*info.record_types, master)
    ]


def allowed_values(info: ObjectInfo, record_type: str) -> dict[str, list[dict[str, Any]]]:
    """Per picklist field the values that a record type allows, as describe shows values."""
    one = next((known for known in info.record_types if known.id[:15] == record_type[:15]), None)
    limits = one.picklists if one else {}
    found = {}
    for key, field in info.fields.items():
        if field.type in PICKLIST_TYPES:
            values = describe_field(field)["picklistValues"]
            allowed = limits.get(key)
            found[field.name] = [
                value
                for value in values
                if value["active"] and (allowed is None or value["value"] in allowed)
            ]
    return found


def describe_field(field: FieldInfo) -> dict[str, Any]:
    """One field of a describe."""
    default: Any = field.default_value
    if field.type == "boolean":
        default = (field.default_value or "").lower() == "true"
    text = field.type in TEXT_TYPES
    searchable = field.type not in ("textarea", "base64", "address") or field.length <= 255
    return {
        "aggregatable": searchable and field.type != "boolean",
        "aiPredictionField": False,
        "autoNumber": field.auto_number,
        "byteLength": min(field.length * 3, 0x7FFFFFFF) if text else field.length,
        "calculated": field.calculated,
        "calculatedFormula": None,
        "cascadeDelete": False,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": field.compound_field_name,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": default,
        "defaultValueFormula": None,
        "defaultedOnCreate": field.defaulted_on_create,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": field.precision if field.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": field.type == "encryptedstring",
        "externalId": field.external_id,
        "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
        "filterable": searchable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": searchable
        and field.type not in ("double", "currency", "percent", "datetime", "multipicklist"),
        "highScaleNumber": False,
        "htmlFormatted": field.html_formatted,
        "idLookup": field.id_lookup,
        "inlineHelpText": field.help_text,
        "label": field.label,
        "length": field.length,
        "mask": None,
        "maskType": None,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": field.polymorphic,
        "nillable": field.nillable,
        "permissionable": field.nillable and not field.calculated and field.type != "id",
        "picklistValues": [
            {
                "active": active,
                "defaultValue": default_value,
                "label": label,
                "validFor": None,
                "value": value,
            }
            for value, label, active, default_value in field.picklist_values
        ],
        "polymorphicForeignKey": field.polymorphic,
        "precision": field.precision if field.type in NUMBER_TYPES and field.type != "int" else 0,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship_name,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": field.restricted_picklist,
        "scale": field.scale,
        "searchPrefilterable": False,
        "soapType": field.soap_type,
        "sortable": searchable and field.type != "multipicklist",
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": False,
    }


def read_snapshot(folder: Path) -> list[ObjectInfo]:
    """The objects whose describe JSON lies in the folder, one file each; files that are no describe are
    left out."""
    found = []
    for path in sorted(folder.glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(body, dict) and body.get("name") and isinstance(body.get("fields"), list):
            found.append(object_from_describe(body))
    return found


def object_from_describe(body: Mapping[str, Any]) -> ObjectInfo:
    """A describe result as a catalogue object."""
    children = [c for c in body.get("childRelationships") or [] if c.get("childSObject") and c.get("field")]
    on_delete = {
        (c["childSObject"], c["field"]): "cascade"
        if c.get("cascadeDelete")
        else "restrict"
        if c.get("restrictedDelete")
        else "clear"
        for c in children
    }
    return ObjectInfo(
        name=body["name"],
        label=body.get("label") or body["name"],
        label_plural=body.get("labelPlural") or body["name"],
        key_prefix=body.get("keyPrefix"),
        custom=bool(body.get("custom")),
        createable=bool(body.get("createable", True)),
        updateable=bool(body.get("updateable", True)),
        deletable=bool(body.get("deletable", True)),
        queryable=bool(body.get("queryable", True)),
        undeletable=bool(body.get("undeletable", True)),
        flags=frozenset(key for key, value in body.items() if value is True),
        fields={field["name"].lower(): _field_from_describe(field) for field in body["fields"]},
        child_relationships=tuple(
            (c["childSObject"], c["field"], c.get("relationshipName")) for c in children
        ),
        on_delete=on_delete,
    )


def _field_from_describe(field: Mapping[str, Any]) -> FieldInfo:
    default = field.get("defaultValue")
    if isinstance(default, bool):
        default = "true" if default else "false"
    values = field.get("picklistValues") or []
    return FieldInfo(
        name=field["name"],
        label=field.get("label") or field["name"],
        type=field["type"],
        length=int(field.get("length") or 0),
        precision=int(field.get("digits" if field["type"] == "int" else "precision") or 0),
        scale=int(field.get("scale") or 0),
        nillable=bool(field.get("nillable")),
        createable=bool(field.get("createable")),
        updateable=bool(field.get("updateable")),
        defaulted_on_create=bool(field.get("defaultedOnCreate")),
        default_value=None if default is None else str(default),
        unique=bool(field.get("unique")),
        external_id=bool(field.get("externalId")),
        case_sensitive=bool(field.get("caseSensitive")),
        id_lookup=bool(field.get("idLookup")),
        name_field=bool(field.get("nameField")),
        restricted_picklist=bool(field.get("restrictedPicklist")),
        picklist_values=tuple(
            (
                v["value"],
                v.get("label") or v["value"],
                bool(v.get("active", True)),
                bool(v.get("defaultValue")),
            )
            for v in values
        ),
        reference_to=tuple(field.get("referenceTo") or ()),
        relationship_name=field.get("relationshipName"),
        calculated=bool(field.get("calculated")),
        auto_number=bool(field.get("autoNumber")),
        custom=bool(field.get("custom")),
        compound_field_name=field.get("compoundFieldName"),
        html_formatted=bool(field.get("htmlFormatted")),
        help_text=field.get("inlineHelpText"),
    )
