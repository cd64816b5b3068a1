"""The Metadata API package: what it contains, how it meets what the org has, and that an org takes it."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from loaders.errors import ConfigurationError, RefusedError
from loaders.rehearsal.process import RunningOrg
from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.metadata import (
    Change,
    Component,
    Request,
    mdapi_files,
    merged,
    source_files,
    to_deploy,
    wanted,
    zipped,
)
from loaders.salesforce.metadata_fields import Value, field_tree, merge_field, relationship_name
from loaders.salesforce.metadata_parts import FIELDS_SET, LOAD_SET, RecordTypeLine
from loaders.salesforce.metadata_xml import Tree, child, children, parse, render, text, tree_of
from loaders.salesforce.schema import note_deployment, package_hash, refuse_untried
from loaders.salesforce.schema_manifest import setup_manifest

Start = Callable[..., RunningOrg]
KEY_FIELD = Field(
    "Source_System_ID__c", "record_key", "Text", 120, external_id=True, unique=True, label="Source System ID"
)


def contract(name: str, mart: str, *fields: Field, mode: str = "upsert") -> Contract:
    """A contract with the key field and these."""
    return Contract(
        mart, name, mode, "Source_System_ID__c", None, None, (), f'"marts"."sf_{mart}"', (KEY_FIELD, *fields)
    )


ACCOUNTS = contract("Account", "accounts", Field("Name", "name", "Text", 255, required=True))
LEADS = contract(
    "Lead", "leads",
    Field("FirstName", "first_name", "Text", 40), Field("LastName", "last_name", "Text", 80, required=True),
    Field("Company", "company", "Text", 255, required=True), Field("Street", "street", "TextArea", 255),
    Field("City", "city", "Text", 40), Field("Status", "status", "Picklist", 255, required=True),
    Field("stage__c", "stage", "Text", 255, label="Lifecycle Stage", help="As in the source & no other."),
)  # fmt: skip
TASKS = contract(
    "Task", "tasks",
    Field("Source_Created_At__c", "created_at", "DateTime"),
    Field("WhoId", "who", "Lookup", references=("leads",)),
)  # fmt: skip
EVENTS = contract("Event", "events", Field("Source_Created_At__c", "created_at", "DateTime"))
VISITS = contract(
    "Shop_Visit__c", "shop_visits",
    Field("Account__c", "account_key", "Lookup", references=("accounts",)), Field("Name", "name", "Text", 80),
)  # fmt: skip
ALL = {one.mart: one for one in (ACCOUNTS, LEADS, TASKS, EVENTS, VISITS)}
VALUES: dict[tuple[str, str], Sequence[Value]] = {
    ("Lead", "Status"): [Value("Open", True), Value("Working & Waiting")],
    ("Lead", "Rating"): [Value("Hot")],
}
RECORD_TYPES = [
    RecordTypeLine("Lead", "Migrated_Lead", "Migrated Lead", "Migrated Process"),
    RecordTypeLine("Lead", "Migrated_Lead", "Migrated Lead", "Migrated Process", "Rating", "Hot", True),
]
REQUEST = Request(ALL, VALUES, RECORD_TYPES)


def by_name(components: Sequence[Component]) -> dict[tuple[str, str], Tree]:
    return {(one.type, one.name): one.tree for one in components}


OPTIONAL = {"required": "false"}
FIELD_CASES: list[tuple[Field, dict[str, str]]] = [
    (Field("A__c", "a", "Text", 40), {**OPTIONAL, "length": "40"}),
    (
        KEY_FIELD,
        {**OPTIONAL, "length": "120", "externalId": "true", "unique": "true", "caseSensitive": "true"},
    ),
    (Field("A__c", "a", "TextArea"), OPTIONAL),
    (Field("A__c", "a", "LongTextArea", 32768), {"length": "32768", "visibleLines": "6"}),
    (Field("A__c", "a", "Email", unique=True), {**OPTIONAL, "externalId": "false", "unique": "true"}),
    (Field("A__c", "a", "Phone"), OPTIONAL),
    (Field("A__c", "a", "Url"), OPTIONAL),
    (Field("A__c", "a", "Number", None, 10, 2), {**OPTIONAL, "precision": "10", "scale": "2"}),
    (Field("A__c", "a", "Currency", None, 18, 2), {**OPTIONAL, "precision": "18", "scale": "2"}),
    (Field("A__c", "a", "Percent"), {**OPTIONAL, "precision": "18", "scale": "0"}),
    (Field("A__c", "a", "Checkbox"), {"defaultValue": "false"}),
    (Field("A__c", "a", "Date"), OPTIONAL),
    (Field("A__c", "a", "DateTime"), OPTIONAL),
    (Field("A__c", "a", "MultiselectPicklist"), {"visibleLines": "4"}),
    (
        Field("A__c", "a", "Lookup", references=("accounts",)),
        {
            **OPTIONAL, "referenceTo": "Account", "deleteConstraint": "SetNull",
            "relationshipName": "Leads_A", "relationshipLabel": "Leads",
        },
    ),
]  # fmt: skip


@pytest.mark.requirement("MAU-21", "ACT-19")
@pytest.mark.parametrize("field, expected", FIELD_CASES, ids=[case[0].type for case in FIELD_CASES])
def test_a_field_of_every_type(field: Field, expected: dict[str, str]) -> None:
    tree = field_tree(LEADS, field, ALL)
    assert tree[0] == ("fullName", field.name)
    plain = {tag: value for tag, value in tree if isinstance(value, str)}
    label = field.label or "A"
    assert plain == {"fullName": field.name, "label": label, "type": field.type, **expected}
    assert [tag for tag, _ in tree[1:]] == sorted(tag for tag, _ in tree[1:])


def test_a_picklist_has_its_values_and_says_whether_it_is_restricted() -> None:
    tree = field_tree(
        LEADS, Field("A__c", "a", "Picklist", restricted=True), ALL, [Value("Gold", True), Value("Tin")]
    )
    value_set = child(tree, "valueSet") or ()
    assert text(value_set, "restricted") == "true"
    listed = children(child(value_set, "valueSetDefinition") or (), "value")
    assert [(text(one, "fullName"), text(one, "default")) for one in listed] == [
        ("Gold", "true"),
        ("Tin", "false"),
    ]


def test_a_custom_lookup_points_to_one_object() -> None:
    with pytest.raises(ConfigurationError, match="refers to one object"):
        field_tree(LEADS, Field("A__c", "a", "Lookup", references=("accounts", "leads")), ALL)


@pytest.mark.parametrize(
    "mart, field, expected",
    [
        ("leads", "Company__c", "Leads_Company"),
        ("shop_visits", "Key_2__c", "Shop_Visits_Key_2"),
        ("x" * 30, "Some_Long_Name__c", "X" + "x" * 29 + "_So_874161"),
    ],
)
def test_relationship_names_are_legal(mart: str, field: str, expected: str) -> None:
    assert relationship_name(mart, field) == expected


@pytest.mark.requirement("COM-02")
def test_the_package_carries_no_automation() -> None:
    contents = mdapi_files(wanted(REQUEST), "62.0")
    types = {one.type for one in wanted(REQUEST)}
    assert types == {
        "BusinessProcess", "CustomField", "CustomObject", "Layout", "PermissionSet", "RecordType",
        "StandardValueSet",
    }  # fmt: skip
    for forbidden in (b"Flow", b"Workflow", b"ApexTrigger", b"ApexClass", b"ValidationRule"):
        assert not any(forbidden in content for content in contents.values()), forbidden
    for forbidden_type in ("Flow", "Workflow", "WorkflowRule", "ApexTrigger", "ValidationRule", "Profile"):
        with pytest.raises(ConfigurationError, match="COM-02"):
            Component(forbidden_type, "X", ())


@pytest.mark.requirement("MAU-21")
def test_the_same_contracts_give_the_same_bytes() -> None:
    shuffled = Request(dict(reversed(ALL.items())), dict(reversed(VALUES.items())), RECORD_TYPES)
    first, second = (zipped(mdapi_files(wanted(one), "62.0")) for one in (REQUEST, shuffled))
    assert first == second
    assert package_hash(REQUEST) == package_hash(shuffled)
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def members(document: bytes) -> dict[str, list[str]]:
    """Type -> members of a package.xml."""
    return {
        text(one, "name"): [str(value) for tag, value in one if tag == "members"]
        for one in children(tree_of(parse(document)), "types")
    }


def test_both_formats_name_the_same_components() -> None:
    components = wanted(REQUEST)
    contents, source = mdapi_files(components, "62.0"), source_files(components, "62.0")
    assert contents["package.xml"] == source["manifest/package.xml"]
    listed = members(contents["package.xml"])
    assert listed["CustomField"] == sorted(listed["CustomField"])
    assert {(kind, name) for kind, names in listed.items() for name in names} == set(by_name(components))
    assert len([path for path in source if path.endswith("-meta.xml")]) == len(components)
    lead = tree_of(parse(contents["objects/Lead.object"]))
    assert [tag for tag, _ in lead] == ["businessProcesses", "fields", "fields", "recordTypes"]
    stage = source["force-app/main/default/objects/Lead/fields/stage__c.field-meta.xml"]
    assert b"As in the source &amp; no other." in stage


def test_fields_of_activities_are_defined_once_and_granted_on_their_object() -> None:
    found = by_name(wanted(REQUEST))
    assert ("CustomField", "Activity.Source_Created_At__c") in found
    assert not any(name.startswith(("Task.", "Event.")) for kind, name in found if kind == "CustomField")
    granted = {text(one, "field") for one in children(found["PermissionSet", FIELDS_SET], "fieldPermissions")}
    assert {"Task.Source_Created_At__c", "Event.Source_Created_At__c", "Lead.stage__c"} <= granted
    assert "Lead.Status" not in granted


def test_two_marts_may_not_declare_one_field_differently() -> None:
    other = contract("Event", "events", Field("Source_Created_At__c", "created_at", "Date"))
    with pytest.raises(ConfigurationError, match=r"Activity.Source_Created_At__c is declared twice"):
        wanted(Request({**ALL, "events": other}))


@pytest.mark.requirement("MAU-21", "ACT-19")
def test_permission_sets_grant_fields_and_the_rights_of_a_load() -> None:
    found = by_name(wanted(REQUEST))
    load_set = found["PermissionSet", LOAD_SET]
    rights = [text(one, "name") for one in children(load_set, "userPermissions")]
    assert rights == ["ApiEnabled", "BulkApiHardDelete", "CreateAuditFields", "UpdateWithInactiveOwner"]
    objects = [text(one, "object") for one in children(load_set, "objectPermissions")]
    assert objects == ["Account", "Lead", "Shop_Visit__c"]  # activities have no rights of their own
    for one in children(found["PermissionSet", FIELDS_SET], "fieldPermissions"):
        assert (text(one, "readable"), text(one, "editable")) == ("true", "true")
    fewer = by_name(wanted(Request(ALL, rights=frozenset({"ApiEnabled"}))))
    assert len(children(fewer["PermissionSet", LOAD_SET], "userPermissions")) == 1


@pytest.mark.requirement("MAU-21")
def test_a_record_type_brings_its_process_and_layout() -> None:
    found = by_name(wanted(REQUEST))
    process = found["BusinessProcess", "Lead.Migrated Process"]
    assert [text(one, "fullName") for one in children(process, "values")] == ["Open", "Working %26 Waiting"]
    record_type = found["RecordType", "Lead.Migrated_Lead"]
    assert text(record_type, "businessProcess") == "Migrated Process"
    assert [text(one, "picklist") for one in children(record_type, "picklistValues")] == ["Rating"]
    layout = found["Layout", "Lead-Migrated Lead Layout"]
    items = [
        (text(item, "field"), text(item, "behavior"))
        for section in children(layout, "layoutSections")
        for side in children(section, "layoutColumns")
        for item in children(side, "layoutItems")
    ]
    assert len(items) == len({field for field, _ in items})
    required = {("Name", "Required"), ("Company", "Required"), ("Status", "Required")}
    assert required | {("stage__c", "Edit"), ("Address", "Edit")} <= set(items)
    with pytest.raises(ConfigurationError, match="knows no process"):
        wanted(Request(ALL, record_types=[RecordTypeLine("Account", "X", "X", "Process")]))


def standard_set(*names: str, inactive: Sequence[str] = ()) -> Tree:
    """A value set as the org tells it."""
    values = [
        (("fullName", name), ("color", "#123456"), ("default", "false"), ("label", name)) for name in names
    ]
    values += [(("fullName", name), ("default", "false"), ("isActive", "false")) for name in inactive]
    return (("fullName", "LeadStatus"), ("sorted", "false"), *(("standardValue", value) for value in values))


@pytest.mark.requirement("Z32", "MAU-05")
def test_values_are_added_to_those_of_the_org() -> None:
    components = [one for one in wanted(REQUEST) if one.name == "LeadStatus"]
    there = standard_set("Their Own", "open", inactive=["Working & Waiting"])
    (change,) = merged(components, {("StandardValueSet", "LeadStatus"): there})
    values = children(change.component.tree, "standardValue")
    assert [text(one, "fullName") for one in values] == ["Their Own", "open", "Working & Waiting"]
    assert [text(one, "color") for one in values] == ["#123456", "#123456", ""]
    assert text(values[2], "isActive") == "true"
    assert (change.state, change.details) == ("changed", ("value switched on: Working & Waiting",))
    (again,) = merged(components, {("StandardValueSet", "LeadStatus"): change.component.tree})
    assert again.state == "same"
    assert to_deploy([again]) == []


@pytest.mark.requirement("Z32")
def test_a_value_set_that_the_org_does_not_tell_is_never_replaced() -> None:
    components = [one for one in wanted(REQUEST) if one.name == "LeadStatus"]
    (change,) = merged(components, {})
    assert change.state == "conflict"
    assert to_deploy([change]) == []


def test_a_field_of_the_org_is_widened_and_never_narrowed() -> None:
    ours = field_tree(LEADS, Field("A__c", "a", "Number", None, 10, 4), ALL)
    theirs = (
        ("fullName", "A__c"),
        ("description", "Ours."),
        ("precision", "12"),
        ("scale", "0"),
        ("type", "Number"),
    )
    outcome = merge_field(ours, theirs)
    assert (text(outcome.tree, "precision"), text(outcome.tree, "scale")) == ("16", "4")
    assert text(outcome.tree, "description") == "Ours."
    assert outcome.changes == ("digits (12, 0) -> (16, 4)",)
    longer = (("fullName", "A__c"), ("length", "255"), ("type", "Text"))
    assert merge_field(field_tree(LEADS, Field("A__c", "a", "Text", 40), ALL), longer).changes == ()
    outcome = merge_field(field_tree(LEADS, KEY_FIELD, ALL), (*longer, ("unique", "true")))
    assert outcome.changes == ("externalId false -> true", "caseSensitive false -> true")


def test_what_a_deployment_cannot_change_is_a_conflict() -> None:
    ours = field_tree(LEADS, Field("A__c", "a", "Text", 40), ALL)
    assert merge_field(ours, (("fullName", "A__c"), ("type", "Number"))).conflicts == (
        "is Number in the org, Text wanted",
    )
    picklist = field_tree(LEADS, Field("A__c", "a", "Picklist"), ALL, [Value("Gold")])
    shared = (("fullName", "A__c"), ("type", "Picklist"), ("valueSet", (("valueSetName", "Metals"),)))
    assert "global value set Metals" in merge_field(picklist, shared).conflicts[0]


def test_a_custom_picklist_keeps_the_values_of_the_org() -> None:
    theirs = field_tree(LEADS, Field("A__c", "a", "Picklist"), ALL, [Value("Tin", True)])
    ours = field_tree(LEADS, Field("A__c", "a", "Picklist"), ALL, [Value("Gold", True)])
    outcome = merge_field(ours, theirs)
    values = children(child(child(outcome.tree, "valueSet") or (), "valueSetDefinition") or (), "value")
    assert [(text(one, "fullName"), text(one, "default")) for one in values] == [
        ("Tin", "true"),
        ("Gold", "false"),
    ]


def test_a_permission_set_keeps_what_the_org_granted() -> None:
    components = [one for one in wanted(REQUEST) if one.name == FIELDS_SET]
    extra = (("editable", "false"), ("field", "Lead.Other__c"), ("readable", "true"))
    (change,) = merged(
        components, {("PermissionSet", FIELDS_SET): (("fieldPermissions", extra), ("label", "Old"))}
    )
    granted = [text(one, "field") for one in children(change.component.tree, "fieldPermissions")]
    assert "Lead.Other__c" in granted
    assert "grants Lead.stage__c" in change.details
    assert [tag for tag, _ in change.component.tree] == sorted(tag for tag, _ in change.component.tree)


def test_xml_survives_a_round_trip() -> None:
    tree: Tree = (("fullName", "A & <B>"), ("value", (("default", "true"),)))
    document = render("CustomField", tree)
    assert tree_of(parse(document)) == tree
    assert ElementTree.fromstring(document).tag == "{http://soap.sforce.com/2006/04/metadata}CustomField"


def test_the_setup_manifest_tells_the_admin_what_to_do() -> None:
    changes = [Change(one, "new") for one in wanted(REQUEST)]
    offline = setup_manifest(REQUEST, changes, None)
    for expected in ("SF_Migration_Fields", "Set Audit Fields", "| Lead.stage__c | Text(255) |",
                     "Migrated_Lead", "duplicate rules", "Standard value sets are left out"):  # fmt: skip
        assert expected in offline
    conflict = Change(changes[0].component, "conflict", ("is Number in the org",))
    assert "is Number in the org" in setup_manifest(REQUEST, [conflict], "Acme")


@pytest.mark.requirement("MAU-21")
def test_production_comes_after_a_sandbox(tmp_path: Path) -> None:
    file = tmp_path / "data" / "schema_deployments.json"
    with pytest.raises(RefusedError, match="No sandbox"):
        refuse_untried(file, "abc")
    note_deployment(file, "abc", "00D2", "production", True)
    with pytest.raises(RefusedError, match="No sandbox"):
        refuse_untried(file, "abc")
    note_deployment(file, "abc", "00D1", "sandbox", False)
    refuse_untried(file, "abc")
    with pytest.raises(RefusedError, match="No sandbox"):
        refuse_untried(file, "another")
