"""Custom fields as Metadata API trees, and how a wanted field meets one that the org has. Pure.

Rules of the Metadata API (guide: "CustomField", "ValueSet"): a new field is optional for users, so that
nobody's work stops because of a migration; a lookup has a child relationship name that is unique on the
parent; a field that exists is only ever widened, and its picklist values are added to, because a deployment
replaces what it names (Z32).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loaders.errors import ConfigurationError
from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.metadata_xml import Tree, child, children, text, with_value

LENGTHS = {"Text": 255, "LongTextArea": 32768, "Html": 32768}
MULTISELECT_LINES = "4"
LINES = {"LongTextArea": "6", "Html": "25"}  # that a page shows
RELATIONSHIP_LENGTH = 40
NOT_OPTIONAL = ("Checkbox", "LongTextArea", "Html", "MultiselectPicklist")  # types that know no `required`


@dataclass(frozen=True)
class Value:
    """One picklist value; `extra` holds what single value sets want to know (closed, won, probability, …)."""

    name: str
    default: bool = False
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Merged:
    """What a deployment sends for one component, what that changes, and what only a person can change."""

    tree: Tree
    changes: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def field_tree(
    contract: Contract, field: Field, contracts: Mapping[str, Contract], values: Sequence[Value] = ()
) -> Tree:
    """The CustomField of a contract's field. Raises ConfigurationError when there can be no such field."""
    parts: dict[str, str | Tree] = {"label": label_of(field.name, field.label), "type": field.type}
    if field.help:
        parts["inlineHelpText"] = field.help
    if field.type not in NOT_OPTIONAL:
        parts["required"] = "false"
    if field.type in LENGTHS:
        parts["length"] = str(field.length or LENGTHS[field.type])
    if field.type in LINES:
        parts["visibleLines"] = LINES[field.type]
    if field.type in ("Number", "Currency", "Percent"):
        parts["precision"] = str(field.precision or 18)
        parts["scale"] = str(field.scale or 0)
    if field.type in ("Text", "Email", "Number") and (field.external_id or field.unique):
        parts["externalId"] = _flag(field.external_id)
        parts["unique"] = _flag(field.unique)
        if field.type == "Text" and field.unique:
            parts["caseSensitive"] = "true"
    if field.type == "Checkbox":
        parts["defaultValue"] = "false"
    if field.type in ("Picklist", "MultiselectPicklist"):
        parts["valueSet"] = value_set_tree(values, field.restricted)
    if field.type == "MultiselectPicklist":
        parts["visibleLines"] = MULTISELECT_LINES
    if field.type == "Lookup":
        parts.update(_lookup(contract, field, contracts))
    return (("fullName", field.name), *sorted(parts.items()))


def _lookup(contract: Contract, field: Field, contracts: Mapping[str, Contract]) -> dict[str, str | Tree]:
    """What a lookup has beyond other fields. An emptied parent leaves the child alone."""
    targets = {contracts[mart].object for mart in field.references}
    if len(targets) != 1:
        raise ConfigurationError(
            f"sf_{contract.mart}.{field.column}: a custom lookup refers to one object, not {len(targets)}.",
            "give each parent a field of its own in the mart's .yml",
        )
    children = contract.object.removesuffix("__c") if contract.object_column else contract.mart
    return {
        "deleteConstraint": "SetNull",
        "referenceTo": targets.pop(),
        "relationshipLabel": label_of(contract.mart, contract.plural_label),
        "relationshipName": relationship_name(children, field.name),
    }


def relationship_name(children: str, field: str) -> str:
    """The child relationship on the parent: at most 40 letters, digits, single underscores.

    A longer one ends in a few digits of its hash: two names that begin alike must differ on the same parent.
    """
    words = f"{children.title()}_{field.removesuffix('__c')}"
    name = re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_")
    if len(name) <= RELATIONSHIP_LENGTH:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: RELATIONSHIP_LENGTH - 7].rstrip('_')}_{mark}"


def label_of(name: str, label: str = "") -> str:
    """The label, or one made of the API name; Salesforce takes 40 characters."""
    return (label or re.sub(r"_+", " ", name.removesuffix("__c")).strip().title())[:40]


def value_set_tree(values: Sequence[Value], restricted: bool) -> Tree:
    """The value set of a custom picklist, in the order given."""
    listed = tuple(("value", value_tree(value)) for value in values)
    return (("restricted", _flag(restricted)), ("valueSetDefinition", (("sorted", "false"), *listed)))


def value_tree(value: Value) -> Tree:
    """One value of a custom picklist or a standard value set."""
    parts = {"default": _flag(value.default), "label": value.name, **dict(value.extra)}
    return (("fullName", value.name), *sorted(parts.items()))


def merge_field(wanted: Tree, existing: Tree) -> Merged:
    """The org's field, widened to what is wanted; nothing that it has is taken away."""
    old_type, new_type = text(existing, "type"), text(wanted, "type")
    if old_type != new_type:
        return Merged(existing, (), (f"is {old_type} in the org, {new_type} wanted",))
    merged, changes = existing, []
    for tag in ("length",):
        if int(text(wanted, tag, "0")) > int(text(existing, tag, "0") or 0) and text(wanted, tag):
            merged = with_value(merged, tag, text(wanted, tag))
            changes.append(f"{tag} {text(existing, tag)} -> {text(wanted, tag)}")
    merged, digits = _wider_number(merged, wanted)
    changes.extend(digits)
    for tag in ("externalId", "unique", "caseSensitive"):
        if text(wanted, tag) == "true" and text(existing, tag, "false") != "true":
            merged = with_value(merged, tag, "true")
            changes.append(f"{tag} false -> true")
    conflicts = []
    if text(wanted, "referenceTo") != text(existing, "referenceTo"):
        conflicts.append(
            f"refers to {text(existing, 'referenceTo')} in the org, {text(wanted, 'referenceTo')} wanted"
        )
    values = _merged_values(merged, wanted)
    return Merged(values.tree, (*changes, *values.changes), (*conflicts, *values.conflicts))


def _wider_number(merged: Tree, wanted: Tree) -> tuple[Tree, list[str]]:
    """Digits before and after the point, each at least as many as wanted."""
    if not text(wanted, "precision"):
        return merged, []
    old = int(text(merged, "precision", "0")), int(text(merged, "scale", "0"))
    new = int(text(wanted, "precision")), int(text(wanted, "scale", "0"))
    scale = max(old[1], new[1])
    precision = min(18, max(old[0] - old[1], new[0] - new[1]) + scale)
    if (precision, scale) == old:
        return merged, []
    tree = with_value(with_value(merged, "precision", str(precision)), "scale", str(scale))
    return tree, [f"digits ({old[0]}, {old[1]}) -> ({precision}, {scale})"]


def _merged_values(existing: Tree, wanted: Tree) -> Merged:
    """The org's values and ours behind them; values that were switched off are switched on again."""
    new_set, old_set = child(wanted, "valueSet"), child(existing, "valueSet")
    if new_set is None or old_set is None:
        return Merged(existing)
    new_values = children(child(new_set, "valueSetDefinition") or (), "value")
    if text(old_set, "valueSetName"):
        missing = ", ".join(text(value, "fullName") for value in new_values)
        note = f"uses the global value set {text(old_set, 'valueSetName')}; see that it has: {missing}"
        return Merged(existing, (), (note,) if missing else ())
    definition = child(old_set, "valueSetDefinition") or ()
    values, changes = merge_values(definition, new_values, "value")
    if not changes:
        return Merged(existing)
    return Merged(
        with_value(existing, "valueSet", with_value(old_set, "valueSetDefinition", values)), tuple(changes)
    )


def merge_values(existing: Tree, wanted: Sequence[Tree], tag: str) -> tuple[Tree, list[str]]:
    """A list of values with the wanted ones that it lacks added at its end (Z32), and what changed.

    Names are compared without case, as Salesforce does. A value that the org has keeps all that it has, its
    default too: which value is preset is the org's business.
    """
    there = {text(value, "fullName").lower(): value for value in children(existing, tag)}
    changes: list[str] = []
    awake: list[tuple[str, str | Tree]] = []
    names = {text(value, "fullName").lower() for value in wanted}
    for name, old in existing:
        if name == tag and not isinstance(old, str):
            full = text(old, "fullName")
            if full.lower() in names and text(old, "isActive") == "false":
                changes.append(f"value switched on: {full}")
                old = with_value(old, "isActive", "true")
        awake.append((name, old))
    has_default = any(text(value, "default") == "true" for value in there.values())
    for value in wanted:
        if text(value, "fullName").lower() not in there:
            changes.append(f"new value: {text(value, 'fullName')}")
            awake.append((tag, with_value(value, "default", "false") if has_default else value))
    return tuple(awake), changes


def _flag(value: bool) -> str:
    return "true" if value else "false"
