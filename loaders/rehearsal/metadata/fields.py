"""Custom fields: metadata to the catalogue's FieldInfo, the way back, and what Salesforce refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from loaders.rehearsal.metadata.values import PicklistValues, value_set_of, values_of
from loaders.rehearsal.metadata.xml import Element, tree
from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.org.declared import declared_field

ValueSets = Mapping[str, PicklistValues]

_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*", re.ASCII)
_MAX_NAME = 40
_MAX_LABEL = 40
_MAX_EXTERNAL_IDS = 25
_MAX_CUSTOM_FIELDS = 500
TYPES = {
    "Text", "TextArea", "LongTextArea", "Html", "EncryptedText", "Email", "Phone", "Url", "Number",
    "Currency",
    "Percent", "Checkbox", "Date", "DateTime", "Time", "Picklist", "MultiselectPicklist", "Lookup",
    "MasterDetail",
    "AutoNumber", "Location", "Summary", "Hierarchy",
}  # fmt: skip
_NEEDED = {
    "Text": ("length",),
    "LongTextArea": ("length", "visibleLines"),
    "Html": ("length", "visibleLines"),
    "EncryptedText": ("length",),
    "Number": ("precision", "scale"),
    "Currency": ("precision", "scale"),
    "Percent": ("precision", "scale"),
    "Checkbox": ("defaultValue",),
    "MultiselectPicklist": ("visibleLines",),
    "Lookup": ("referenceTo", "relationshipName"),
    "MasterDetail": ("referenceTo", "relationshipName"),
    "AutoNumber": ("displayFormat",),
}
_LENGTHS = {
    "Text": (1, 255),
    "LongTextArea": (256, 131_072),
    "Html": (256, 131_072),
    "EncryptedText": (1, 175),
}
_EXTERNAL = {"Text", "Number", "Email", "AutoNumber"}
# Field types between which Salesforce changes a field without losing it; every other change is refused here.
_CHANGES = {
    frozenset({"Text", "TextArea"}), frozenset({"Text", "Email"}), frozenset({"Text", "Phone"}),
    frozenset({"Text", "Url"}), frozenset({"Text", "LongTextArea"}), frozenset({"TextArea", "LongTextArea"}),
    frozenset({"Text", "Picklist"}), frozenset({"Number", "Currency"}), frozenset({"Number", "Percent"}),
    frozenset({"Date", "DateTime"}), frozenset({"Lookup", "MasterDetail"}), frozenset({"Text", "AutoNumber"}),
    frozenset({"Picklist", "MultiselectPicklist"}),
}  # fmt: skip
_METADATA_TYPES = {
    "string": "Text", "email": "Email", "phone": "Phone", "url": "Url", "double": "Number",
    "currency": "Currency",
    "percent": "Percent", "boolean": "Checkbox", "date": "Date", "datetime": "DateTime",
    "picklist": "Picklist",
    "multipicklist": "MultiselectPicklist", "reference": "Lookup", "time": "Time",
}  # fmt: skip
API_NAME_RULE = (
    "can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, "
    "not include spaces, not end with an underscore, and not contain two consecutive underscores."
)


def problems(
    element: Element, owner: ObjectInfo, catalogue: Catalogue, value_sets: ValueSets, old_type: str | None
) -> Iterator[str]:
    """What Salesforce would say against a field; `old_type` is the type it was deployed with before."""
    name, kind = element.value("fullName") or "", element.value("type") or ""
    known = owner.fields.get(name.lower())
    if not name.lower().endswith("__c"):
        if known is None:
            yield f"Entity of type 'CustomField' named '{owner.name}.{name}' cannot be found"
        return
    yield from _name_problems(name, element)
    if not kind:
        yield "Must specify a non-empty type for the CustomField"
        return
    if kind not in TYPES:
        yield f"Error parsing file: '{kind}' is not a valid value for the enum 'FieldType'"
        return
    for needed in _NEEDED.get(kind, ()):
        if element.value(needed) is None:
            yield f"Must specify '{needed}' for a CustomField of type {kind}"
    yield from _size_problems(element, kind)
    yield from _key_problems(element, kind, name, owner, known)
    yield from _reference_problems(element, kind, catalogue)
    yield from _picklist_problems(element, kind, value_sets)
    if old_type and old_type != kind and frozenset({old_type, kind}) not in _CHANGES:
        yield f"Cannot change field type from {old_type} to {kind}"


def _name_problems(name: str, element: Element) -> Iterator[str]:
    bare = name[:-3]
    if not _NAME.fullmatch(bare):
        yield f"Field Name: The Field Name {API_NAME_RULE}"
    elif len(bare) > _MAX_NAME:
        yield f"Value too long for field: DeveloperName maximum length is:{_MAX_NAME}"
    label = element.value("label")
    if label is None:
        yield "Must specify a non-empty label for the CustomField"
    elif len(label) > _MAX_LABEL:
        yield f"Value too long for field: MasterLabel maximum length is:{_MAX_LABEL}"
    help_text = element.value("inlineHelpText") or ""
    if len(help_text) > 510:
        yield "Value too long for field: InlineHelpText maximum length is:510"
    if len(element.value("description") or "") > 1000:
        yield "Value too long for field: Description maximum length is:1000"


def _size_problems(element: Element, kind: str) -> Iterator[str]:
    sizes = {}
    for name in ("length", "precision", "scale", "visibleLines"):
        text = element.value(name)
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 9):
            yield f'Error parsing file: For input string: "{text}"'
            return
        sizes[name] = int(text) if text is not None else None
    length = sizes["length"]
    if kind in _LENGTHS and length is not None:
        low, high = _LENGTHS[kind]
        if not low <= length <= high:
            yield f"Invalid length {length}: a CustomField of type {kind} takes {low} to {high}"
    precision, scale = sizes["precision"], sizes["scale"]
    if kind in ("Number", "Currency", "Percent") and precision is not None and scale is not None:
        if not 1 <= precision <= 18:
            yield "Can not specify a precision greater than 18 or less than 1"
        elif scale > precision:
            yield "Can not specify a scale greater than the precision"


def _key_problems(
    element: Element, kind: str, name: str, owner: ObjectInfo, known: FieldInfo | None
) -> Iterator[str]:
    custom = [info for info in owner.fields.values() if info.custom and info.name.lower() != name.lower()]
    if element.flag("externalId") and kind not in _EXTERNAL:
        yield f"Can not specify 'externalId' for a CustomField of type {kind}"
    if element.flag("unique") and kind not in _EXTERNAL:
        yield f"Can not specify 'unique' for a CustomField of type {kind}"
    if element.flag("externalId") and sum(info.external_id for info in custom) >= _MAX_EXTERNAL_IDS:
        yield f"Number of external id fields would exceed the limit of {_MAX_EXTERNAL_IDS} on {owner.name}"
    if known is None and len(custom) >= _MAX_CUSTOM_FIELDS:
        yield f"You have reached the maximum number of custom fields on {owner.name}: {_MAX_CUSTOM_FIELDS}"
    if element.flag("required") and kind in ("Checkbox", "LongTextArea", "Html", "MultiselectPicklist"):
        yield f"Can not specify 'required' for a CustomField of type {kind}"


def _reference_problems(element: Element, kind: str, catalogue: Catalogue) -> Iterator[str]:
    target, relationship = element.value("referenceTo"), element.value("relationshipName")
    if kind not in ("Lookup", "MasterDetail") or target is None:
        return
    if not catalogue.has(target):
        yield f"referenceTo value of '{target}' does not resolve to a valid sObject type"
    if relationship is not None and not _NAME.fullmatch(relationship):
        yield f"Child Relationship Name: The Child Relationship Name {API_NAME_RULE}"


def _picklist_problems(element: Element, kind: str, value_sets: ValueSets) -> Iterator[str]:
    if kind not in ("Picklist", "MultiselectPicklist"):
        return
    value_set = element.one("valueSet")
    if value_set is None:
        yield f"Must specify 'valueSet' for a CustomField of type {kind}"
        return
    named, definition = value_set.value("valueSetName"), value_set.one("valueSetDefinition")
    if named is not None:
        if named.lower() not in value_sets:
            yield f"In field: valueSetName - no GlobalValueSet named {named} found"
    elif definition is None or not definition.all("value"):
        yield "Must specify at least one picklist value"
    else:
        yield from value_problems(values_of(definition, "value"), kind)


def value_problems(values: PicklistValues, kind: str = "Picklist") -> Iterator[str]:
    """What Salesforce would say against a list of picklist values."""
    seen: set[str] = set()
    for value, label, _, _ in values:
        if not value:
            yield "Must specify a non-empty fullName for the picklist value"
        if value.lower() in seen:
            yield f"Duplicate label/value: {value}"
        seen.add(value.lower())
        if max(len(value), len(label)) > 255:
            yield f"Picklist value: {value[:40]}... is longer than 255 characters"
        if kind == "MultiselectPicklist" and ";" in value:
            yield f"Picklist value: {value} must not contain a semicolon"
    if sum(default for _, _, _, default in values) > 1:
        yield "Only one default picklist value is allowed"
    if len(values) > (500 if kind == "MultiselectPicklist" else 1000):
        yield "The maximum number of picklist values is exceeded"


def field_info(element: Element, value_sets: ValueSets) -> FieldInfo:
    """The field as describe will report it."""
    kind = element.value("type") or "Text"
    value_set = element.one("valueSet")
    picklist: PicklistValues = ()
    if value_set is not None:
        definition, named = value_set.one("valueSetDefinition"), value_set.value("valueSetName")
        picklist = (
            value_sets.get(named.lower(), ()) if named else values_of(definition or Element(""), "value")
        )
    target = element.value("referenceTo")
    number = {name: int(element.value(name) or 0) or None for name in ("length", "precision", "scale")}
    info = declared_field(
        element.value("fullName") or "",
        "Lookup" if kind in ("MasterDetail", "Hierarchy") else kind,
        label=element.value("label") or "",
        length=number["length"],
        precision=number["precision"],
        scale=number["scale"],
        required=element.flag("required") or kind == "MasterDetail",
        unique=element.flag("unique"),
        external_id=element.flag("externalId"),
        picklist=picklist,
        # A field on a global value set is always restricted.
        restricted=bool(value_set and (value_set.flag("restricted") or value_set.value("valueSetName"))),
        references=(target,) if target else (),
        help_text=element.value("inlineHelpText"),
    )
    calculated = element.value("formula") is not None or kind == "Summary"
    read_only = calculated or kind == "AutoNumber"
    return replace(
        info,
        case_sensitive=element.flag("caseSensitive"),
        calculated=calculated,
        auto_number=kind == "AutoNumber",
        createable=not read_only,
        updateable=not read_only
        and not (kind == "MasterDetail" and not element.flag("reparentableMasterDetail")),
        nillable=info.nillable and kind != "AutoNumber",
        default_value=element.value("defaultValue") if kind == "Checkbox" else info.default_value,
        html_formatted=kind == "Html",
    )


def field_element(info: FieldInfo) -> Element:
    """A custom field of the catalogue as metadata, for fields that were declared and not deployed."""
    kind = _METADATA_TYPES.get(info.type, "Text")
    if info.type == "textarea":
        kind = "LongTextArea" if info.length > 255 else "TextArea"
    numeric = info.type in ("double", "currency", "percent")
    content = {
        "fullName": info.name,
        "caseSensitive": info.case_sensitive if info.unique else None,
        "defaultValue": info.default_value if info.type == "boolean" else None,
        "externalId": info.external_id,
        "inlineHelpText": info.help_text,
        "label": info.label,
        "length": info.length if kind in ("Text", "LongTextArea") else None,
        "precision": info.precision if numeric else None,
        "referenceTo": info.reference_to[0] if info.reference_to else None,
        "relationshipName": (info.relationship_name or "").removesuffix("__r") or None,
        "required": not info.nillable if info.type != "boolean" else None,
        "scale": info.scale if numeric else None,
        "type": kind,
        "unique": info.unique if kind in _EXTERNAL else None,
        "visibleLines": 3 if kind == "LongTextArea" else 4 if kind == "MultiselectPicklist" else None,
    }
    element = next(tree("fields", content))
    if info.type in ("picklist", "multipicklist"):
        element.children.append(value_set_of(info))
    return element
