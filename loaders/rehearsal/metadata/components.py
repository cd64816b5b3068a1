"""Files of a package split into components, in the order in which they are deployed. No org is known here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from loaders.rehearsal.metadata.package import Package
from loaders.rehearsal.metadata.xml import Element, XmlError, parse


@dataclass(frozen=True)
class Kind:
    """One metadata type: where its files are and how they end. `xml` is the name of the root element."""

    xml: str
    directory: str
    suffix: str
    children: tuple[str, ...] = ()


# Element below CustomObject -> type of the component it is.
OBJECT_CHILDREN = {
    "fields": "CustomField",
    "businessProcesses": "BusinessProcess",
    "recordTypes": "RecordType",
    "validationRules": "ValidationRule",
    "compactLayouts": "CompactLayout",
    "listViews": "ListView",
    "webLinks": "WebLink",
    "fieldSets": "FieldSet",
}
KINDS = {
    kind.xml: kind
    for kind in (
        Kind("StandardValueSet", "standardValueSets", "standardValueSet"),
        Kind("GlobalValueSet", "globalValueSets", "globalValueSet"),
        Kind("CustomObject", "objects", "object", tuple(OBJECT_CHILDREN.values())),
        Kind("CustomTab", "tabs", "tab"),
        Kind("Layout", "layouts", "layout"),
        Kind("CustomApplication", "applications", "app"),
        Kind("Profile", "profiles", "profile"),
        Kind("PermissionSet", "permissionsets", "permissionset"),
        Kind("Settings", "settings", "settings"),
        Kind("MatchingRules", "matchingRules", "matchingRule", ("MatchingRule",)),
        Kind("DuplicateRule", "duplicateRules", "duplicateRule"),
    )
}
# Salesforce resolves dependencies inside a package; this order makes every component find what it needs.
ORDER = (
    "StandardValueSet",
    "GlobalValueSet",
    "CustomObject",
    "CustomField",
    "BusinessProcess",
    "RecordType",
    "ValidationRule",
    "MatchingRules",
    "MatchingRule",
    "DuplicateRule",
    "FieldSet",
    "CompactLayout",
    "ListView",
    "WebLink",
    "CustomTab",
    "Layout",
    "CustomApplication",
    "Settings",
    "PermissionSet",
    "Profile",
)


@dataclass(frozen=True)
class Item:
    """A component to deploy; `full_name` is `Object.Name` below an object, a `problem` stops it."""

    type: str
    full_name: str
    file: str
    element: Element
    problem: str | None = None

    @property
    def owner(self) -> str:
        """The object of a component that belongs to one."""
        return self.full_name.partition(".")[0]


def items_of(package: Package) -> list[Item]:
    """All components of a package in deploy order, faulty ones included."""
    found = [
        item for name, content in sorted(package.files.items()) for item in _items(package, name, content)
    ]
    present = {(item.type, item.full_name) for item in found}
    for kind, members in package.members.items():
        known = kind in KINDS or kind in OBJECT_CHILDREN.values() or kind == "MatchingRule"
        if not known:
            text = f"Unknown type name '{kind}' specified in package.xml"
            found.append(Item(kind, "package.xml", "package.xml", Element(""), text))
            continue
        for member in members:
            if member != "*" and (kind, member) not in present:
                text = (
                    f"An object '{member}' of type {kind} was named in package.xml, "
                    "but was not found in zipped directory"
                )
                found.append(Item(kind, member, "package.xml", Element(""), text))
    return sorted(found, key=lambda item: ORDER.index(item.type) if item.type in ORDER else -1)


def _items(package: Package, name: str, content: bytes) -> Iterator[Item]:
    path = PurePosixPath(name)
    kind = next((one for one in KINDS.values() if one.directory == path.parts[0]), None)
    if kind is None or len(path.parts) != 2 or path.suffix != f".{kind.suffix}":
        yield Item("", path.stem, name, Element(""), f"Unknown file in the package: {name}")
        return
    try:
        root = parse(content)
    except XmlError as error:
        yield Item(kind.xml, path.stem, name, Element(""), str(error))
        return
    if root.name != kind.xml:
        yield Item(kind.xml, path.stem, name, root, f"Error parsing file: unexpected element {root.name}")
    elif kind.xml == "CustomObject":
        yield from _object_items(package, path.stem, name, root)
    elif kind.xml == "MatchingRules":
        yield from _matching_items(package, path.stem, name, root)
    else:
        listed = package.names(kind.xml, path.stem)
        yield Item(kind.xml, path.stem, name, root, None if listed else "Not in package.xml")


def _matching_items(package: Package, stem: str, file: str, root: Element) -> Iterator[Item]:
    """The matching rules of one object; the file's own name in package.xml names all of them."""
    whole = package.names("MatchingRules", stem)
    if whole:
        yield Item("MatchingRules", stem, file, Element("MatchingRules", line=root.line))
    for child in root.all("matchingRules"):
        member = f"{stem}.{child.value('fullName') or ''}"
        listed = whole or package.names("MatchingRule", member)
        yield Item("MatchingRule", member, file, child, None if listed else "Not in package.xml")


def _object_items(package: Package, stem: str, file: str, root: Element) -> Iterator[Item]:
    """The object itself and each of its parts; naming the object names all its parts."""
    whole = package.names("CustomObject", stem)
    own = [child for child in root.children if child.name not in OBJECT_CHILDREN]
    if whole:
        yield Item("CustomObject", stem, file, Element("CustomObject", children=own, line=root.line))
    seen: set[tuple[str, str]] = set()
    for child in root.children:
        kind = OBJECT_CHILDREN.get(child.name)
        if kind is None:
            continue
        member = f"{stem}.{child.value('fullName') or ''}"
        problem = None if whole or package.names(kind, member) else "Not in package.xml"
        if (kind, member.lower()) in seen:
            problem = f"Duplicate name '{member}' specified"
        seen.add((kind, member.lower()))
        yield Item(kind, member, file, child, problem)
