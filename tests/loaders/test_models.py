"""The dbt models end to end, on a tiny hand-written Mautic: what becomes of whom, and what stops a build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from model_fixtures import LONG_NAME, ModelProject, land_org, new_project

from loaders.salesforce.manifest import read_contracts

CUSTOMER = "lifecycle_stage,Customer,Contact,,,paid at least once"
MOVING = ("mautic_values", "int_people_split", "int_custom_fields", "sf_contacts", "sf_leads")
MOVED = "lifecycle_stage,Customer,Lead,Status,Working - Contacted,"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ModelProject:
    """The project as it is, built from the hand-written Mautic. Tests that change something copy it."""
    project = new_project(tmp_path_factory.mktemp("models") / "project")
    result = project.dbt("build")
    assert result.returncode == 0, result.stdout[-4000:]
    (project.folder / "build.txt").write_text(result.stdout, encoding="utf-8")
    return project


def _objects(project: ModelProject) -> dict[str, str]:
    """Mart by record key of all people."""
    return dict(
        project.query(
            "select record_key, 'Contact' from marts.sf_contacts"
            " union all select record_key, 'Lead' from marts.sf_leads"
        )
    )


@pytest.mark.requirement("MAU-01")
@pytest.mark.requirement("SRC-01")
def test_every_person_arrives_where_stage_and_company_say(built: ModelProject) -> None:
    """Customer and evangelist with a company are Contacts; the others, and those without stage, are Leads."""
    assert _objects(built) == {
        "mautic:contact:1": "Contact",
        "mautic:contact:2": "Lead",
        "mautic:contact:3": "Lead",
        "mautic:contact:6": "Lead",
        "mautic:contact:7": "Contact",
        "mautic:contact:8": "Lead",
        "mautic:contact:9": "Lead",
    }
    fates = dict(built.query("select record_key, fate from audit.audit_record_fate"))
    assert fates["mautic:contact:4"] == "excluded: anonymous visitor"
    assert fates["mautic:contact:5"] == "merged into mautic:contact:1"
    assert fates["mautic:company:2"] == "merged into mautic:company:1"
    assert fates["mautic:contact:2"] == "awaiting load as Lead"
    assert len(fates) == 9 + 5 + 3, "contacts, companies and the links between them"


@pytest.mark.requirement("MAU-02")
@pytest.mark.requirement("COM-05")
def test_companies_are_matched_by_domain_and_contacts_follow(built: ModelProject) -> None:
    """Two spellings of one website are one Account, two shops at gmail.com are two."""
    accounts = {
        key: (name, website)
        for key, name, website in built.query(
            "select record_key, account_name, website from marts.sf_accounts"
        )
    }
    assert accounts == {
        "mautic:company:1": ("Acme & Sons", "https://www.acme.example"),
        "mautic:company:3": ("nameless.example", "nameless.example"),
        "mautic:company:4": ("Corner Shop", None),
        "mautic:company:5": ("Tea House", None),
    }
    assert built.query("select phone, industry from marts.sf_accounts where record_key like '%:1'") == [
        ("+15550100", "Energy")
    ]
    assert dict(built.query("select record_key, account_key from marts.sf_contacts")) == {
        "mautic:contact:1": "mautic:company:1",
        "mautic:contact:7": "mautic:company:1",
    }


@pytest.mark.requirement("SFG-04")
def test_further_companies_of_a_person_are_kept(built: ModelProject) -> None:
    """The duplicate's company is not lost: it waits as a further company of the survivor."""
    assert built.query(
        "select account_key, is_primary from intermediate.int_account_people"
        " where person_key = 'mautic:contact:1' order by 1"
    ) == [("mautic:company:1", True), ("mautic:company:3", False)]


@pytest.mark.requirement("MAU-01")
@pytest.mark.requirement("MAU-06")
@pytest.mark.requirement("RUD-04")
def test_fields_of_merged_people_survive_one_by_one(built: ModelProject) -> None:
    """Values come from the survivor, and from the duplicate where it has none; custom fields too."""
    row = built.query(
        "select salutation, last_name, email, mobile_phone, lead_score, stage, mailing_country, custom_fields"
        " from marts.sf_contacts where record_key = 'mautic:contact:1'"
    )[0]
    assert row[:-1] == ("Ms.", "O'Hara", "mia@client.example", "01715550101", 42, "Customer", "Türkiye")
    assert json.loads(row[-1]) == {
        "Birthdate": "1980-02-29",
        "Facebook__c": "mia.ohara",
        "Is_Partner__c": "true",
        "Product_Interests__c": "crm;analytics",
        "Sales_Notes__c": "one\ntwo",
        "Yearly_Budget__c": "10.5",
    }
    assert list(json.loads(row[-1])) == sorted(json.loads(row[-1]))


@pytest.mark.requirement("RUD-07")
def test_defaults_are_counted_by_rule(built: ModelProject) -> None:
    """Each default has an id, and the audit knows how often it was used."""
    uses = dict(built.query("select rule, records from audit.audit_rule_uses where records > 0"))
    assert uses == {
        "account_name_from_domain": 1,
        "website_from_email": 1,
        "last_name_default": 1,
        "lead_company_default": 5,
        "stage_without_company": 2,
    }


@pytest.mark.requirement("C3")
def test_values_that_salesforce_refuses_are_findings(built: ModelProject) -> None:
    """A name of 300 characters and a wrong address are found with key and field; values are not printed."""
    assert built.query("select record_key, field, rule, length from audit.audit_unfit_values order by 1") == [
        ("mautic:contact:6", "LastName", "length", 300),
        ("mautic:contact:8", "Email", "email", 10),
    ]
    printed = (built.folder / "build.txt").read_text(encoding="utf-8")
    assert "fits_salesforce: mautic:contact:6: LastName has 300 characters, 80 are allowed" in printed
    assert LONG_NAME not in printed
    assert "no address" not in printed


@pytest.mark.requirement("C7")
@pytest.mark.requirement("COM-03")
def test_field_diffs_find_exactly_the_cells_that_differ(built: ModelProject, tmp_path: Path) -> None:
    """Other spellings of a value are no difference; a changed cell, a wrong parent and a lost record are."""
    project = built.copy(tmp_path / "org")
    contracts = read_contracts(project.manifest, [project.folder / "seeds/maps/mautic_fields.csv"])
    payloads = land_org(project, contracts)
    changed = {**payloads["mautic:contact:1"], "Yearly_Budget__c": "11", "AccountId": "acc-of-nobody"}
    payload = json.dumps(changed).replace("'", "''")
    project.execute(
        f"update raw_salesforce.records set payload = '{payload}' where record_key = 'mautic:contact:1'",
        "delete from raw_salesforce.records where record_key = 'mautic:contact:3'",
        "update raw_salesforce.ledger_records set sf_id = null, error_code = 'INVALID_EMAIL_ADDRESS'"
        " where record_key = 'mautic:contact:8'",
        "delete from raw_salesforce.records where record_key = 'mautic:contact:8'",
        "insert into raw_salesforce.records"
        " values ('Lead', '00Qleft', 'mautic:contact:7', false, '{}', null)",
    )
    result = project.dbt("run", "-s", "audit_field_diffs", "audit_counts", "audit_record_fate")
    assert result.returncode == 0, result.stdout[-4000:]
    diffs = project.query("select record_key, field, expected, actual, finding from audit.audit_field_diffs")
    lost = project.query(
        "select sf_id from raw_salesforce.ledger_records where record_key = 'mautic:contact:3'"
    )
    assert sorted(diffs) == [
        ("mautic:contact:1", "AccountId", "mautic:company:1", "acc-of-nobody", "different"),
        ("mautic:contact:1", "Yearly_Budget__c", "10.5", "11", "different"),
        ("mautic:contact:3", "Id", lost[0][0], None, "accepted, but not in the org"),
    ]
    fates = dict(project.query("select record_key, fate from audit.audit_record_fate"))
    assert fates["mautic:contact:1"] == "loaded as Contact"
    assert fates["mautic:contact:8"] == "rejected: INVALID_EMAIL_ADDRESS"
    assert project.query(
        "select rows_in_mart, rows_accepted, rows_rejected, rows_in_org, rows_left_over, within_tolerance"
        " from audit.audit_counts where mart = 'leads'"
    ) == [(5, 4, 1, 3, 1, False)]


@pytest.mark.requirement("MAU-01")
def test_one_changed_line_moves_exactly_those_people(built: ModelProject, tmp_path: Path) -> None:
    """Customer becomes a Lead: who is one with a company moves, nobody else, and the signed matrix fails."""
    project = built.copy(tmp_path / "changed")
    project.replace("seeds/maps/mautic_values.csv", CUSTOMER, MOVED)
    result = project.dbt("build", "-s", *MOVING, "--exclude-resource-types", "unit_test", "test")
    assert result.returncode == 0, result.stdout[-4000:]
    before, after = _objects(built), _objects(project)
    assert {key: after[key] for key in after if after[key] != before[key]} == {"mautic:contact:1": "Lead"}
    assert before.keys() == after.keys()
    unit_test = "the_lifecycle_stage_decides_between_lead_and_contact"
    result = project.dbt("test", "-s", unit_test)
    assert result.returncode == 1
    assert f"FAIL 1 int_people_split::{unit_test}" in result.stdout


@pytest.mark.requirement("MAU-01")
@pytest.mark.requirement("C10")
def test_what_nobody_decided_stops_the_build_and_names_itself(tmp_path: Path) -> None:
    """An unmapped stage, a new column, a new field and a misspelt column are all named in one build."""
    project = new_project(tmp_path / "undecided")
    project.execute(
        "insert into raw_mautic.stages (id, name) values (6, 'Hot Prospect')",
        "update raw_mautic.leads set stage_id = 6 where id in (2, 3)",
        "alter table raw_mautic.leads add column shoe_size varchar",
        "insert into raw_mautic.lead_fields (id, object, alias, label, type)"
        " values (9, 'lead', 'hat_size', 'Hat size', 'number')",
    )
    project.replace(
        "models/staging/mautic/stg_mautic__accounts.sql", "        state,\n", "        state as stat,\n"
    )
    result = project.dbt("build")
    assert result.returncode == 1
    for text in (
        'every_value_is_mapped: mautic lifecycle_stage "Hot Prospect" (2 records): '
        "add a line to seeds/maps/mautic_values.csv",
        "assert_every_source_column_is_decided: mautic column leads.shoe_size: "
        "add a line to seeds/maps/mautic_fields.csv",
        "assert_every_registered_field_is_decided: mautic contact field hat_size is registered as",
    ):
        assert text in result.stdout
    assert "stat " in result.stdout and "missing in contract" in result.stdout
    marts = project.query("select table_name from information_schema.tables where table_schema = 'marts'")
    assert not {"sf_accounts", "sf_contacts", "sf_leads", "sf_tasks"} & {name for (name,) in marts}


@pytest.mark.requirement("C7")
def test_a_forgotten_fate_breaks_the_conservation_law(built: ModelProject, tmp_path: Path) -> None:
    """Without the branch for anonymous visitors one record has no fate, and the test names it."""
    project = built.copy(tmp_path / "forgotten")
    branch = "    from visitors\n"
    project.replace("models/audit/audit_record_fate.sql", f"{branch}\n", f"{branch}    where false\n")
    result = project.dbt("build", "-s", "audit_record_fate", "assert_every_record_has_one_fate")
    assert result.returncode == 1
    assert "assert_every_record_has_one_fate: mautic:contact:4 has 0 fates instead of one" in result.stdout


def test_a_fresh_clone_builds_empty_and_says_what_to_land(tmp_path: Path) -> None:
    """Nothing landed is no error: every table is there, empty, and one line names the command."""
    project = new_project(tmp_path / "fresh", {})
    project.warehouse.unlink()
    result = project.dbt("build")
    assert result.returncode == 0, result.stdout[-4000:]
    assert "Run: refresh-raw --source mautic" in result.stdout
    assert project.query("select count(*) from marts.sf_leads") == [(0,)]
    assert project.query("select comment from duckdb_tables() where table_name = 'leads'") == [
        ("not landed yet",)
    ]
