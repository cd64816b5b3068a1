"""Every mode of loading against the rehearsal org: natural keys, both passes, record types, what an org lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from edit_fixtures import call
from load_fixtures import FAST, KEY, Bench, Workspace, column, model
from modes_fixtures import USERS, fill, lookup, modes_models, point_at, text

from loaders.rehearsal.process import RunningOrg, start_org
from loaders.salesforce import send
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.schema_run import deploy_target
from loaders.salesforce.session import Org
from loaders.salesforce.targets import read_target


def _query(soql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in Org(read_target(), FAST).query(soql)]


def _marts(result: Any) -> dict[str, Any]:
    return {mart.mart: mart for mart in result.marts}


def _only(modes: Bench, *names: str) -> None:
    """Leaves only these marts in the project."""
    modes.workspace.declare([each for each in modes_models() if each["name"] in names])


# both passes


@pytest.mark.requirement("COM-05")
@pytest.mark.requirement("ACT-09")
def test_circles_within_a_mart_and_between_marts_are_closed_in_a_second_pass(modes: Bench) -> None:
    first = modes.load("accounts", "contacts")
    assert first.exit_code == 0, first.lines()
    sums = {name: (mart.new, mart.changed, mart.accepted) for name, mart in _marts(first).items()}
    assert sums == {
        "accounts": (2, 0, 2), "contacts": (3, 0, 3), "accounts.links": (0, 1, 1), "contacts.links": (0, 2, 2),
    }  # fmt: skip
    contacts = modes.records("Contact", "Manager__r.LastName", "Account.Name")
    assert (contacts["1"]["Manager__r"]["LastName"], contacts["2"]["Manager__r"]["LastName"]) == ("B", "A")
    assert modes.records("Account", "Main_Contact__r.LastName")["1"]["Main_Contact__r"]["LastName"] == "B"
    assert {mart.sent for mart in modes.load("accounts", "contacts").marts} == {0}


def test_a_link_that_went_away_is_emptied_and_one_that_changed_is_sent_alone(modes: Bench) -> None:
    modes.load("accounts", "contacts")
    modes.workspace.sql(
        "update marts.sf_contacts set manager_key = case last_name when 'A' then null else "
        f"'{modes.key('contact', 3)}' end where last_name <> 'C'"
    )
    second = _marts(modes.load("contacts"))
    assert (second["contacts"].sent, second["contacts.links"].sent) == (0, 2)
    contacts = modes.records("Contact", "Manager__r.LastName")
    assert (contacts["1"]["Manager__r"], contacts["2"]["Manager__r"]["LastName"]) == (None, "C")


def test_a_dry_run_plans_both_passes_and_sends_nothing(modes: Bench) -> None:
    planned = _marts(modes.load("accounts", "contacts", dry_run=True))
    assert (planned["contacts"].new, planned["contacts.links"].changed) == (3, 2)
    assert modes.records("Contact") == {}


@pytest.mark.requirement("C6")
def test_rollback_of_a_mart_takes_both_passes_back_and_a_new_load_sets_the_links_again(modes: Bench) -> None:
    run = modes.load("accounts", "contacts").run_id
    undone = rollback(Scope(run), pace=FAST)
    assert undone.exit_code == 0, undone.lines()
    assert (modes.records("Contact"), modes.records("Account")) == ({}, {})
    again = _marts(modes.load("accounts", "contacts"))
    assert (again["contacts"].accepted, again["contacts.links"].accepted) == (3, 2)
    assert modes.records("Contact", "Manager__r.LastName")["1"]["Manager__r"]["LastName"] == "B"


# natural keys


@pytest.mark.requirement("C2")
def test_records_without_an_external_id_are_found_by_their_natural_key(modes: Bench) -> None:
    modes.load("campaigns")
    first = _marts(modes.load("campaign_member_statuses"))["campaign_member_statuses"]
    assert (first.adopted, first.new, first.accepted) == (1, 2, 2), "the org makes Sent for every campaign"
    assert modes.load("campaign_member_statuses").marts[0].same == 3
    modes.workspace.ledger.unlink()
    modes.load("campaigns")
    lost = modes.load("campaign_member_statuses")
    assert (lost.exit_code, lost.marts[0].sent, lost.marts[0].adopted) == (0, 0, 3)
    labels = [
        row["Label"]
        for row in _query(
            f"SELECT Label FROM CampaignMemberStatus WHERE Campaign.{KEY['field']} = '{modes.key('campaign', 1)}'"
        )
    ]
    assert sorted(labels) == ["Opened", "Responded", "Sent"]


def test_two_rows_with_one_natural_key_are_one_record_and_the_second_is_held_back(modes: Bench) -> None:
    modes.load("campaigns")
    modes.workspace.sql(
        "insert into marts.sf_campaign_member_statuses "
        f"values ('{modes.key('status', 9)}', '{modes.key('campaign', 2)}', 'OPENED')"
    )
    mart = modes.load("campaign_member_statuses").marts[0]
    assert (mart.blocked, mart.refused) == (1, 0)
    assert mart.problems[0].reason == "blocked (second_of_key)"
    assert mart.problems[0].record_key == modes.key("status", 9)


def test_a_member_whom_somebody_else_added_is_taken_over_not_added_twice(modes: Bench) -> None:
    modes.load("accounts", "contacts", "leads", "campaigns", "campaign_member_statuses")
    campaign = modes.records("Campaign", "Id")["1"]["Id"]
    contact = modes.records("Contact", "Id")["1"]["Id"]
    call(modes, "POST", "CampaignMember", {"CampaignId": campaign, "ContactId": contact, "Status": "Sent"})
    mart = modes.load("campaign_members").marts[0]
    assert (mart.new, mart.changed, mart.accepted, mart.refused) == (2, 1, 3, 0), mart.problems
    assert set(modes.records("CampaignMember")) == {"1", "2", "3"}
    assert len(_query(f"SELECT Id FROM CampaignMember WHERE CampaignId = '{campaign}'")) == 2


@pytest.mark.requirement("C2")
def test_an_insert_whose_results_were_lost_in_a_crash_is_not_sent_again(
    modes: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes.load("campaigns")

    def crash(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(send, "settle", crash)
        with pytest.raises(KeyboardInterrupt):
            modes.load("campaign_member_statuses")
    modes.workspace.ledger.unlink()  # not even the job is known any more
    modes.load("campaigns")
    again = modes.load("campaign_member_statuses")
    assert (again.exit_code, again.marts[0].sent, again.marts[0].adopted) == (0, 0, 3)


def test_an_update_by_e_mail_leaves_two_people_with_one_address_alone(modes: Bench) -> None:
    staff = [column("record_key"), text("user_email", "Email", 128), text("title", "Title", 80)]
    modes.workspace.declare([model("sf_staff", staff, object="User", mode="update", natural_key="Email")])
    modes.workspace.mart(
        "sf_staff",
        "select * from (values ('x:1', 'Owner@example.com', 'Boss'), ('x:2', 'twin@example.com', 'Twin')) "
        "as rows_of(record_key, user_email, title)",
    )
    mart = modes.load().marts[0]
    assert (mart.accepted, mart.blocked) == (1, 1)
    assert mart.problems[0].reason == "blocked (several_in_org)"
    assert {row["Title"] for row in _query("SELECT Title FROM User WHERE Email = 'twin@example.com'")} == {
        None
    }


# who and what


@pytest.mark.requirement("COM-05")
@pytest.mark.requirement("COM-06")
def test_activities_point_to_leads_contacts_accounts_and_campaigns(modes: Bench) -> None:
    parents = ("accounts", "contacts", "leads", "campaigns")
    result = modes.load(*parents, "tasks")
    assert result.exit_code == 0, result.lines()
    tasks = modes.records("Task", "Who.Type", "What.Type", "CreatedDate")
    types = {
        number: tuple((task[end] or {}).get("Type") for end in ("Who", "What"))
        for number, task in tasks.items()
    }
    assert types == {"1": ("Lead", None), "2": ("Contact", "Account"), "3": (None, "Campaign")}
    assert tasks["1"]["CreatedDate"].startswith("2016-06-06T06:06:06")


@pytest.mark.requirement("Z18")
def test_a_lead_with_something_it_is_about_is_predicted_with_the_orgs_code(modes: Bench) -> None:
    modes.workspace.sql(
        f"update marts.sf_tasks set what_key = '{modes.key('campaign', 1)}' where subject = 'call'"
    )
    parents = ("accounts", "contacts", "leads", "campaigns")
    result = modes.load(*parents, "tasks", preflight=True)
    told = [line for line in modes.lines if "FIELD_INTEGRITY_EXCEPTION" in line]
    assert len(told) == 1 and modes.key("task", 1) in told[0]
    assert [problem.reason for problem in _marts(result)["tasks"].problems] == ["FIELD_INTEGRITY_EXCEPTION"]


def test_a_row_whose_parent_could_be_in_two_marts_names_both(modes: Bench) -> None:
    modes.load("accounts", "campaigns")
    mart = _marts(modes.load("tasks"))["tasks"]
    assert mart.problems[0].next_step.startswith("load-sf --mart leads --mart contacts, then")


# what nobody can update


@pytest.mark.requirement("Z15")
def test_a_sent_email_that_changed_is_listed_and_not_sent(modes: Bench) -> None:
    everything = [name.removeprefix("sf_") for name in ("sf_accounts", "sf_contacts", "sf_leads")]
    modes.load(*everything, "campaigns", "tasks", "email_messages")
    assert modes.records("EmailMessage", "ActivityId")["1"]["ActivityId"]
    modes.workspace.sql("update marts.sf_email_messages set subject = 'Changed'")
    result = modes.load("email_messages")
    mart = result.marts[0]
    assert (mart.differing, mart.sent, result.exit_code) == (1, 0, 0)
    assert mart.problems[0].record_key == modes.key("mail", 1)
    assert modes.records("EmailMessage", "Subject")["1"]["Subject"] == "Hello"


def test_insert_only_values_are_sent_once_and_not_over_what_the_org_has(modes: Bench) -> None:
    phone = text("phone", "Phone", 40, insert_only=True)
    models = modes_models()
    models[0]["columns"]["phone"] = phone
    modes.workspace.declare([models[0], models[1]])
    modes.workspace.sql("alter table marts.sf_accounts add column phone varchar default '1'")
    modes.load("accounts")
    modes.workspace.sql("update marts.sf_accounts set phone = '2'")
    assert modes.load("accounts").marts[0].same == 2, "a change of it is none"
    modes.workspace.sql("update marts.sf_accounts set account_name = 'New' where account_name = 'One'")
    modes.load("accounts")
    modes.workspace.ledger.unlink()
    modes.load("accounts")
    accounts = modes.records("Account", "Name", "Phone")
    assert {number: (one["Name"], one["Phone"]) for number, one in accounts.items()} == {
        "1": ("New", "1"), "2": ("Two", "1"),
    }  # fmt: skip


# what an org lacks


@pytest.fixture
def bare_org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An org without the right to set audit fields."""
    users, manifest = tmp_path / "users.csv", tmp_path / "bare.json"
    users.write_text(USERS, encoding="utf-8")
    Workspace(tmp_path).declare(modes_models(), manifest)
    with start_org(declare=manifest, users=users, audit_fields=False) as org:
        point_at(org, monkeypatch)
        yield org


@pytest.mark.requirement("Z16")
def test_audit_fields_are_left_out_and_said_so_where_the_org_forbids_them(
    workspace: Workspace, bare_org: RunningOrg
) -> None:
    workspace.declare([each for each in modes_models() if each["name"] == "sf_leads"])
    fill(workspace, "bare", "sf_leads")
    bench = Bench(workspace, bare_org, "bare", [])
    result = bench.load(preflight=True)
    assert (result.exit_code, result.marts[0].accepted) == (0, 1), result.lines()
    assert "Lead.CreatedDate left out" in "\n".join(result.lines())
    assert not bench.records("Lead", "CreatedDate")["1"]["CreatedDate"].startswith("2015")


@pytest.mark.requirement("Z28")
def test_a_mart_without_a_place_in_the_org_is_left_out_counted_and_its_stand_in_loaded(modes: Bench) -> None:
    tickets = [column("record_key", KEY), text("subject", "Subject")]
    insert = {"mode": "insert_if_absent", "key": "Source_System_ID__c"}
    cases = {"object": "Case", "requires": ["Case", "Ticket__c"], "fallback": "sf_ticket_tasks", **insert}
    stand_in = {"object": "Task", "instead_of": "sf_cases", **insert}
    modes.workspace.declare(
        [model("sf_cases", tickets, **cases), model("sf_ticket_tasks", tickets, **stand_in)]
    )
    rows = f"select '{modes.key('ticket', 1)}' as record_key, 'Broken' as subject"
    for name in ("sf_cases", "sf_ticket_tasks"):
        modes.workspace.mart(name, rows)
    result = modes.load(preflight=True)
    marts = _marts(result)
    assert (result.exit_code, marts["cases"].rows_left_out, marts["ticket_tasks"].accepted) == (0, 1, 1)
    told = "\n".join(result.lines())
    assert "cases left out (1 row(s)): the org does not have Ticket__c" in told
    assert "sf_ticket_tasks takes their place" in told
    modes.workspace.declare(
        [
            model("sf_cases", tickets, **{**cases, "requires": "Case"}),
            model("sf_ticket_tasks", tickets, **stand_in),
        ]
    )
    there = _marts(modes.load(dry_run=True))
    assert (there["cases"].left_out, there["ticket_tasks"].rows_left_out) == ("", 1)


# what the org has of itself


def test_a_standard_price_book_is_found_by_what_it_is_and_named_by_its_record_key(modes: Bench) -> None:
    books = model(
        "sf_pricebooks",
        [column("record_key"), column("is_standard", {"field": "IsStandard", "type": "Checkbox"})],
        object="Pricebook2",
        mode="match",
        natural_key="IsStandard",
    )
    deals = model(
        "sf_opportunities",
        [
            text("deal_key", "Description", 120),
            column("record_key"),
            text("name", "Name", 120),
            text("stage", "StageName", 40),
            column("close_date", {"field": "CloseDate", "type": "Date"}),
            lookup("pricebook_key", "Pricebook2Id", "sf_pricebooks"),
        ],
        object="Opportunity",
        mode="insert_if_absent",
        natural_key="Name",
    )
    modes.workspace.declare([books, deals])
    modes.workspace.mart(
        "sf_pricebooks", "select 'salesforce:pricebook:standard' as record_key, true as is_standard"
    )
    modes.workspace.mart(
        "sf_opportunities",
        f"select '{modes.source}:deal:1' as record_key, 'x' as deal_key, 'Deal {modes.source}' as name, "
        "'Prospecting' as stage, date '2027-01-01' as close_date, 'salesforce:pricebook:standard' as pricebook_key",
    )
    result = modes.load(preflight=True)
    assert result.exit_code == 0, result.lines()
    found = _query(f"SELECT Pricebook2.IsStandard FROM Opportunity WHERE Name = 'Deal {modes.source}'")
    assert found[0]["Pricebook2"]["IsStandard"] is True


def test_record_types_are_named_in_the_mart_and_missing_ones_are_blockers_by_name(
    modes: Bench,
) -> None:
    fields = [
        text("branch", "Name"),
        column("kind", {"field": "RecordTypeId", "type": "Lookup", "record_type": True}),
    ]
    modes.workspace.declare(
        [
            model("sf_branches", [column("record_key"), *fields], object="Account", mode="insert_if_absent",
                  natural_key="Name")
        ]
    )  # fmt: skip
    modes.workspace.mart(
        "sf_branches",
        f"select '{modes.source}:branch:' || i as record_key, 'S{modes.source} ' || i as branch, "
        f"case i when 1 then 'Kind_{modes.source}' when 2 then 'Nobody_Made' end as kind from range(1, 4) as r(i)",
    )
    seeds = modes.workspace.path / "seeds" / "salesforce"
    seeds.mkdir()
    (seeds / "record_types.csv").write_text(
        "sf_object,record_type,label,process,sf_field,sf_value,is_default\n"
        f"Account,Kind_{modes.source},Kind,,,,\n"
    )
    deploy_target(None, check_only=False, confirmed=True)
    refused = modes.load(dry_run=True, preflight=True)
    told = "\n".join(modes.lines)
    assert "RECORD_TYPE_MISSING The record type Nobody_Made of Account is missing or not active" in told
    assert refused.marts[0].blocked == 1
    result = modes.load()
    assert (result.marts[0].accepted, result.marts[0].blocked) == (2, 1)
    assert "the record type Nobody_Made of Account" in result.marts[0].problems[0].text
    cases = _query(f"SELECT Name, RecordType.DeveloperName FROM Account WHERE Name LIKE 'S{modes.source} %'")
    kinds = {case["Name"][-1]: (case["RecordType"] or {}).get("DeveloperName") for case in cases}
    assert kinds["1"] == f"Kind_{modes.source}" and set(kinds) == {"1", "3"}
