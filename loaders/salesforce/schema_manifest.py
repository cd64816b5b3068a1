"""The setup manifest: what the package brings and what the admin does by hand, as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loaders.salesforce.metadata import Change, Component, Request
from loaders.salesforce.metadata_parts import FIELDS_SET, LOAD_SET
from loaders.salesforce.metadata_xml import Tree, child, children, text


def setup_manifest(request: Request, changes: Sequence[Change], org: str | None) -> str:
    """The document for the admin.

    `org` names the org that the changes were compared with, None if none was asked.
    """
    lines = ["# Salesforce setup for the migration", ""]
    lines.append(
        f"Compared with {org}: only what it lacks is in the package."
        if org
        else "Made without looking at an org: the package has every component. Standard value sets are left "
        "out, because deploying one replaces its values; `load-sf schema deploy` merges them with the org's."
    )
    lines += ["", *_steps(request, changes), "", *_fields(changes), "", *_picklists(changes, org is not None)]
    lines += ["", *_record_types(request), "", *_conflicts(changes)]
    return "\n".join(lines).rstrip() + "\n"


def _steps(request: Request, changes: Sequence[Change]) -> list[str]:
    """What a person does, in order."""
    audit = sorted(
        f"{contract.object}.{field.name}"
        for contract in request.contracts.values()
        for field in contract.fields
        if field.audit
    )
    objects = sorted({contract.object for contract in request.contracts.values() if contract.mode != "match"})
    layouts = [change.component.name for change in changes if change.component.type == "Layout"]
    needed = f" (needed for {', '.join(audit)})" if audit else ", if original timestamps are to be kept"
    steps = [
        "Setup > User Interface: switch on *Enable Set Audit Fields upon Record Creation and Update Records "
        f"with Inactive Owners*{needed}.",
        "Deploy the package: `load-sf schema deploy`, or `sf project deploy start` in this folder.",
        f"Assign the permission set `{FIELDS_SET}` to everybody who is to see the new fields.",
        f"Assign `{LOAD_SET}` to the user of the load only, and take it away when the migration is done.",
        f"Switch off what may refuse or change records of {', '.join(objects)} during the load: duplicate "
        "rules, validation rules, flows, triggers. `load-sf preflight` lists those that are active.",
        "Add the new fields to the page layouts that people use.",
    ]
    if layouts:
        steps.append(
            f"Assign the layouts {', '.join(f'`{name}`' for name in layouts)} to profiles and record types."
        )
    if "Campaign" in objects:
        steps.append("Tick *Marketing User* for the user of the load, else it cannot create campaigns.")
    return ["## By hand", "", *(f"{number}. {step}" for number, step in enumerate(steps, start=1))]


def _of(changes: Iterable[Change], kind: str) -> list[Change]:
    return [change for change in changes if change.component.type == kind]


def _fields(changes: Sequence[Change]) -> list[str]:
    """Objects and fields, with the state of each."""
    lines = ["## Objects and fields", "", "| Field | Type | Key | State |", "|---|---|---|---|"]
    for change in [*_of(changes, "CustomObject"), *_of(changes, "CustomField")]:
        tree = change.component.tree
        key = "external id" if text(tree, "externalId") == "true" else ""
        detail = f": {'; '.join(change.details)}" if change.details else ""
        lines.append(
            f"| {change.component.name} | {_type(change.component)} | {key} | {change.state}{detail} |"
        )
    return lines


def _type(component: Component) -> str:
    """The type with its size."""
    tree = component.tree
    if component.type == "CustomObject":
        return "custom object"
    kind = text(tree, "type")
    if text(tree, "length"):
        return f"{kind}({text(tree, 'length')})"
    if text(tree, "precision"):
        return f"{kind}({text(tree, 'precision')}, {text(tree, 'scale')})"
    return f"{kind}({text(tree, 'referenceTo')})" if text(tree, "referenceTo") else kind


def _picklists(changes: Sequence[Change], compared: bool) -> list[str]:
    """Values that the migration needs, and picklists without any."""
    lines = ["## Picklist values", "", "Added to what the org has; nothing is removed or renamed.", ""]
    for change in _of(changes, "StandardValueSet"):
        names = [text(value, "fullName") for value in children(change.component.tree, "standardValue")]
        shown = "; ".join(change.details) if compared and change.details else ", ".join(names)
        lines.append(
            f"- **{change.component.name}** ({change.state if compared else 'to be merged'}): {shown}"
        )
    for change in _of(changes, "CustomField"):
        value_set = child(change.component.tree, "valueSet")
        if value_set is None:
            continue
        names = _value_names(value_set)
        lines.append(f"- **{change.component.name}**: {', '.join(names) if names else NO_VALUES}")
    return lines


NO_VALUES = "no value known yet; run `dbt build` first, or list them in seeds/salesforce/picklists.csv"


def _value_names(value_set: Tree) -> list[str]:
    """The values of a custom picklist."""
    return [
        text(value, "fullName") for value in children(child(value_set, "valueSetDefinition") or (), "value")
    ]


def _record_types(request: Request) -> list[str]:
    """Record types with process."""
    groups = dict.fromkeys(
        (line.object, line.record_type, line.label, line.process) for line in request.record_types
    )
    if not groups:
        return ["## Record types", "", "None (seeds/salesforce/record_types.csv is empty)."]
    rows = [f"| {name} | {kind} | {label} | {process or '-'} |" for name, kind, label, process in groups]
    return ["## Record types", "", "| Object | Record type | Label | Process |", "|---|---|---|---|", *rows]


def _conflicts(changes: Sequence[Change]) -> list[str]:
    """What no deployment can change."""
    found = [change for change in changes if change.state == "conflict"]
    if not found:
        return []
    lines = [
        f"- {change.component.type} {change.component.name}: {'; '.join(change.details)}" for change in found
    ]
    return ["## To be solved by a person first", "", *lines]
