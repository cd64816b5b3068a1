"""`load-sf schema` on a project: values from marts, packages on disk, and an org that takes them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from schema_fixtures import KEY, Project, column, model

from loaders.commands.load_sf_schema import schema
from loaders.rehearsal.process import RunningOrg
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.metadata_parts import FIELDS_SET, LOAD_SET
from loaders.salesforce.metadata_xml import children, parse, text, tree_of
from loaders.salesforce.schema import values_in_marts
from loaders.salesforce.schema_run import check_target, compare_target, deploy_target
from loaders.salesforce.session import Org
from loaders.salesforce.targets import read_target

Start = Callable[..., RunningOrg]


def members(document: bytes) -> set[str]:
    """The types of a package.xml."""
    return {text(one, "name") for one in children(tree_of(parse(document)), "types")}


FIELD_MAP = (
    "company,tier,Account,Tier__c,Picklist,255,,,Tier,confirmed,",
    "company,topics,Account,Topics__c,MultiselectPicklist,,,,Topics,confirmed,",
    "company,size,Account,Size__c,Number,,8,2,Size,confirmed,",
)


def build(project: Project) -> None:
    """A project with accounts, leads and picklists."""
    accounts = model(
        "sf_accounts",
        [
            column("record_key", KEY, required=True),
            column("account_name", {"field": "Name", "type": "Text", "length": 255}),
            column("industry", {"field": "Industry", "type": "Picklist", "length": 40}),
            column("parent_key", {"field": "Bought_From__c", "type": "Lookup", "references": "sf_accounts"}),
            column("custom_fields"),
        ],
        object="Account", mode="upsert", key="Source_System_ID__c",
    )  # fmt: skip
    leads = model(
        "sf_leads",
        [
            column("record_key", KEY, required=True),
            column("last_name", {"field": "LastName", "type": "Text", "length": 80}, required=True),
            column("company", {"field": "Company", "type": "Text", "length": 255}, required=True),
            column("status", {"field": "Status", "type": "Picklist", "length": 40}, required=True),
        ],
        object="Lead", mode="upsert", key="Source_System_ID__c",
    )  # fmt: skip
    project.declare([accounts, leads])
    project.field_map(*FIELD_MAP)
    cells = """'{"Tier__c": "Gold", "Topics__c": "b;a", "Size__c": "1.5"}'"""
    project.mart(
        "sf_accounts",
        "select 'a:1' as record_key, 'Acme' as account_name, 'Space Mining' as industry, "
        "null::varchar as parent_key, "
        f"{cells} as custom_fields union all select 'a:2', 'Beta', 'Banking', null, "
        """'{"Tier__c": "Tin", "Topics__c": "c"}'""",
    )
    project.mart(
        "sf_leads",
        "select 'l:1' as record_key, 'Miller' as last_name, 'Acme' as company, 'Dormant' as status",
    )
    project.seed(
        "picklists",
        "sf_object,sf_field,sf_value,is_default,note",
        "Account,Industry,Space Mining,,",
        "Lead,Status,Dormant,,",
    )  # fmt: skip
    project.seed(
        "record_types",
        "sf_object,record_type,label,process,sf_field,sf_value,is_default",
        "Lead,Migrated_Lead,Migrated Lead,Migrated Leads,Status,Dormant,true",
    )


def test_custom_picklists_take_their_values_from_the_marts(project: Project) -> None:
    build(project)
    contracts = read_contracts(project.manifest, [project.field_map_file])
    found = values_in_marts(contracts, project.warehouse, set())
    assert found == {("Account", "Tier__c"): ["Gold", "Tin"], ("Account", "Topics__c"): ["a", "b", "c"]}
    assert ("Account", "Tier__c") not in values_in_marts(
        contracts, project.warehouse, {("Account", "Tier__c")}
    )


def test_a_package_can_be_written_without_an_org(project: Project) -> None:
    build(project)
    outcome = CliRunner().invoke(schema, ["write", "--to", "package", "--offline"])
    assert outcome.exit_code == 0, outcome.output
    with zipfile.ZipFile("package/mdapi.zip") as archive:
        names = archive.namelist()
        assert "CustomField" in members(archive.read("package.xml"))
    assert "objects/Account.object" in names
    assert not any("standardValueSets" in name for name in names)
    assert Path("package/sfdx/force-app/main/default/objects/Account/fields/Tier__c.field-meta.xml").is_file()
    assert "LeadStatus" in Path("package/SETUP.md").read_text(encoding="utf-8")


def picklist(name: str, field: str) -> list[str]:
    """Values that the org describes."""
    fields = Org(read_target()).request("GET", f"sobjects/{name}/describe").json()["fields"]
    found: list[dict[str, Any]] = next(one["picklistValues"] for one in fields if one["name"] == field)
    return [one["value"] for one in found]


@pytest.mark.requirement("MAU-21", "ACT-19", "Z32", "MAU-05")
def test_an_org_takes_the_package_and_keeps_its_own(project: Project, start_target: Start) -> None:
    build(project)
    start_target(declare=None, field_security=True)
    missing = {(one.code, one.field) for one in check_target(None)}
    assert {
        ("FIELD_MISSING", "Tier__c"),
        ("PICKLIST_VALUE_MISSING", "Industry"),
        ("PICKLIST_VALUE_MISSING", "Status"),
    } <= missing
    before = picklist("Lead", "Status")

    plan = {(one.component.type, one.component.name): one.state for one in compare_target(None)}
    assert plan["CustomField", "Account.Tier__c"] == "new"
    assert plan["StandardValueSet", "LeadStatus"] == "changed"
    trial = deploy_target(None, check_only=True, confirmed=False)
    assert "would be deployed" in trial[0]
    assert ("FIELD_MISSING", "Tier__c") in {(one.code, one.field) for one in check_target(None)}

    deploy_target(None, check_only=False, confirmed=False, grant=False)
    hidden = {(one.code, one.field) for one in check_target(None)}
    assert ("FIELD_HIDDEN", "Tier__c") in hidden
    assert picklist("Lead", "Status") == [*before, "Dormant"]

    again = deploy_target(None, check_only=False, confirmed=False)
    assert check_target(None) == []
    assert {one.state for one in compare_target(None)} == {"same"}
    assert project.load().exit_code == 0
    rows = project.query("SELECT Tier__c, Topics__c, Size__c FROM Account WHERE Source_System_ID__c = 'a:1'")
    assert rows == [{"Tier__c": "Gold", "Topics__c": "a;b", "Size__c": 1.5}]
    assert again[-1].endswith(f"has {FIELDS_SET}, {LOAD_SET}.")


def test_a_refused_deployment_names_the_component(project: Project, start_target: Start) -> None:
    build(project)
    project.field_map("company,bad,Account,Bad__Name__c,Text,40,,,Bad,confirmed,")
    start_target(declare=None)
    outcome = CliRunner().invoke(schema, ["deploy"])
    assert outcome.exit_code == 1
    assert "Bad__Name__c" in outcome.output
