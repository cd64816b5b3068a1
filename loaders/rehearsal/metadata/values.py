"""Standard and global value sets: which fields they feed, and their values in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from loaders.rehearsal.metadata.xml import Element, tree
from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo

PicklistValues = tuple[tuple[str, str, bool, bool], ...]

# Metadata API Developer Guide, "StandardValueSet Names and Standard Picklist Fields".
STANDARD_VALUE_SETS: dict[str, tuple[tuple[str, str], ...]] = {
    "AccountContactMultiRoles": (("AccountContactRelation", "Roles"),),
    "AccountContactRole": (("AccountContactRole", "Role"),),
    "AccountOwnership": (("Account", "Ownership"),),
    "AccountRating": (("Account", "Rating"), ("Lead", "Rating")),
    "AccountType": (("Account", "Type"),),
    "CampaignMemberStatus": (("CampaignMember", "Status"),),
    "CampaignStatus": (("Campaign", "Status"),),
    "CampaignType": (("Campaign", "Type"),),
    "CaseOrigin": (("Case", "Origin"),),
    "CasePriority": (("Case", "Priority"),),
    "CaseReason": (("Case", "Reason"),),
    "CaseStatus": (("Case", "Status"),),
    "CaseType": (("Case", "Type"),),
    "ContactRole": (("OpportunityContactRole", "Role"),),
    "EventSubject": (("Event", "Subject"),),
    "EventType": (("Event", "Type"),),
    "Industry": (("Account", "Industry"), ("Lead", "Industry")),
    "LeadSource": (
        ("Lead", "LeadSource"),
        ("Contact", "LeadSource"),
        ("Opportunity", "LeadSource"),
        ("Account", "AccountSource"),
    ),
    "LeadStatus": (("Lead", "Status"),),
    "OpportunityStage": (("Opportunity", "StageName"),),
    "OpportunityType": (("Opportunity", "Type"),),
    "Product2Family": (("Product2", "Family"),),
    "Salutation": (("Contact", "Salutation"), ("Lead", "Salutation")),
    "TaskPriority": (("Task", "Priority"),),
    "TaskStatus": (("Task", "Status"),),
    "TaskSubject": (("Task", "Subject"),),
    "TaskType": (("Task", "Type"),),
}


def values_of(element: Element, name: str) -> PicklistValues:
    """Active values of a value set element: `name` is standardValue, customValue or value."""
    found = []
    for one in element.all(name):
        full_name = one.value("fullName") or ""
        active = one.value("isActive") != "false"
        found.append((full_name, one.value("label") or full_name, active, one.flag("default")))
    return tuple(found)


def replaced(old: PicklistValues, new: PicklistValues) -> PicklistValues:
    """The values after a deploy: those it names, in its order; the others stay known and become inactive."""
    named = {value for value, _, _, _ in new}
    gone = tuple((value, label, False, False) for value, label, _, _ in old if value not in named)
    return (*new, *gone)


def with_values(catalogue: Catalogue, targets: tuple[tuple[str, str], ...], new: PicklistValues) -> Catalogue:
    """A catalogue whose fields take these values."""
    changed = []
    for name, field_name in targets:
        if not catalogue.has(name) or not catalogue.object(name).has(field_name):
            continue
        owner = catalogue.object(name)
        old = owner.field(field_name)
        info = replace(old, picklist_values=replaced(old.picklist_values, new))
        changed.append(replace(owner, fields={**owner.fields, field_name.lower(): info}))
    return catalogue.with_objects(changed) if changed else catalogue


def standard_value_set(
    catalogue: Catalogue, name: str, details: Mapping[str, Mapping[str, object]] | None = None
) -> Element | None:
    """A standard value set as the org has it now, built from the field it feeds; None if the org has none.

    `details` are further attributes by value: what a status means (converted, closed, won, ...).
    """
    for owner, field_name in STANDARD_VALUE_SETS.get(name, ()):
        if catalogue.has(owner) and catalogue.object(owner).has(field_name):
            values = catalogue.object(owner).field(field_name).picklist_values
            listed = [
                {"fullName": value, "default": default, "label": label, **(details or {}).get(value, {})}
                for value, label, active, default in values
                if active
            ]
            return next(tree("StandardValueSet", {"sorted": False, "standardValue": listed}))
    return None


def value_set_of(info: FieldInfo) -> Element:
    """The valueSet element of a custom picklist."""
    values = [
        {"fullName": value, "default": default, "label": label, "isActive": None if active else False}
        for value, label, active, default in info.picklist_values
    ]
    definition = {"sorted": False, "value": values}
    return next(tree("valueSet", {"restricted": info.restricted_picklist, "valueSetDefinition": definition}))
