"""Everything that hangs on people and companies, end to end on a tiny hand-written Mautic: one check per mapping row."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from activity_fixtures import FILTERS, WITH_ACTIVITY
from model_fixtures import ModelProject, new_project

ONE, TWO, THREE = (f"mautic:contact:{number}" for number in (1, 2, 3))
# what only reads the marts has tests of its own
BUILD = (*("build", "--exclude-resource-types", "unit_test"),)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ModelProject:
    """The project as it is, built with one or two rows of everything; its data tests have passed."""
    project = new_project(tmp_path_factory.mktemp("activity") / "project", WITH_ACTIVITY)
    result = project.dbt(*BUILD)
    assert result.returncode == 0, result.stdout[-6000:]
    return project


def fates(project: ModelProject) -> dict[str, str]:
    """Fate by record key."""
    return dict(project.query("select record_key, fate from audit.audit_record_fate"))


@pytest.mark.requirement("MAU-03")
@pytest.mark.requirement("RUD-28")
def test_members_are_people_once_and_keep_their_state(built: ModelProject) -> None:
    """Contact 5 was merged into 1: one member, the active one, with the earlier date; who was excluded says why."""
    members = built.query(
        "select campaign_key, lead_key, contact_key, status, source_status, joined_at::varchar"
        " from marts.sf_campaign_members order by record_key"
    )
    assert members == [
        ("mautic:campaign:1", None, ONE, "Active", "active", "2024-02-01 10:00:00"),
        ("mautic:campaign:1", TWO, None, "Active", "active, added by hand", "2024-03-02 10:00:00"),
        ("mautic:campaign:1", THREE, None, "Sent", "received an e-mail", "2024-03-06 10:00:00"),
    ]
    told = fates(built)
    assert told["mautic:campaign_member:1-5"] == "merged into mautic:campaign_member:1-1"
    assert told["mautic:campaign_member:1-4"] == "excluded: anonymous visitor"
    assert told["mautic:campaign_member:1-99"] == "excluded: no such person"
    assert told["mautic:campaign_member:2-1"] == "excluded: campaign status"
    assert told["mautic:campaign:2"] == "excluded: campaign status"
    assert built.query("select label, has_responded from marts.sf_campaign_member_statuses") == [
        ("Active", False)
    ]


@pytest.mark.requirement("MAU-03")
@pytest.mark.requirement("MAU-12")
def test_a_campaign_has_dates_status_and_category(built: ModelProject) -> None:
    assert built.query(
        "select campaign_name, status, type, is_active, start_date::varchar, category_path, owner_email"
        " from marts.sf_campaigns where source_kind = 'campaign'"
    ) == [
        (
            "Spring",
            "In Progress",
            "Marketing Automation",
            True,
            "2024-01-01",
            "campaign / Events",
            "anna@corp.example",
        )
    ]


@pytest.mark.requirement("MAU-04")
@pytest.mark.requirement("Z02")
def test_a_segment_is_a_rule_without_members(built: ModelProject) -> None:
    """The rule stands in the description as JSON, with the name of the tag behind its id; nobody is a member."""
    rows = built.query(
        "select is_informational, description from marts.sf_campaigns where source_kind = 'segment'"
    )
    assert [row[0] for row in rows] == [True]
    definition = json.loads(rows[0][1].split("Definition (JSON):\n")[1])
    assert definition["filters"] == [{**json.loads(FILTERS)[0], "names": ["VIP"]}]
    assert built.query(
        "select count(*) from marts.sf_campaign_members where campaign_key like '%segment%'"
    ) == [(0,)]


@pytest.mark.requirement("MAU-13")
@pytest.mark.requirement("Z13")
@pytest.mark.requirement("Z18")
@pytest.mark.requirement("COM-06")
def test_one_task_and_one_message_per_email(built: ModelProject) -> None:
    """E-mails of merged contacts belong to the survivor; only the Contact's Task names its Campaign beside it."""
    tasks = built.query(
        "select record_key, who_key, what_key, source_campaign, subject, created_at::varchar"
        " from marts.sf_tasks where type = 'Email' order by record_key"
    )
    assert tasks == [
        ("mautic:email_stat:1", ONE, "mautic:campaign:1", "Spring", "Hi Mia", "2024-03-03 23:30:05"),
        ("mautic:email_stat:2", THREE, None, "Spring", "New", "2024-03-06 10:00:00"),
        ("mautic:email_stat:4", TWO, None, "VIPs", "New", "2024-03-07 00:00:00"),
    ]
    messages = built.query(
        "select record_key, activity_key, html_body, from_address, to_address, status"
        " from marts.sf_email_messages order by record_key"
    )
    assert [row[:2] for row in messages] == [(key, key) for key, *_ in tasks]
    assert messages[0][2:] == ("<p>Mia</p>", "news@corp.example", "mia@client.example", "3")
    told = fates(built)
    assert told["mautic:email_stat:3"] == "excluded: person was deleted in the source"
    assert told["mautic:email_stat:5"] == "excluded: anonymous visitor"


@pytest.mark.requirement("MAU-13")
@pytest.mark.requirement("Z17")
def test_opens_clicks_bounces_and_replies_are_kept_once(built: ModelProject) -> None:
    assert built.query(
        "select open_count, click_count, bounce_count, reply_count, last_clicked_at::varchar,"
        " source_occurred_at::varchar, activity_date::varchar, bounce_reason"
        " from marts.sf_tasks where record_key in ('mautic:email_stat:1', 'mautic:email_stat:2') order by record_key"
    ) == [
        (2, 2, 0, 1, "2024-03-04 09:00:00", "2024-03-03 23:30:05", "2024-03-03", None),
        (0, 0, 1, 0, None, "2024-03-06 10:00:00", "2024-03-06", "mailbox full"),
    ]


@pytest.mark.requirement("Z14")
def test_only_leads_get_a_relation(built: ModelProject) -> None:
    assert built.query(
        "select email_message_key, lead_key, relation_type from marts.sf_email_message_relations order by 1"
    ) == [
        ("mautic:email_stat:2", THREE, "ToAddress"),
        ("mautic:email_stat:4", TWO, "ToAddress"),
    ]


@pytest.mark.requirement("COM-07")
@pytest.mark.requirement("MAU-23")
def test_a_note_is_a_task_of_its_author(built: ModelProject) -> None:
    assert built.query(
        "select who_key, owner_email, type, task_subtype, subject, description, source_occurred_at::varchar"
        " from marts.sf_tasks where type <> 'Email'"
    ) == [(ONE, "anna@corp.example", "Call", "Call", "Called", "Called\nagain", "2024-03-01 10:00:00")]


@pytest.mark.requirement("MAU-06")
@pytest.mark.requirement("MAU-07")
@pytest.mark.requirement("MAU-12")
def test_tags_scores_and_wishes_of_all_records_reach_the_person(built: ModelProject) -> None:
    columns = (
        "tags, tag_list, group_scores, category_path, opted_out_of_email, opted_out_of_sms, opt_out_reason"
    )
    assert built.query(f"select {columns} from marts.sf_contacts where record_key = '{ONE}'") == [
        ("VIP;a,b", None, "Fit: 7", None, True, False, "email: unsubscribed")
    ]
    assert built.query(
        f"select {columns} from marts.sf_leads where record_key in ('{TWO}', '{THREE}') order by record_key"
    ) == [
        ("a,b", None, None, "global / News", False, False, None),
        (None, None, None, None, False, True, "sms: manual"),
    ]


@pytest.mark.requirement("MAU-09")
def test_assets_are_files_that_show_at_their_campaign(built: ModelProject) -> None:
    assert built.query(
        "select record_key, title, path_on_client, local_path, sha256, download_count, source_url from marts.sf_files"
    ) == [("mautic:asset:1", "Guide", "Guide.pdf", "ff.pdf", "ff", 3, "/asset/1:guide")]
    assert built.query("select file_key, linked_key from marts.sf_file_links") == [
        ("mautic:asset:1", "mautic:campaign:1")
    ]
    assert fates(built)["mautic:asset:2"] == "excluded: file missing"


@pytest.mark.requirement("MAU-08")
@pytest.mark.requirement("MAU-17")
def test_custom_objects_keep_values_and_links(built: ModelProject) -> None:
    """One contact: a lookup. Two contacts: a junction record each. A visitor at the other end: counted, not dangling."""
    rows = built.query(
        "select record_key, sf_object, fields, lookups from marts.sf_custom_records order by record_key"
    )
    read = {
        key: (thing, json.loads(values or "{}"), json.loads(links or "{}"))
        for key, thing, values, links in rows
    }
    assert read == {
        "mautic:custom_item:1": ("Product__c", {"Weight__c": "250"}, {}),
        "mautic:custom_item:2": (
            "Enrolment__c",
            {},
            {"Contact__c": ONE, "Product__c": "mautic:custom_item:1"},
        ),
        "mautic:custom_item:3": (
            "Contract__c",
            {"Options__c": "sla;training", "Next_Review__c": "2024-05-01T10:00:00.000Z"},
            {"Account__c": "mautic:company:1"},
        ),
        "mautic:custom_link:3-contact-1": (
            "Contract_Contact__c",
            {},
            {"Contact__c": ONE, "Contract__c": "mautic:custom_item:3"},
        ),
        "mautic:custom_link:3-contact-2": (
            "Contract_Contact__c",
            {},
            {"Lead__c": TWO, "Contract__c": "mautic:custom_item:3"},
        ),
    }
    assert built.query(
        "select records from audit.audit_rule_uses where rule = 'custom_link_without_end'"
    ) == [(1,)]


@pytest.mark.requirement("SFG-04")
def test_further_companies_become_relations(built: ModelProject) -> None:
    assert built.query(
        "select record_key, account_key, contact_key from marts.sf_account_contact_relations"
    ) == [("mautic:company_contact:3-5", "mautic:company:3", ONE)]
    assert fates(built)["mautic:company_contact:1-1"] == f"merged into {ONE}"


@pytest.mark.requirement("C7")
@pytest.mark.requirement("MAU-24")
def test_every_landed_record_has_a_fate(built: ModelProject) -> None:
    landed = built.query(
        "select source_entity, count(*) from staging.stg_mautic__records group by 1 order by 1"
    )
    told = built.query("select source_entity, count(*) from audit.audit_record_fate group by 1 order by 1")
    assert told == landed
    assert dict(landed)["email_stat"] == 5


@pytest.mark.requirement("MAU-04")
@pytest.mark.requirement("MAU-05")
@pytest.mark.requirement("Z01")
@pytest.mark.requirement("Z02")
@pytest.mark.requirement("MAU-07")
def test_the_other_policies_build_as_well(built: ModelProject, tmp_path: Path) -> None:
    """Topics, a snapshot of segments, no content and a rule in a file: all data tests pass, the file has its checksum."""
    project = built.copy(tmp_path / "policies")
    policies = {
        "description_limit": 150,
        "tags_as": "topics",
        "categories_as": "topics",
        "snapshot_segments": True,
        "email_content": "none",
        "stage_model": "custom",
    }
    values = project.folder / "seeds/maps/mautic_values.csv"
    text = values.read_text(encoding="utf-8")
    signed = "lifecycle_stage,Customer,Contact,,,"
    line = next(line for line in text.splitlines() if line.startswith(signed))
    for stage in ("Customer", "Evangelist"):
        text += line.replace(signed, f"contact_stage,{stage},,Contact_Stage__c,{stage} Stage,") + "\n"
    values.write_text(text, encoding="utf-8")
    result = project.dbt(*BUILD, "--vars", json.dumps(policies))
    assert result.returncode == 0, result.stdout[-6000:]
    assert project.query("select topic_name from marts.sf_topics order by 1") == [
        ("VIP",),
        ("a;b",),
        ("campaign / Events",),
        ("global / News",),
    ]
    assert project.query(
        "select count(*) from marts.sf_campaign_members where campaign_key like '%segment%'"
    ) == [(2,)]
    assert project.query("select count(html_body) from marts.sf_email_messages") == [(0,)]
    assert project.query("select contact_stage from marts.sf_contacts order by 1") == [
        ("Customer Stage",),
        ("Evangelist Stage",),
    ]
    path, checksum = project.query(
        "select local_path, sha256 from marts.sf_files where record_key like '%definition%'"
    )[0]
    written = (project.folder / "data/files" / path).read_bytes()
    assert hashlib.sha256(written).hexdigest() == checksum
    assert json.loads(written)["segment"] == "VIPs"


@pytest.mark.requirement("RUD-24")
@pytest.mark.requirement("MAU-08")
@pytest.mark.requirement("C10")
def test_what_nobody_decided_about_children_stops_the_build(built: ModelProject, tmp_path: Path) -> None:
    """A country unknown to the org, a note of a new kind, a channel, a custom object and a link are all named."""
    project = built.copy(tmp_path / "undecided")
    project.execute(
        "update raw_mautic.leads set country = 'Atlantis' where id = 2",
        "update raw_mautic.lead_notes set type = 'fax'",
        "update raw_mautic.lead_donotcontact set channel = 'pigeon' where id = 1",
        "insert into raw_mautic.custom_object (id, alias) values (9, 'ship')",
        "insert into raw_mautic.custom_item (id, custom_object_id, name) values (9, 9, 'Argo')",
        "insert into raw_mautic.custom_item_xref_company (custom_item_id, company_id) values (1, 1)",
    )
    result = project.dbt(*BUILD, "--vars", '{"country_policy": "picklist"}')
    assert result.returncode == 1
    for text in (
        'assert_every_country_is_known: mautic country "Atlantis" (1 records)',
        'every_value_is_mapped: mautic activity_kind "fax" (1 records)',
        'every_value_is_mapped: mautic opt_out_channel "pigeon" (1 records)',
        "assert_custom_objects_are_decided: custom_object:ship: add a line",
        "custom_object:product field company: add a line with sf_type Lookup(Account)",
    ):
        assert text in result.stdout, text
    stages = ("-s", "assert_contact_stages_are_decided", "--vars", '{"stage_model": "custom"}')
    result = project.dbt("test", *stages)
    assert 'assert_contact_stages_are_decided: mautic lifecycle_stage "Customer"' in result.stdout
