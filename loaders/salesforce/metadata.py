"""Contracts -> Metadata API package: what the org lacks, merged with what it has. Pure: values in, bytes out.

`wanted(request)` lists every component that the contracts ask for, the same for every org.
`merged(components, existing)` compares them with what an org has and keeps what must be sent: new components
as they are, existing ones widened. A value set is only ever sent merged (Z32). The package carries data model
and access, never behaviour: workflows are rebuilt by people (COM-02), so a component of any other type is an
error of this module.

    CustomObject, CustomField    whatever ends in __c in a contract; fields of Task and Event live on Activity
    StandardValueSet             standard picklists with lines in seeds/salesforce/picklists.csv
    BusinessProcess, RecordType, Layout    seeds/salesforce/record_types.csv, one layout a record type
    PermissionSet                field-level security, and the rights of the user that loads
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from loaders.errors import ConfigurationError
from loaders.salesforce.contract import Contract
from loaders.salesforce.facts import object_facts
from loaders.salesforce.metadata_fields import Merged, Value, field_tree, merge_field, merge_values
from loaders.salesforce.metadata_parts import (
    FIELDS_SET,
    LOAD_SET,
    RIGHTS,
    RecordTypeLine,
    fields_set_tree,
    layout_tree,
    load_set_tree,
    merge_set,
    object_tree,
    process_tree,
    record_type_tree,
    standard_values_tree,
)
from loaders.salesforce.metadata_xml import Tree, children, render, text

TYPES = (
    "BusinessProcess",
    "CustomField",
    "CustomObject",
    "Layout",
    "PermissionSet",
    "RecordType",
    "StandardValueSet",
)
GOVERNED = {
    "Lead": "Status",
    "Opportunity": "StageName",
    "Case": "Status",
}  # picklists that a process chooses from
IN_OBJECT = {"CustomField": "fields", "RecordType": "recordTypes", "BusinessProcess": "businessProcesses"}
ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same bytes for the same content, whenever it is packed


@dataclass(frozen=True)
class Component:
    """One thing that a deployment brings: Metadata API type, full name and content."""

    type: str
    name: str
    tree: Tree

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ConfigurationError(f"{self.type} {self.name} does not belong into the package (COM-02).")


@dataclass(frozen=True)
class Request:
    """What the package is made from.

    `values` and `record_types` come from seeds, `rights` is None for all.
    """

    contracts: Mapping[str, Contract]
    values: Mapping[tuple[str, str], Sequence[Value]] = field(default_factory=dict)
    record_types: Sequence[RecordTypeLine] = ()
    rights: frozenset[str] | None = None


@dataclass(frozen=True)
class Change:
    """What becomes of one component: `new`, `changed`, `same` or `conflict`, and the details."""

    component: Component
    state: str
    details: tuple[str, ...] = ()


def read_values(path: Path) -> dict[tuple[str, str], list[Value]]:
    """The lines of picklists.csv by (object, field); further columns (closed, won, …) go with the value.

    None when there is no such file.
    """
    values: dict[tuple[str, str], list[Value]] = {}
    known = ("sf_object", "sf_field", "sf_value", "is_default", "note")
    for row in _rows(path) if path.is_file() else []:
        extra = tuple(sorted((name, row[name]) for name in row if name not in known and row[name]))
        value = Value(row["sf_value"], row.get("is_default") == "true", extra)
        values.setdefault((row["sf_object"], row["sf_field"]), []).append(value)
    return values


def read_record_types(path: Path) -> list[RecordTypeLine]:
    """The lines of record_types.csv; none when there is no such file."""
    return [
        RecordTypeLine(
            row["sf_object"],
            row["record_type"],
            row["label"],
            row["process"],
            row["sf_field"],
            row["sf_value"],
            row["is_default"] == "true",
        )
        for row in (_rows(path) if path.is_file() else [])
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    """Lines of a seed, trimmed."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(file)
        ]


@cache
def value_set_names() -> Mapping[tuple[str, str], str]:
    """Standard value set of (object, field), from value_sets.csv; several fields may share one."""
    document = files("loaders.salesforce").joinpath("value_sets.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(document.splitlines())
    return {(row["sf_object"], row["sf_field"]): row["value_set"] for row in rows}


def wanted(request: Request) -> list[Component]:
    """Every component that the contracts ask for, sorted; the same for every org."""
    written = [contract for contract in request.contracts.values() if contract.mode != "match"]
    found: dict[tuple[str, str], Component] = {}
    for component in (
        *_objects(written),
        *_fields(written, request),
        *_value_sets(written, request),
        *_record_types(request),
        *_permission_sets(written, request),
    ):
        key = (component.type, component.name)
        if key in found and found[key].tree != component.tree:
            raise ConfigurationError(
                f"{component.type} {component.name} is declared twice, and differently.",
                "give both marts the same type, length, label and help for it",
            )
        found[key] = component
    return [found[key] for key in sorted(found)]


def _objects(written: Iterable[Contract]) -> Iterable[Component]:
    for contract in written:
        if contract.object.endswith("__c"):
            yield Component("CustomObject", contract.object, object_tree(contract))


def _fields(written: Iterable[Contract], request: Request) -> Iterable[Component]:
    for contract in written:
        owner = object_facts(contract.object).custom_fields_on
        for one in contract.fields:
            if one.name.endswith("__c"):
                values = request.values.get((contract.object, one.name), ())
                tree = field_tree(contract, one, request.contracts, values)
                yield Component("CustomField", f"{owner}.{one.name}", tree)


def _value_sets(written: Iterable[Contract], request: Request) -> Iterable[Component]:
    """The values that standard picklists need, by value set; fields may share one."""
    needed: dict[str, dict[str, Value]] = {}
    for contract in written:
        for one in contract.fields:
            name = value_set_names().get((contract.object, one.name))
            for value in request.values.get((contract.object, one.name), ()) if name else ():
                needed.setdefault(str(name), {}).setdefault(value.name, value)
    for name, values in needed.items():
        yield Component("StandardValueSet", name, standard_values_tree(list(values.values())))


def _record_types(request: Request) -> Iterable[Component]:
    """Record types with their process and layout, for objects that a mart fills."""
    by_object = {contract.object: contract for contract in request.contracts.values()}
    groups: dict[tuple[str, str], list[RecordTypeLine]] = {}
    for line in request.record_types:
        if line.object in by_object:
            groups.setdefault((line.object, line.record_type), []).append(line)
    for (name, record_type), lines in groups.items():
        governed = GOVERNED.get(name, "")
        process = lines[0].process
        if process and not governed:
            raise ConfigurationError(
                f"record_types.csv: {name} knows no process.", "leave its column `process` empty"
            )
        if process:
            chosen = [line for line in lines if line.field == governed]
            offered = request.values.get((name, governed), ())
            yield Component("BusinessProcess", f"{name}.{process}", process_tree(process, chosen, offered))
        yield Component("RecordType", f"{name}.{record_type}", record_type_tree(lines, governed))
        title = lines[0].label or record_type
        yield Component("Layout", f"{name}-{title} Layout", layout_tree(by_object[name]))


def _permission_sets(written: Sequence[Contract], request: Request) -> Iterable[Component]:
    """Field-level security is granted on Task and Event, although their fields are defined on Activity."""
    fields = [
        (contract.object, one.name)
        for contract in written
        for one in contract.fields
        if one.name.endswith("__c")
    ]
    objects = {contract.object for contract in written}
    types = {f"{line.object}.{line.record_type}" for line in request.record_types if line.object in objects}
    rights = [right for right in RIGHTS if request.rights is None or right in request.rights]
    yield Component("PermissionSet", FIELDS_SET, fields_set_tree(set(fields), types))
    yield Component("PermissionSet", LOAD_SET, load_set_tree(objects, rights))


def merged(components: Iterable[Component], existing: Mapping[tuple[str, str], Tree]) -> list[Change]:
    """What a deployment does to each component, given what the org has under (type, name)."""
    return [_change(component, existing.get((component.type, component.name))) for component in components]


def _change(component: Component, there: Tree | None) -> Change:
    """One component against its namesake in the org."""
    if component.type == "StandardValueSet" and there is None:
        return Change(
            component, "conflict", ("the org did not tell its values, so ours cannot be added to them",)
        )
    if there is None:
        return Change(component, "new")
    outcome = _merge(component, there)
    if outcome.conflicts:
        return Change(component, "conflict", outcome.conflicts)
    state = "changed" if outcome.changes else "same"
    return Change(Component(component.type, component.name, outcome.tree), state, outcome.changes)


def _merge(component: Component, there: Tree) -> Merged:
    """How each type is merged. What people may have arranged (objects, layouts) is left as it is."""
    if component.type == "CustomField":
        return merge_field(component.tree, there)
    if component.type == "PermissionSet":
        tree, changes = merge_set(component.tree, there)
        return Merged(tree, tuple(changes))
    if component.type in ("StandardValueSet", "BusinessProcess"):
        tag = "standardValue" if component.type == "StandardValueSet" else "values"
        tree, changes = merge_values(there, children(component.tree, tag), tag)
        return Merged(tree, tuple(changes))
    if component.type == "RecordType":
        return _merge_record_type(component.tree, there)
    return Merged(there)


def _merge_record_type(ours: Tree, there: Tree) -> Merged:
    """The org's record type with the picklist values that it does not offer yet."""
    changes: list[str] = []
    offered = {text(one, "picklist"): one for one in children(ours, "picklistValues")}
    merged_parts: list[tuple[str, str | Tree]] = []
    for tag, value in there:
        if tag == "picklistValues" and not isinstance(value, str) and text(value, "picklist") in offered:
            mine = offered.pop(text(value, "picklist"))
            value, added = merge_values(value, children(mine, "values"), "values")
            changes.extend(added)
        merged_parts.append((tag, value))
    for picklist, tree in offered.items():
        changes.append(f"offers {picklist}")
        merged_parts.append(("picklistValues", tree))
    return Merged(tuple(merged_parts), tuple(changes))


def to_deploy(changes: Iterable[Change]) -> list[Component]:
    """The components that a deployment has to send."""
    return [change.component for change in changes if change.state in ("new", "changed")]


def package_xml(components: Iterable[Component], version: str) -> bytes:
    """The manifest of a deployment, sorted."""
    members: dict[str, list[str]] = {}
    for component in components:
        members.setdefault(component.type, []).append(component.name)
    types = [
        ("types", (*(("members", name) for name in sorted(names)), ("name", kind)))
        for kind, names in sorted(members.items())
    ]
    return render("Package", (*types, ("version", version)))


def mdapi_files(components: Sequence[Component], version: str) -> dict[str, bytes]:
    """The package in the Metadata API's own format: path -> content."""
    found = {"package.xml": package_xml(components, version)}
    objects: dict[str, list[tuple[str, str | Tree]]] = {}
    for component in components:
        owner, _, _ = component.name.partition(".")
        if component.type == "CustomObject":
            objects.setdefault(component.name, []).extend(component.tree)
        elif component.type in IN_OBJECT:
            objects.setdefault(owner, []).append((IN_OBJECT[component.type], component.tree))
        else:
            folder, suffix = FOLDERS[component.type]
            found[f"{folder}/{component.name}.{suffix}"] = render(
                component.type, _without_name(component.tree)
            )
    for owner, parts in objects.items():
        found[f"objects/{owner}.object"] = render("CustomObject", tuple(sorted(parts, key=_place)))
    return dict(sorted(found.items()))


FOLDERS = {
    "Layout": ("layouts", "layout"),
    "PermissionSet": ("permissionsets", "permissionset"),
    "StandardValueSet": ("standardValueSets", "standardValueSet"),
}
SOURCE_FOLDERS = {
    "CustomField": ("fields", "field"),
    "RecordType": ("recordTypes", "recordType"),
    "BusinessProcess": ("businessProcesses", "businessProcess"),
}


def source_files(components: Sequence[Component], version: str) -> dict[str, bytes]:
    """The same as an SFDX project: one file a component, ready for review and `sf project deploy`."""
    root = "force-app/main/default"
    project = json.dumps(
        {"packageDirectories": [{"path": "force-app", "default": True}], "sourceApiVersion": version},
        indent=2,
    )
    found = {
        "sfdx-project.json": f"{project}\n".encode(),
        "manifest/package.xml": package_xml(components, version),
    }
    for component in components:
        owner, _, short = component.name.partition(".")
        tree = component.tree
        if component.type == "CustomObject":
            path = f"objects/{component.name}/{component.name}.object-meta.xml"
        elif component.type in SOURCE_FOLDERS:
            folder, suffix = SOURCE_FOLDERS[component.type]
            path = f"objects/{owner}/{folder}/{short}.{suffix}-meta.xml"
        else:
            folder, suffix = FOLDERS[component.type]
            path, tree = f"{folder}/{component.name}.{suffix}-meta.xml", _without_name(tree)
        found[f"{root}/{path}"] = render(component.type, tree)
    return dict(sorted(found.items()))


def zipped(contents: Mapping[str, bytes]) -> bytes:
    """A zip file with the same bytes for the same content: sorted, fixed time, fixed permissions."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, content)
    return buffer.getvalue()


def _without_name(tree: Tree) -> Tree:
    """Files whose name is the component's name do not repeat it inside."""
    return tuple((tag, value) for tag, value in tree if tag != "fullName")


def _place(part: tuple[str, str | Tree]) -> tuple[str, str]:
    """Sort key of the parts of an object file: by tag, then by name."""
    tag, value = part
    return tag, "" if isinstance(value, str) else text(value, "fullName")
