"""The org's schema as metadata: what there is to list, and the zip file of a retrieve."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from loaders.rehearsal.metadata.components import KINDS, OBJECT_CHILDREN
from loaders.rehearsal.metadata.fields import field_element
from loaders.rehearsal.metadata.registry import Component, Registry
from loaders.rehearsal.metadata.values import STANDARD_VALUE_SETS, standard_value_set
from loaders.rehearsal.metadata.xml import Element, document, tree
from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.org.store import Store, quote, table

_ELEMENT_OF = {kind: name for name, kind in OBJECT_CHILDREN.items()}
# Attribute of a value -> field of the object that holds the status (guide, "StandardValue" and its extensions).
STATUS_DETAILS = {
    "LeadStatus": {"converted": "IsConverted"},
    "TaskStatus": {"closed": "IsClosed"},
    "TaskPriority": {"highPriority": "IsHighPriority"},
    "CaseStatus": {"closed": "IsClosed"},
    "OpportunityStage": {
        "closed": "IsClosed",
        "won": "IsWon",
        "probability": "DefaultProbability",
        "forecastCategory": "ForecastCategory",
    },
}
_EPOCH = "2020-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Properties:
    """One component as listMetadata and retrieve describe it; times are ISO texts in UTC."""

    type: str
    full_name: str
    file: str
    id: str = ""
    created: str = _EPOCH
    modified: str = _EPOCH


class Library:
    """The components of an org: deployed ones from the registry, all others from the catalogue."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._components = Registry(store).all()

    def properties(self, kind: str) -> list[Properties]:
        """The components of one type, by name."""
        if kind == "StandardValueSet":
            names = [name for name in STANDARD_VALUE_SETS if standard_value_set(self._catalogue, name)]
            return [Properties(kind, name, f"standardValueSets/{name}.standardValueSet") for name in names]
        found = {one.full_name: _properties(one) for one in self._components if one.type == kind}
        if kind == "CustomObject":
            for known in self._catalogue.objects.values():
                found.setdefault(known.name, Properties(kind, known.name, f"objects/{known.name}.object"))
        if kind == "CustomField":
            for owner, info in self._custom_fields():
                name = f"{owner}.{info.name}"
                if not (owner in ("Task", "Event") and f"Activity.{info.name}" in found):
                    found.setdefault(name, Properties(kind, name, f"objects/{owner}.object"))
        return [found[name] for name in sorted(found)]

    def element(self, kind: str, full_name: str) -> Element | None:
        """One component as metadata, or None."""
        if kind == "StandardValueSet":
            return self._stored(kind, full_name) or standard_value_set(
                self._catalogue, full_name, self._status_details(full_name)
            )
        if kind == "CustomObject":
            return self._object(full_name)
        stored = self._stored(kind, full_name)
        if stored is None and kind == "CustomField":
            owner, _, name = full_name.partition(".")
            if self._catalogue.has(owner) and self._catalogue.object(owner).has(name):
                return field_element(self._catalogue.object(owner).field(name))
        return stored

    def _status_details(self, name: str) -> dict[str, dict[str, object]]:
        """What the values of a status mean, by value; they are rows of an object of their own."""
        columns = STATUS_DETAILS.get(name)
        if not columns or not self._catalogue.has(name):
            return {}
        listed = ", ".join(quote(column) for column in columns.values())
        rows = self._store.rows(f'select "ApiName", {listed} from {table(name)}')
        return {str(value): dict(zip(columns, given, strict=True)) for value, *given in rows}

    def zip(
        self, members: Mapping[str, tuple[str, ...]], version: str
    ) -> tuple[bytes, list[Properties], list[str]]:
        """The zip file of these members, what is in it, and a message for each member that is not there."""
        files: dict[str, Element] = {}
        found: list[Properties] = []
        missing: list[str] = []
        for kind, names in members.items():
            listed = {one.full_name: one for one in self.properties(kind)}
            for name in _expanded(kind, names, listed, self._catalogue):
                element = self.element(kind, name)
                if element is None:
                    missing.append(f"Entity of type '{kind}' named '{name}' cannot be found")
                    continue
                found.append(listed.get(name) or Properties(kind, name, _file(kind, name)))
                _place(files, kind, name, element)
        manifest = _manifest(members, version)
        return _zipped({**files, "package.xml": manifest}), found, missing

    def _stored(self, kind: str, full_name: str) -> Element | None:
        wanted = full_name.lower()
        found = (one for one in self._components if one.type == kind and one.full_name.lower() == wanted)
        component = next(found, None)
        return component.element if component else None

    def _custom_fields(self) -> Iterator[tuple[str, FieldInfo]]:
        for owner in self._catalogue.objects.values():
            for info in owner.fields.values():
                if info.custom:
                    yield owner.name, info

    def _object(self, name: str) -> Element | None:
        stored = self._stored("CustomObject", name)
        known = self._catalogue.has(name)
        if stored is None and not known and name != "Activity":
            return None
        owner = self._catalogue.object(name) if known else None
        own = list(stored.children) if stored else list(_object_parts(owner))
        parts = {
            one.full_name.lower(): Element(_ELEMENT_OF[one.type], children=one.element.children)
            for one in self._components
            if one.type in _ELEMENT_OF and one.full_name.lower().startswith(f"{name.lower()}.")
        }
        for info in owner.fields.values() if owner and name not in ("Task", "Event") else ():
            if info.custom:
                parts.setdefault(f"{name}.{info.name}".lower(), field_element(info))
        listed = sorted(parts.values(), key=lambda part: (part.name, part.value("fullName") or ""))
        return Element("CustomObject", children=[*own, *listed])


def _object_parts(owner: ObjectInfo | None) -> Iterator[Element]:
    """The elements of a custom object that was declared and not deployed; a standard one has none."""
    if owner is None or not owner.custom:
        return
    content = {
        "deploymentStatus": "Deployed",
        "label": owner.label,
        "nameField": {"label": "Name", "type": "Text"},
        "pluralLabel": owner.label_plural,
        "sharingModel": "ReadWrite",
    }
    for name, value in content.items():
        yield from tree(name, value)


def _expanded(
    kind: str, names: tuple[str, ...], listed: Mapping[str, Properties], catalogue: Catalogue
) -> Iterator[str]:
    """The members; a star means all, for objects the custom ones, for standard value sets none."""
    for name in dict.fromkeys(names):
        if name != "*":
            yield next((one for one in listed if one.lower() == name.lower()), name)
        elif kind == "CustomObject":
            yield from (one for one in listed if one.endswith("__c"))
        elif kind != "StandardValueSet":
            yield from listed


def _place(files: dict[str, Element], kind: str, name: str, element: Element) -> None:
    """Puts a component into its file; parts of an object share the object's."""
    file = _file(kind, name)
    if kind in _ELEMENT_OF:
        whole = files.setdefault(file, Element("CustomObject"))
        part = Element(_ELEMENT_OF[kind], children=element.children)
        if all(child.value("fullName") != part.value("fullName") for child in whole.all(part.name)):
            whole.children.append(part)
    elif file in files:
        known = {(child.name, child.value("fullName")) for child in element.children}
        extra = [
            child for child in files[file].children if (child.name, child.value("fullName")) not in known
        ]
        files[file] = Element(kind, children=[*element.children, *extra])
    else:
        files[file] = Element(kind, children=list(element.children))


def package_of(
    components: Mapping[tuple[str, str], Element],
    version: str,
    deletions: Mapping[str, list[str]] | None = None,
) -> bytes:
    """The zip file that deploys these components by (type, full name), and deletes those."""
    files: dict[str, Element] = {}
    members: dict[str, tuple[str, ...]] = {}
    for (kind, name), element in components.items():
        _place(files, kind, name, element)
        members[kind] = (*members.get(kind, ()), name)
    if deletions:
        gone = {kind: tuple(names) for kind, names in deletions.items()}
        files["destructiveChanges.xml"] = _manifest(gone, version)
    return _zipped({**files, "package.xml": _manifest(members, version)})


def ordered(element: Element) -> Element:
    """The element as Salesforce writes it: children by name, the full name first."""
    children = sorted(map(ordered, element.children), key=lambda one: (one.name != "fullName", one.name))
    return replace(element, children=children)


def _file(kind: str, full_name: str) -> str:
    if kind in _ELEMENT_OF:
        return f"objects/{full_name.partition('.')[0]}.object"
    return f"{KINDS[kind].directory}/{full_name}.{KINDS[kind].suffix}" if kind in KINDS else full_name


def _properties(one: Component) -> Properties:
    form = "%Y-%m-%dT%H:%M:%S.000Z"
    return Properties(
        one.type,
        one.full_name,
        _file(one.type, one.full_name),
        one.id,
        one.created_at.strftime(form),
        one.modified_at.strftime(form),
    )


def _manifest(members: Mapping[str, tuple[str, ...]], version: str) -> Element:
    types: list[dict[str, Any]] = [{"members": list(names), "name": kind} for kind, names in members.items()]
    return next(tree("Package", {"types": types, "version": version}))


def _zipped(files: Mapping[str, Element]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, element in files.items():
            archive.writestr(f"unpackaged/{name}", document(ordered(element)))
    return buffer.getvalue()
