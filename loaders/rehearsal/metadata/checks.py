"""What Salesforce says against a component before it is deployed: component and schema in, texts out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from loaders.rehearsal.metadata.components import Item
from loaders.rehearsal.metadata.effects import View
from loaders.rehearsal.metadata.fields import API_NAME_RULE, problems, value_problems
from loaders.rehearsal.metadata.rules import duplicate_problems, matching_problems
from loaders.rehearsal.metadata.values import STANDARD_VALUE_SETS, values_of
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.catalogue import Catalogue, ObjectInfo
from loaders.rehearsal.org.validation import formula_problem

# Objects without custom fields (Salesforce help, "Custom Fields Allowed Per Object").
WITHOUT_FIELDS = frozenset(
    {
        "AccountContactRole", "Attachment", "BusinessProcess", "CampaignMemberStatus", "CaseComment",
        "CaseStatus",
        "ContentDocument", "ContentDocumentLink", "EmailMessageRelation", "EmailTemplate", "EventRelation",
        "Folder",
        "Group", "LeadStatus", "Note", "OpportunityStage", "Organization", "PermissionSet",
        "PermissionSetAssignment", "Profile", "RecordType", "TaskPriority", "TaskRelation", "TaskStatus",
        "TaskWhoRelation", "Topic", "TopicAssignment", "UserRole",
    }
)  # fmt: skip
_WITH_PROCESS = ("Lead", "Opportunity", "Case", "Solution")
_PROCESS_FIELD = {"Lead": "Status", "Opportunity": "StageName", "Case": "Status"}
_DEVELOPER_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*", re.ASCII)
_FORECAST_CATEGORIES = ("Omitted", "Pipeline", "BestCase", "Forecast", "Closed")
_OBJECT_NEEDS = ("label", "pluralLabel", "nameField", "deploymentStatus", "sharingModel")


@dataclass
class Planned:
    """What the org has, the components already accepted from the package included."""

    view: View
    components: set[tuple[str, str]]
    field_types: dict[str, str] = field(default_factory=dict)

    def has(self, kind: str, full_name: str) -> bool:
        """True if there is such a component."""
        return (kind, full_name.lower()) in self.components


def check(item: Item, planned: Planned) -> list[str]:
    """The problems of one component; empty when it can be deployed."""
    if item.problem is not None:
        return [item.problem]
    checker = _CHECKERS.get(item.type)
    return list(checker(item, planned)) if checker else []


def _owner(item: Item, catalogue: Catalogue) -> ObjectInfo | None:
    if item.owner == "Activity":
        return catalogue.object("Task")
    return catalogue.object(item.owner) if catalogue.has(item.owner) else None


def _check_field(item: Item, planned: Planned) -> Iterator[str]:
    owner = _owner(item, planned.view.catalogue)
    if owner is None:
        yield f"Entity of type 'CustomObject' named '{item.owner}' cannot be found"
    elif owner.name in WITHOUT_FIELDS:
        yield f"Entity '{owner.name}' does not support custom fields"
    elif item.owner in ("Task", "Event") and item.full_name.endswith("__c"):
        yield f"Custom fields of {item.owner} are defined on Activity"
    else:
        old_type = planned.field_types.get(item.full_name.lower())
        yield from problems(item.element, owner, planned.view.catalogue, planned.view.value_sets, old_type)


def _check_object(item: Item, planned: Planned) -> Iterator[str]:
    name = item.full_name
    if not name.endswith("__c"):
        if name != "Activity" and not planned.view.catalogue.has(name):
            yield f"Entity of type 'CustomObject' named '{name}' cannot be found"
        return
    if not _DEVELOPER_NAME.fullmatch(name[:-3]) or len(name) > 43:
        yield f"Object Name: The Object Name {API_NAME_RULE}"
    if planned.view.catalogue.has(name) and not item.element.children:
        return
    for needed in _OBJECT_NEEDS:
        if item.element.one(needed) is None:
            yield f"Must specify a non-empty {needed} for the CustomObject"
    for labelled in ("label", "pluralLabel"):
        if len(item.element.value(labelled) or "") > 40:
            yield f"Value too long for field: {labelled} maximum length is:40"
    name_field = item.element.one("nameField")
    if name_field is not None and name_field.value("type") not in ("Text", "AutoNumber"):
        yield "nameField must be of type Text or AutoNumber"


def _check_process(item: Item, planned: Planned) -> Iterator[str]:
    known = _picklist(planned.view.catalogue, item.owner, _PROCESS_FIELD.get(item.owner, ""))
    if known is None:
        yield f"Entity '{item.owner}' does not support business processes"
        return
    listed = item.element.all("values")
    if not listed:
        yield "Must specify at least one value for the BusinessProcess"
    for value in listed:
        yield from _unknown_value(value, _PROCESS_FIELD[item.owner], known)


def _check_record_type(item: Item, planned: Planned) -> Iterator[str]:
    catalogue, name = planned.view.catalogue, item.full_name.partition(".")[2]
    if not catalogue.has(item.owner):
        yield f"Entity of type 'CustomObject' named '{item.owner}' cannot be found"
        return
    if not _DEVELOPER_NAME.fullmatch(name):
        yield f"Record Type Name: The Record Type Name {API_NAME_RULE}"
    if item.element.value("label") is None:
        yield "Must specify a non-empty label for the RecordType"
    process = item.element.value("businessProcess")
    if item.owner in _WITH_PROCESS and process is None:
        yield f"Must specify 'businessProcess' for a RecordType of {item.owner}"
    elif process is not None and not planned.has("BusinessProcess", f"{item.owner}.{process}"):
        yield f"In field: businessProcess - no BusinessProcess named {item.owner}.{process} found"
    for group in item.element.all("picklistValues"):
        picklist = group.value("picklist") or ""
        known = _picklist(catalogue, item.owner, picklist)
        if known is None:
            yield f"Picklist: {picklist} not found on {item.owner}"
            continue
        for value in group.all("values"):
            yield from _unknown_value(value, picklist, known)


def _picklist(catalogue: Catalogue, owner: str, name: str) -> set[str] | None:
    if not catalogue.has(owner) or not catalogue.object(owner).has(name):
        return None
    info = catalogue.object(owner).field(name)
    if info.type not in ("picklist", "multipicklist", "combobox"):
        return None
    return {value for value, _, active, _ in info.picklist_values if active}


def _unknown_value(value: Element, picklist: str, known: set[str]) -> Iterator[str]:
    name = value.value("fullName") or ""
    if name not in known and unquote(name) not in known:
        yield f"Picklist value: {unquote(name)} in picklist: {picklist} not found"


def _check_standard_values(item: Item, _: Planned) -> Iterator[str]:
    if item.full_name not in STANDARD_VALUE_SETS:
        yield f"Entity of type 'StandardValueSet' named '{item.full_name}' cannot be found"
        return
    values = values_of(item.element, "standardValue")
    if not values:
        yield "Must specify at least one standardValue"
    yield from value_problems(values)
    listed = item.element.all("standardValue")
    if item.full_name == "LeadStatus" and listed and not any(one.flag("converted") for one in listed):
        yield "At least one Lead Status must be marked as converted"
    if item.full_name == "OpportunityStage":
        for one in listed:
            yield from _stage_problems(one)


def _stage_problems(value: Element) -> Iterator[str]:
    name, probability = value.value("fullName"), value.value("probability")
    category = value.value("forecastCategory")
    if probability is None or category is None:
        yield f"Must specify probability and forecastCategory for the value {name}"
        return
    if not re.fullmatch(r"(\d{1,2}|100)(\.0*)?", probability, re.ASCII):
        yield f"Probability of the value {name} must be between 0 and 100"
    if category not in _FORECAST_CATEGORIES:
        yield f"Error parsing file: '{category}' is not a valid value for the enum 'ForecastCategories'"


def _check_global_values(item: Item, _: Planned) -> Iterator[str]:
    if item.element.value("masterLabel") is None:
        yield "Must specify a non-empty masterLabel for the GlobalValueSet"
    values = values_of(item.element, "customValue")
    if not values:
        yield "Must specify at least one customValue"
    yield from value_problems(values)


def _check_rule(item: Item, planned: Planned) -> Iterator[str]:
    owner = _owner(item, planned.view.catalogue)
    if owner is None:
        yield f"Entity of type 'CustomObject' named '{item.owner}' cannot be found"
        return
    formula, message = item.element.value("errorConditionFormula"), item.element.value("errorMessage")
    for needed, value in (("errorConditionFormula", formula), ("errorMessage", message)):
        if value is None:
            yield f"Must specify '{needed}' for a ValidationRule"
    if message and len(message) > 255:
        yield "Value too long for field: ErrorMessage maximum length is:255"
    shown = item.element.value("errorDisplayField")
    if shown is not None and not owner.has(shown):
        yield f"In field: errorDisplayField - no CustomField named {item.owner}.{shown} found"
    problem = formula_problem(formula, owner) if formula else None
    if problem:
        yield f"Error in formula: {problem}"


def _check_matching_rule(item: Item, planned: Planned) -> Iterator[str]:
    owner = _owner(item, planned.view.catalogue)
    if owner is None:
        yield f"Entity of type 'CustomObject' named '{item.owner}' cannot be found"
    else:
        yield from matching_problems(item.element, owner)


def _check_duplicate_rule(item: Item, planned: Planned) -> Iterator[str]:
    owner = _owner(item, planned.view.catalogue)
    if owner is None:
        yield f"Entity of type 'CustomObject' named '{item.owner}' cannot be found"
    else:
        yield from duplicate_problems(item.element, owner, lambda name: planned.has("MatchingRule", name))


def _check_layout(item: Item, planned: Planned) -> Iterator[str]:
    owner = item.full_name.partition("-")[0]
    known = "Task" if owner == "Activity" else owner
    if "-" not in item.full_name or not planned.view.catalogue.has(known):
        yield f"Parent entity failed to deploy: {owner}"
        return
    for element in item.element.walk():
        name = element.value("field") if element.name == "layoutItems" else None
        if name is not None and not _has_field(planned.view.catalogue, f"{known}.{name}"):
            yield f"In field: field - no CustomField named {owner}.{name} found"


def _check_permissions(item: Item, planned: Planned) -> Iterator[str]:
    catalogue = planned.view.catalogue
    if item.type == "PermissionSet" and item.element.value("label") is None:
        yield "Must specify a non-empty label for the PermissionSet"
    for permission in item.element.all("objectPermissions"):
        name = permission.value("object") or ""
        if not catalogue.has(name):
            yield f"In field: field - no CustomObject named {name} found"
    for permission in item.element.all("fieldPermissions"):
        name = permission.value("field") or ""
        if not _has_field(catalogue, name):
            yield f"In field: field - no CustomField named {name} found"
        elif _required(catalogue, name):
            yield f"You cannot deploy to a required field: {name}"
        elif permission.flag("editable") and not permission.flag("readable"):
            yield f"Field {name}: editable requires readable"
    for visibility in item.element.all("recordTypeVisibilities"):
        name = visibility.value("recordType") or ""
        if not planned.has("RecordType", name):
            yield f"In field: recordType - no RecordType named {name} found"


def _has_field(catalogue: Catalogue, full_name: str) -> bool:
    owner, _, name = full_name.partition(".")
    owner = "Task" if owner == "Activity" else owner
    if not catalogue.has(owner):
        return False
    info = catalogue.object(owner)
    # Page layouts and permissions name an address by its compound field, a lookup with or without Id.
    return info.has(name) or info.has(f"{name}Id")


def _required(catalogue: Catalogue, full_name: str) -> bool:
    owner, _, name = full_name.partition(".")
    owner = "Task" if owner == "Activity" else owner
    if not catalogue.object(owner).has(name):
        return False
    info = catalogue.object(owner).field(name)
    return info.custom and not info.nillable and info.type != "boolean"


def _check_tab(item: Item, planned: Planned) -> Iterator[str]:
    if item.element.flag("customObject") and not planned.view.catalogue.has(item.full_name):
        yield f"In field: customObject - no CustomObject named {item.full_name} found"


_CHECKERS = {
    "StandardValueSet": _check_standard_values,
    "GlobalValueSet": _check_global_values,
    "CustomObject": _check_object,
    "CustomField": _check_field,
    "BusinessProcess": _check_process,
    "RecordType": _check_record_type,
    "ValidationRule": _check_rule,
    "MatchingRule": _check_matching_rule,
    "DuplicateRule": _check_duplicate_rule,
    "Layout": _check_layout,
    "CustomTab": _check_tab,
    "PermissionSet": _check_permissions,
    "Profile": _check_permissions,
}
