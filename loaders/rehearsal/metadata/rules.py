"""Deployed validation and duplicate rules as part of the catalogue, where the batch writer finds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from loaders.rehearsal.metadata.registry import Component
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.catalogue import Catalogue, DuplicateRule, MatchKey, ObjectInfo, ValidationRule
from loaders.rehearsal.org.duplicates import ALERT, standard_keys
from loaders.rehearsal.org.validation import rule_of


def with_rules(catalogue: Catalogue, components: Iterable[Component]) -> Catalogue:
    """The catalogue whose objects carry their active rules, in the order of their names."""
    components = list(components)
    validation = _validation_rules(catalogue, components)
    duplicates = _duplicate_rules(catalogue, components)
    changed = []
    for name in dict.fromkeys([*validation, *duplicates]):
        rules = {
            "validation_rules": tuple(validation.get(name, ())),
            "duplicate_rules": tuple(duplicates.get(name, ())),
        }
        changed.append(replace(catalogue.object(name), **rules))  # type: ignore[arg-type]
    return catalogue.with_objects(changed) if changed else catalogue


def _validation_rules(
    catalogue: Catalogue, components: Iterable[Component]
) -> dict[str, list[ValidationRule]]:
    found: dict[str, list[ValidationRule]] = {}
    for one in components:
        if one.type != "ValidationRule" or not one.element.flag("active"):
            continue
        owner_name, _, name = one.full_name.partition(".")
        for target in ("Task", "Event") if owner_name == "Activity" else (owner_name,):
            if not catalogue.has(target):
                continue
            owner, shown = catalogue.object(target), one.element.value("errorDisplayField") or ""
            rule = rule_of(
                name,
                one.element.value("errorConditionFormula") or "",
                one.element.value("errorMessage") or "",
                owner.field(shown).name if owner.has(shown) else None,
                owner,
            )
            if rule:
                found.setdefault(target, []).append(rule)
    return found


# Matching methods and how they simplify a text; Salesforce's fuzzy ones compare more generously.
METHODS = {
    "Exact": "exact", "FirstName": "words", "LastName": "words", "CompanyName": "company", "Phone": "digits",
    "City": "words", "Street": "words", "Zip": "words", "Title": "words",
}  # fmt: skip
_STANDARD_MATCHING = re.compile(r"Standard_(Account|Contact|Lead)_Match_Rule(_v\d+_\d+)?")
_ONLY_AND = re.compile(r"\s*\d+(\s+and\s+\d+)*\s*", re.IGNORECASE)


def matching_problems(element: Element, owner: ObjectInfo) -> Iterator[str]:
    """What is wrong with a matching rule of that object."""
    items = element.all("matchingRuleItems")
    if not items:
        yield "Must specify at least one matchingRuleItems for the MatchingRule"
    for item in items:
        name, method = item.value("fieldName") or "", item.value("matchingMethod") or ""
        if not owner.has(name) or owner.field(name).storage_type is None:
            yield f"In field: fieldName - no CustomField named {owner.name}.{name} found"
        if method not in METHODS:
            yield f"Error parsing file: '{method}' is not a valid value for the enum 'MatchingMethod'"
    if not _ONLY_AND.fullmatch(element.value("booleanFilter") or "1"):
        yield "booleanFilter: only conditions joined by AND are enforced by the rehearsal org"


def duplicate_problems(element: Element, owner: ObjectInfo, has_rule: Callable[[str], bool]) -> Iterator[str]:
    """What is wrong with a duplicate rule; `has_rule` knows matching rules by their full name."""
    for needed in ("masterLabel", "actionOnInsert", "actionOnUpdate", "isActive"):
        if element.value(needed) is None:
            yield f"Must specify '{needed}' for a DuplicateRule"
    for action in ("actionOnInsert", "actionOnUpdate"):
        if (element.value(action) or "Allow") not in ("Allow", "Block"):
            yield f"Error parsing file: '{element.value(action)}' is not a valid value for the enum 'DupeActionType'"
    conditions = element.one("duplicateRuleFilter")
    if conditions is not None and conditions.children:
        yield "duplicateRuleFilter: conditions are outside of what the rehearsal org enforces"
    matches = element.all("duplicateRuleMatchRules")
    if not matches:
        yield "Must specify at least one duplicateRuleMatchRules for the DuplicateRule"
    for match in matches:
        target, name = match.value("matchRuleSObjectType") or owner.name, match.value("matchingRule") or ""
        if target.lower() != owner.name.lower():
            yield f"matchRuleSObjectType {target}: matches across objects are outside of what the rehearsal org enforces"
        elif not has_rule(f"{owner.name}.{name}") and not _is_standard(name, owner):
            yield f"In field: matchingRule - no MatchingRule named {owner.name}.{name} found"


def _is_standard(name: str, owner: ObjectInfo) -> bool:
    found = _STANDARD_MATCHING.fullmatch(name)
    return found is not None and found[1] == owner.name


def _duplicate_rules(catalogue: Catalogue, components: list[Component]) -> dict[str, list[DuplicateRule]]:
    matching = {one.full_name.lower(): one.element for one in components if one.type == "MatchingRule"}
    rules = [one for one in components if one.type == "DuplicateRule" and one.element.flag("isActive")]
    found: dict[str, list[DuplicateRule]] = {}
    for one in sorted(rules, key=lambda rule: int(rule.element.value("sortOrder") or 0)):
        owner_name, _, name = one.full_name.partition(".")
        if not catalogue.has(owner_name):
            continue
        owner = catalogue.object(owner_name)
        names = [match.value("matchingRule") or "" for match in one.element.all("duplicateRuleMatchRules")]
        keys = [
            standard_keys(owner) if _is_standard(match, owner)
            else _keys(matching.get(f"{owner.name}.{match}".lower()), owner)
            for match in names
        ]  # fmt: skip
        rule = DuplicateRule(
            name,
            one.element.value("alertText") or ALERT,
            _action(one.element, "Insert"),
            _action(one.element, "Update"),
            tuple(key for key in keys if key),
        )
        found.setdefault(owner.name, []).append(rule)
    return found


def _keys(element: Element | None, owner: ObjectInfo) -> tuple[MatchKey, ...]:
    """The keys of a deployed matching rule; none when it is gone, inactive or reads what is gone."""
    if element is None or (element.value("ruleStatus") or "Active") not in ("Active", "Activating"):
        return ()
    items = element.all("matchingRuleItems")
    if not all(owner.has(item.value("fieldName") or "") for item in items):
        return ()
    return tuple(
        MatchKey(
            owner.field(item.value("fieldName") or ""),
            METHODS.get(item.value("matchingMethod") or "", "exact"),
            item.value("blankValueBehavior") == "MatchBlanks",
        )
        for item in items
    )


def _action(element: Element, when: str) -> str:
    """`block`, `alert`, or nothing where the rule only reports."""
    if element.value(f"actionOn{when}") == "Block":
        return "block"
    return "alert" if "Alert" in [one.text.strip() for one in element.all(f"operationsOn{when}")] else ""
