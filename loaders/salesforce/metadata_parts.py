"""Everything of the package that is no field: objects, value sets, processes, record types, layouts,
permission sets.

Pure. Two permission sets, because they have different lives: SF_Migration_Fields shows the new fields and
record types and stays; SF_Migration_Load lets one user load (audit fields, inactive owners, hard delete) and
is taken away afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from loaders.salesforce.contract import Contract
from loaders.salesforce.facts import object_facts
from loaders.salesforce.metadata_fields import Value, label_of, value_tree
from loaders.salesforce.metadata_xml import Tree

FIELDS_SET, LOAD_SET = "SF_Migration_Fields", "SF_Migration_Load"
# "Bulk API Hard Delete", "Set Audit Fields upon Record Creation", "Update Records with Inactive Owners"
RIGHTS = ("ApiEnabled", "BulkApiHardDelete", "CreateAuditFields", "UpdateWithInactiveOwner")
ADDRESS = re.compile(
    r"(?P<kind>Billing|Shipping|Mailing|Other|)(Street|City|State|StateCode|PostalCode|Country|CountryCode)"
)
NAME_PARTS = frozenset({"FirstName", "LastName", "MiddleName", "Salutation", "Suffix", "Name"})


@dataclass(frozen=True)
class RecordTypeLine:
    """One line of record_types.csv: a record type, its process, a value that it offers (all if none)."""

    object: str
    record_type: str
    label: str
    process: str
    field: str = ""
    value: str = ""
    default: bool = False


def object_tree(contract: Contract) -> Tree:
    """A custom object: usable at once, its name a text if the mart fills Name, else a running number."""
    label = label_of(contract.object, contract.label)
    named = any(field.name == "Name" for field in contract.fields)
    name: Tree = (
        (("label", (contract.name_label or f"{label} Name")[:40]), ("type", "Text"))
        if named
        else (
            ("displayFormat", "{0000000}"),
            ("label", f"{label} Number"),
            ("type", "AutoNumber"),
        )
    )
    return (
        ("deploymentStatus", "Deployed"),
        ("enableActivities", "true"),
        ("enableReports", "true"),
        ("enableSearch", "true"),
        ("label", label),
        ("nameField", name),
        ("pluralLabel", (contract.plural_label or f"{label}s")[:40]),
        ("sharingModel", "ReadWrite"),
    )


def standard_values_tree(values: Sequence[Value]) -> Tree:
    """A standard value set with these values only; it is deployed merged with the org's, never as it is."""
    return (("sorted", "false"), *(("standardValue", value_tree(value)) for value in values))


def process_tree(name: str, lines: Sequence[RecordTypeLine], offered: Sequence[Value]) -> Tree:
    """A business process: the values of Lead Status, Stage or Case Status that its record types offer."""
    chosen = [Value(line.value, line.default) for line in lines if line.value] or list(offered)
    values = tuple(
        ("values", (("fullName", _encoded(value.name)), ("default", "true" if value.default else "false")))
        for value in chosen
    )
    return (("fullName", name), ("isActive", "true"), *values)


def record_type_tree(lines: Sequence[RecordTypeLine], governed: str) -> Tree:
    """A record type and the values that it offers; those of the `governed` field come with its process."""
    first = lines[0]
    picklists: dict[str, list[RecordTypeLine]] = {}
    for line in lines:
        if line.value and line.field != governed:
            picklists.setdefault(line.field, []).append(line)
    parts: list[tuple[str, str | Tree]] = [("fullName", first.record_type), ("active", "true")]
    if first.process:
        parts.append(("businessProcess", first.process))
    parts.append(("label", first.label or label_of(first.record_type)))
    for field, chosen in sorted(picklists.items()):
        values = tuple(
            ("values", (("fullName", _encoded(line.value)), ("default", "true" if line.default else "false")))
            for line in chosen
        )
        parts.append(("picklistValues", (("picklist", field), *values)))
    return tuple(parts)


def _encoded(value: str) -> str:
    """A value's name in processes and record types, where Salesforce percent-encodes what is not plain."""
    return quote(value, safe=" -_.~!*'()")


def layout_tree(contract: Contract) -> Tree:
    """A page layout with the fields that the mart fills: standard ones first, then ours."""
    required = {field.name for field in contract.fields if field.required} | {"Name"}
    standard = dict.fromkeys((*object_facts(contract.object).layout_fields, *_standard_items(contract)))
    custom = [field.name for field in contract.fields if field.name.endswith("__c")]
    sections = [
        _section("Information", [(name, "Required" if name in required else "Edit") for name in standard]),
        _section("Migrated Fields", [(name, "Edit") for name in custom]),
        _section("System Information", [("CreatedById", "Readonly"), ("LastModifiedById", "Readonly")]),
    ]
    return tuple(("layoutSections", section) for section in sections if section)


def _standard_items(contract: Contract) -> Iterable[str]:
    """Standard fields as layouts name them: parts of names and addresses appear as one item."""
    for field in contract.fields:
        if field.name.endswith("__c") or field.audit or field.name == "RecordTypeId":
            continue
        address = ADDRESS.fullmatch(field.name)
        if address:
            yield f"{address['kind']}Address"
        elif field.name in NAME_PARTS and contract.object in ("Contact", "Lead"):
            yield "Name"
        else:
            yield field.name


def _section(label: str, items: Sequence[tuple[str, str]]) -> Tree:
    """A section in two columns, filled from left to right; nothing if it has no items."""
    if not items:
        return ()
    columns = tuple(
        (
            "layoutColumns",
            tuple(
                ("layoutItems", (("behavior", behaviour), ("field", name)))
                for name, behaviour in items[side::2]
            ),
        )
        for side in (0, 1)
    )
    return (
        ("customLabel", "true"),
        ("detailHeading", "true"),
        ("editHeading", "true"),
        ("label", label),
        *columns,
        ("style", "TwoColumnsLeftToRight"),
    )


def fields_set_tree(fields: Iterable[tuple[str, str]], record_types: Iterable[str]) -> Tree:
    """Field-level security and record types: without it a deployed field is invisible."""
    return (
        *(
            ("fieldPermissions", (("editable", "true"), ("field", f"{name}.{field}"), ("readable", "true")))
            for name, field in sorted(fields)
        ),
        ("hasActivationRequired", "false"),
        ("label", "Migration: Fields"),
        *(
            ("recordTypeVisibilities", (("recordType", name), ("visible", "true")))
            for name in sorted(record_types)
        ),
    )


def load_set_tree(objects: Iterable[str], rights: Iterable[str]) -> Tree:
    """Full rights on the objects that have rights of their own, and the rights of the user that loads."""
    flags = ("allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords")
    return (
        ("hasActivationRequired", "false"),
        ("label", "Migration: Load"),
        *(
            (
                "objectPermissions",
                (*((flag, "true") for flag in flags), ("object", name), ("viewAllRecords", "true")),
            )
            for name in sorted(set(objects))
            if object_facts(name).object_rights
        ),
        *(("userPermissions", (("enabled", "true"), ("name", right))) for right in sorted(rights)),
    )


def merge_set(wanted: Tree, existing: Tree) -> tuple[Tree, list[str]]:
    """Our permission set with what the org's copy grants beyond it: a deployment replaces the whole set."""
    keys: Mapping[str, str] = {
        "fieldPermissions": "field",
        "objectPermissions": "object",
        "userPermissions": "name",
        "recordTypeVisibilities": "recordType",
    }
    ours = {(tag, _named(value, keys[tag])): value for tag, value in wanted if tag in keys}
    theirs = {(tag, _named(value, keys[tag])): value for tag, value in existing if tag in keys}
    changes = [f"grants {name}" for tag, name in ours if (tag, name) not in theirs]
    both = {**theirs, **ours}
    plain = [(tag, value) for tag, value in wanted if tag not in keys]
    granted = [(tag, value) for (tag, _), value in sorted(both.items(), key=lambda item: item[0])]
    return tuple(sorted([*plain, *granted], key=lambda item: item[0])), changes


def _named(value: str | Tree, tag: str) -> str:
    """The text of one element of a grant."""
    return "" if isinstance(value, str) else next((str(text) for name, text in value if name == tag), "")
