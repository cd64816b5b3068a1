"""What deployed components do to the org: the catalogue they make, and the setup rows that stand for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from loaders.rehearsal.metadata.components import ORDER
from loaders.rehearsal.metadata.fields import field_info
from loaders.rehearsal.metadata.record_types import with_record_types
from loaders.rehearsal.metadata.registry import Component, Registry
from loaders.rehearsal.metadata.rules import with_rules
from loaders.rehearsal.metadata.values import STANDARD_VALUE_SETS, PicklistValues, values_of, with_values
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.org.ids import make_id
from loaders.rehearsal.org.store import Store, quote, storage_columns, table

# Objects whose rows mirror a standard value set.
STATUS_OBJECTS = {
    "LeadStatus": "LeadStatus",
    "TaskStatus": "TaskStatus",
    "TaskPriority": "TaskPriority",
    "CaseStatus": "CaseStatus",
    "OpportunityStage": "OpportunityStage",
}
_ON_DELETE = {"SetNull": "clear", "Cascade": "cascade", "Restrict": "restrict"}


@dataclass(frozen=True)
class View:
    """The org's schema with some components applied; `value_sets` are the global ones by lower-case name."""

    catalogue: Catalogue
    value_sets: Mapping[str, PicklistValues]


def applied(view: View, kind: str, full_name: str, element: Element) -> View:
    """The schema after one component; types that do not change the schema leave it as it is."""
    if kind == "StandardValueSet":
        values = values_of(element, "standardValue")
        targets = STANDARD_VALUE_SETS.get(full_name, ())
        return replace(view, catalogue=with_values(view.catalogue, targets, values))
    if kind == "GlobalValueSet":
        sets = {**view.value_sets, full_name.lower(): values_of(element, "customValue")}
        return replace(view, value_sets=sets)
    if kind == "CustomObject" and full_name.endswith("__c"):
        return replace(view, catalogue=_with_object(view.catalogue, full_name, element))
    if kind == "CustomField" and full_name.lower().endswith("__c"):
        return replace(view, catalogue=_with_fields(view, [(full_name.partition(".")[0], element)]))
    return view


def with_deployed(catalogue: Catalogue, store: Store, *, field_security: bool = False) -> Catalogue:
    """The catalogue with everything that has been deployed to this store.

    With `field_security`, deployed fields that no permission set of the administrator grants are not there:
    that is how the API shows a field without field-level security.
    """
    components = Registry(store).all()
    view = View(catalogue, {})
    fields = [
        (one.full_name.partition(".")[0], one.element)
        for one in components
        if one.type == "CustomField" and one.full_name.lower().endswith("__c")
    ]
    # Fields come after the objects and value sets that they need, and nothing in a catalogue needs a field.
    for one in sorted(components, key=lambda component: _place(component.type)):
        if one.type != "CustomField":
            view = applied(view, one.type, one.full_name, one.element)
        if one.type == "CustomObject":
            view = replace(view, catalogue=_with_prefix(view.catalogue, one.full_name, store))
    view = replace(view, catalogue=_with_fields(view, fields))
    view = replace(view, catalogue=with_rules(view.catalogue, components))
    # Without components there is nothing to hide, and at the very first start no table to ask.
    granting = _granting(store) if field_security and components else None
    catalogue = with_record_types(view.catalogue, components, store, granting)
    return catalogue if granting is None else _visible(catalogue, components, granting)


def _place(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _with_object(catalogue: Catalogue, name: str, element: Element) -> Catalogue:
    if not catalogue.has(name):
        catalogue = catalogue.with_fields({name: []})
    owner = catalogue.object(name)
    fields = dict(owner.fields)
    name_field = element.one("nameField")
    if name_field is not None:
        number = name_field.value("type") == "AutoNumber"
        fields["name"] = replace(
            fields["name"],
            label=name_field.value("label") or "Name",
            auto_number=number,
            createable=not number,
            updateable=not number,
            defaulted_on_create=number,
            nillable=not number,
        )
    label = element.value("label") or owner.label
    plural = element.value("pluralLabel") or owner.label_plural
    return catalogue.with_objects([replace(owner, label=label, label_plural=plural, fields=fields)])


def _with_prefix(catalogue: Catalogue, name: str, store: Store) -> Catalogue:
    """Key prefixes of custom objects are remembered: ids must mean the same after a restart."""
    if not name.endswith("__c") or not catalogue.has(name):
        return catalogue
    owner, setting = catalogue.object(name), f"prefix:{name.lower()}"
    remembered = store.setting(setting)
    if remembered is None and owner.key_prefix:
        store.remember(setting, owner.key_prefix)
    elif remembered != owner.key_prefix:
        return catalogue.with_objects([replace(owner, key_prefix=remembered)])
    return catalogue


def _with_fields(view: View, elements: Iterable[tuple[str, Element]]) -> Catalogue:
    """The catalogue with these (object name, field) pairs, all at once: extending a catalogue is costly."""
    catalogue = view.catalogue
    found: dict[str, list[FieldInfo]] = {}
    for owner_name, element in elements:
        info = field_info(element, view.value_sets)
        # Custom fields of Task and Event are one field of their common base.
        for name in ("Task", "Event") if owner_name == "Activity" else (owner_name,):
            if catalogue.has(name):
                owner = catalogue.object(name)
                catalogue = _with_child_relationship(catalogue, owner, info, element)
                found.setdefault(owner.name, []).append(info)
    return catalogue.with_fields(found)


def _with_child_relationship(
    catalogue: Catalogue, child: ObjectInfo, info: FieldInfo, element: Element
) -> Catalogue:
    target, name = element.value("referenceTo"), element.value("relationshipName")
    if target is None or not catalogue.has(target):
        return catalogue
    parent = catalogue.object(target)
    others = tuple(one for one in parent.child_relationships if one[:2] != (child.name, info.name))
    master = element.value("type") == "MasterDetail"
    rule = "cascade" if master else _ON_DELETE.get(element.value("deleteConstraint") or "", "clear")
    relationship = (child.name, info.name, f"{name}__r" if name else None)
    changed = replace(
        parent,
        child_relationships=(*others, relationship),
        on_delete={**parent.on_delete, (child.name, info.name): rule},
    )
    return catalogue.with_objects([changed])


def _granting(store: Store) -> set[str]:
    """Lower-case names of the permission sets and the profile that the administrator has."""
    sets = store.rows(
        'select lower(s."Name") from org."PermissionSetAssignment" a join org."PermissionSet" s '
        'on s."Id" = a."PermissionSetId" join meta.settings m on m.name = \'admin_id\' '
        'and m.value = a."AssigneeId" where a."IsDeleted" is not true'
    )
    profiles = store.rows(
        'select lower(p."Name") from org."User" u join org."Profile" p on p."Id" = u."ProfileId" '
        "join meta.settings m on m.name = 'admin_id' and m.value = u.\"Id\""
    )
    named = {f"permissionset:{name}" for (name,) in sets} | {f"profile:{name}" for (name,) in profiles}
    return named | ({"profile:admin"} if "profile:system administrator" in named else set())


def _visible(catalogue: Catalogue, components: Iterable[Component], granting: set[str]) -> Catalogue:
    """The catalogue without deployed fields that nothing grants; read-only grants make a field read-only."""
    rights: dict[str, bool] = {}
    deployed: dict[str, Element] = {}
    for one in components:
        if one.type in ("PermissionSet", "Profile") and f"{one.type}:{one.full_name}".lower() in granting:
            for permission in one.element.all("fieldPermissions"):
                name = (permission.value("field") or "").lower()
                if permission.flag("readable") or permission.flag("editable"):
                    rights[name] = rights.get(name, False) or permission.flag("editable")
        elif one.type == "CustomField" and one.full_name.lower().endswith("__c"):
            deployed[one.full_name.lower()] = one.element
    changed = []
    for owner in catalogue.objects.values():
        fields = {}
        for key, info in owner.fields.items():
            names = [f"{owner.name}.{info.name}".lower()]
            if owner.name in ("Task", "Event"):
                names.append(f"activity.{info.name}".lower())
            element = next((deployed[name] for name in names if name in deployed), None)
            if element is None or element.flag("required") or element.value("type") == "MasterDetail":
                fields[key] = info
                continue
            granted = [rights[name] for name in names if name in rights]
            if granted:
                editable = any(granted)
                fields[key] = replace(
                    info, createable=info.createable and editable, updateable=info.updateable and editable
                )
        if fields != owner.fields:
            changed.append(replace(owner, fields=fields))
    return catalogue.with_objects(changed)


def grants_stamp(store: Store) -> tuple[Any, ...]:
    """A value that changes when somebody's permission set assignments change."""
    rows = store.rows(
        'select count(*), max("SystemModstamp"), max("Id") from org."PermissionSetAssignment" '
        'where "IsDeleted" is not true'
    )
    return rows[0]


class Setup:
    """Writes the rows by which queries see record types, processes, permission sets and statuses."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def write(self, kind: str, full_name: str, component_id: str, element: Element) -> None:
        """The rows of one component. Call inside the store's `write`."""
        owner, _, name = full_name.partition(".")
        text = element.value("description")
        if kind == "RecordType":
            process = element.value("businessProcess")
            process_id = (
                self._id("BusinessProcess", {"TableEnumOrId": owner, "Name": process}) if process else None
            )
            values = {"Name": element.value("label") or name, "IsActive": element.flag("active"),
                      "Description": text, "BusinessProcessId": process_id}  # fmt: skip
            self._upsert("RecordType", component_id, {"SobjectType": owner, "DeveloperName": name}, values)
        elif kind == "BusinessProcess":
            values = {"IsActive": element.flag("isActive"), "Description": text}
            self._upsert(kind, component_id, {"TableEnumOrId": owner, "Name": name}, values)
        elif kind == "PermissionSet":
            values = {
                "Label": element.value("label"),
                "Type": "Regular",
                "IsCustom": True,
                "Description": text,
            }
            self._upsert(kind, component_id, {"Name": full_name}, values)
        elif kind == "Profile":
            known = self._id(kind, {"Name": "System Administrator" if full_name == "Admin" else full_name})
            if known is None:
                self._upsert(kind, component_id, {"Name": full_name}, {"UserType": "Standard"})
        elif kind == "StandardValueSet" and full_name in STATUS_OBJECTS:
            self._write_statuses(STATUS_OBJECTS[full_name], element)

    def remove(self, kind: str, full_name: str) -> None:
        """Takes away the rows of a component that has been deleted."""
        owner, _, name = full_name.partition(".")
        keys = {"RecordType": {"SobjectType": owner, "DeveloperName": name},
                "BusinessProcess": {"TableEnumOrId": owner, "Name": name},
                "PermissionSet": {"Name": full_name}}  # fmt: skip
        if kind in keys:
            where, parameters = _where(keys[kind])
            with self._store.write() as connection:
                connection.execute(f"delete from {table(kind)} where {where}", parameters)

    def _write_statuses(self, name: str, element: Element) -> None:
        wanted = []
        for place, one in enumerate(element.all("standardValue"), 1):
            value = one.value("fullName") or ""
            wanted.append(value)
            self._upsert(name, "", {"ApiName": value}, {
                "MasterLabel": one.value("label") or value, "SortOrder": place,
                "IsActive": one.value("isActive") != "false",
                "IsDefault": one.flag("default"), "IsClosed": one.flag("closed"), "IsWon": one.flag("won"),
                "IsConverted": one.flag("converted"), "IsHighPriority": one.flag("highPriority"),
                "DefaultProbability": float(one.value("probability") or 0),
                "ForecastCategory": one.value("forecastCategory"),
                "ForecastCategoryName": one.value("forecastCategory"),
            })  # fmt: skip
        with self._store.write() as connection:
            condition = '"ApiName" not in (select unnest(?))'
            if self._catalogue.object(name).has("IsActive"):
                connection.execute(f'update {table(name)} set "IsActive" = false where {condition}', [wanted])
            else:
                connection.execute(f"delete from {table(name)} where {condition}", [wanted])

    def _id(self, name: str, match: Mapping[str, Any]) -> str | None:
        where, parameters = _where(match)
        found = self._store.rows(f'select "Id" from {table(name)} where {where}', parameters)
        return str(found[0][0]) if found else None

    def _upsert(self, name: str, new_id: str, match: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        info = self._catalogue.object(name)
        now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        admin = self._store.setting("admin_id")
        known = self._id(name, match)
        stamps = {"LastModifiedDate": now, "LastModifiedById": admin, "SystemModstamp": now}
        with self._store.write() as connection:
            if known is not None:
                row = {key: value for key, value in {**values, **stamps}.items() if info.has(key)}
                assignments = ", ".join(f"{quote(key)} = ?" for key in row)
                parameters = [*row.values(), known]
                connection.execute(f'update {table(name)} set {assignments} where "Id" = ?', parameters)
                return
            record_id = new_id or make_id(info.key_prefix or "01J", self._store.take_numbers(name, 1))
            everything = {
                **match,
                **values,
                **stamps,
                "CreatedDate": now,
                "CreatedById": admin,
                "Id": record_id,
            }
            columns = storage_columns(info)
            marks = ", ".join("?" for _ in columns)
            row_values = [everything.get(key, False if kind == "BOOLEAN" else None) for key, kind in columns]
            names = ", ".join(quote(key) for key, _ in columns)
            connection.execute(f"insert into {table(name)} ({names}) values ({marks})", row_values)


def _where(match: Mapping[str, Any]) -> tuple[str, list[Any]]:
    return " and ".join(f"{quote(key)} = ?" for key in match), list(match.values())
