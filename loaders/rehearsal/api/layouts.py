"""Layouts and record types: which fields a person sees, and which picklist values a record type allows.

The sections are those of a deployed layout of the object, else one section with every field that can be written.
"""

from __future__ import annotations

from typing import Any

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.metadata.registry import Registry
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.describe import allowed_values, describe_field, record_type_infos
from loaders.rehearsal.org.failures import not_found

LAYOUT = "00h5gR000000001AAA"
COLUMNS = 2


@route("GET", "/sobjects/{object}/describe/layouts")
def layouts(call: Call) -> Answer:
    """The layout and the record types of an object, with the picklist values that each allows."""
    info = call.object()
    mappings = [
        {
            **one,
            "layoutId": LAYOUT,
            "picklistsForRecordType": [
                {"picklistName": name, "picklistValues": values}
                for name, values in allowed_values(info, one["recordTypeId"]).items()
            ],
            "urls": {"layout": f"{call.root}/sobjects/{info.name}/describe/layouts/{one['recordTypeId']}"},
        }
        for one in record_type_infos(info)
    ]
    several = len([one for one in mappings if one["available"] and not one["master"]]) > 1
    body = {
        "layouts": [_layout(call, info)],
        "recordTypeMappings": mappings,
        "recordTypeSelectorRequired": [several],
    }
    return Answer(body=body)


@route("GET", "/sobjects/{object}/describe/layouts/{record_type}")
def layout(call: Call) -> Answer:
    """The layout of one record type."""
    info = call.object()
    _check(info, call.arguments["record_type"])
    return Answer(body=_layout(call, info))


@route("GET", "/ui-api/object-info/{object}/picklist-values/{record_type}")
def picklist_values(call: Call) -> Answer:
    """The values of every picklist for a record type."""
    info, wanted = call.object(), call.arguments["record_type"]
    _check(info, wanted)
    base = f"{call.root}/ui-api/object-info/{info.name}/picklist-values/{wanted}"
    found = {
        name: {
            "controllerValues": {},
            "defaultValue": next((_choice(value) for value in values if value["defaultValue"]), None),
            "url": f"{base}/{name}",
            "values": [_choice(value) for value in values],
        }
        for name, values in allowed_values(info, wanted).items()
    }
    return Answer(body={"picklistFieldValues": found})


def _choice(value: dict[str, Any]) -> dict[str, Any]:
    return {"attributes": None, "label": value["label"], "validFor": [], "value": value["value"]}


def _check(info: ObjectInfo, record_type: str) -> None:
    """Raises OrgError 404 for a record type that the object does not have."""
    if not any(one["recordTypeId"][:15] == record_type[:15] for one in record_type_infos(info)):
        raise not_found()


def _layout(call: Call, info: ObjectInfo) -> dict[str, Any]:
    sections = list(enumerate(_sections(call, info)))
    edited = [_section(place, heading, fields, edits=True) for place, (heading, fields) in sections]
    return {
        "buttonLayoutSection": None,
        "detailLayoutSections": [
            _section(place, heading, fields, edits=False) for place, (heading, fields) in sections
        ],
        "editLayoutSections": [section for section in edited if section["layoutRows"]],
        "highlightsPanelLayoutSection": None,
        "id": LAYOUT,
        "relatedLists": [],
    }


def _sections(call: Call, info: ObjectInfo) -> list[tuple[str, list[FieldInfo]]]:
    """Heading and fields of each section."""
    for component in Registry(call.org.store).all("Layout"):
        if component.full_name.startswith(f"{info.name}-"):
            found = [
                (section.value("label") or "Information", _fields(section, info))
                for section in component.element.all("layoutSections")
            ]
            return [(heading, fields) for heading, fields in found if fields]
    return [
        ("Information", [field for field in info.fields.values() if field.createable or field.updateable])
    ]


def _fields(section: Element, info: ObjectInfo) -> list[FieldInfo]:
    names = [
        item.value("field") or ""
        for column in section.all("layoutColumns")
        for item in column.all("layoutItems")
    ]
    return [info.field(name) for name in names if info.has(name)]


def _section(place: int, heading: str, fields: list[FieldInfo], *, edits: bool) -> dict[str, Any]:
    items = [_item(field) for field in fields if not edits or field.createable or field.updateable]
    rows = [
        {"layoutItems": items[start : start + COLUMNS], "numItems": len(items[start : start + COLUMNS])}
        for start in range(0, len(items), COLUMNS)
    ]
    return {
        "columns": COLUMNS,
        "heading": heading,
        "layoutRows": rows,
        "layoutSectionId": f"01B5gR{place:09d}",
        "parentLayoutId": LAYOUT,
        "rows": len(rows),
        "tabOrder": "LeftToRight",
        "useCollapsibleSection": False,
        "useHeading": True,
    }


def _item(field: FieldInfo) -> dict[str, Any]:
    component = {
        "details": describe_field(field),
        "displayLines": 1,
        "tabOrder": 1,
        "type": "Field",
        "value": field.name,
    }
    return {
        "editableForNew": field.createable,
        "editableForUpdate": field.updateable,
        "label": field.label,
        "layoutComponents": [component],
        "placeholder": False,
        "required": field.required_on_create,
    }
