"""Preflight over small marts: rows, gates, automation and limits. No org: describes are values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from schema_fixtures import KEY_FIELD, account, accounts, run, state, text

from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.describe import (
    Automation,
    DescribedObject,
    Limit,
    OrgState,
    OrgUser,
)
from loaders.salesforce.field_map import read_field_map
from loaders.salesforce.findings import summary
from loaders.salesforce.preflight import Preflight, preflight

ONE = {"accounts": "select 'a:1' as record_key, 'Acme' as account_name"}


def codes(result: Preflight) -> list[str]:
    return [one.code for one in result.findings]


@pytest.mark.requirement("COM-04")
def test_a_proposed_map_line_closes_the_gate(tmp_path: Path) -> None:
    file = tmp_path / "mautic_fields.csv"
    header = (
        "source_entity,source_field,sf_object,sf_field,sf_type,length,precision,scale,label,status,note\n"
    )
    file.write_text(
        header + "company,colour,Account,Colour__c,Text,10,,,Colour,proposed,\n", encoding="utf-8"
    )
    result, _ = run({"accounts": accounts()}, state(account()), ONE, map_lines=read_field_map(file))
    assert [one.severity for one in result.findings if one.code == "MAP_LINE_PROPOSED"] == ["blocker"]


def test_active_automation_is_named() -> None:
    org = state(
        account(),
        automation=(
            Automation("validation rule", "Account", "Name_Must_Shout"),
            Automation("duplicate rule", "Account", "Standard_Account"),
            Automation("duplicate rule", "Case", "Elsewhere"),
        ),
        notes=("The active flows cannot be listed (NOT_FOUND).",),
    )
    result, _ = run({"accounts": accounts()}, org, ONE)
    found = {one.code: one for one in result.findings}
    assert found["ACTIVE_VALIDATION_RULES"].severity == "warning"
    assert "Name_Must_Shout" in found["ACTIVE_VALIDATION_RULES"].message
    assert "Elsewhere" not in found["ACTIVE_DUPLICATE_RULES"].message
    assert found["NOT_CHECKED"].severity == "info"
    assert summary(result.findings) == "0 blockers, 2 warnings, 1 note"


@pytest.mark.requirement("C11", "SFG-02", "SFG-03")
def test_a_load_that_does_not_fit_is_a_blocker() -> None:
    limits = {
        "DailyApiRequests": Limit(1_000, 500), "DailyBulkApiBatches": Limit(15_000, 2),
        "DataStorageMB": Limit(5, 1),
    }  # fmt: skip
    marts = {"accounts": "select 'a:' || i as record_key, 'Acme' as account_name from range(25000) as n(i)"}
    result, _ = run({"accounts": accounts()}, state(account(), limits=limits), marts)
    found = {one.code: one for one in result.findings}
    assert found["API_CALLS"].severity == "info"
    assert (found["BULK_BATCHES"].severity, found["DATA_STORAGE"].severity) == ("blocker", "blocker")
    assert "about 3 Bulk API batches" in found["BULK_BATCHES"].message
    assert "about 49 MB" in found["DATA_STORAGE"].message  # 25,000 records of 2 KB


def test_what_the_ledger_knows_needs_no_storage_and_is_a_parent() -> None:
    parent = Field("ParentId", "parent_key", "Lookup", references=("accounts",))
    contract = accounts(parent)
    org = state(account(parent=text("ParentId", "reference", reference_to=("Account",))), org_id="00D1")
    select = """
        select 'a:1' as record_key, 'Acme' as account_name, 'a:9' as parent_key
        union all select 'a:2', 'Beta', 'a:8' union all select 'a:3', 'Gamma', 'a:1'
    """
    with duckdb.connect() as connection:
        connection.execute(
            "attach ':memory:' as warehouse; create schema warehouse.marts; attach ':memory:' as ledger"
        )
        connection.execute(f"create table warehouse.marts.sf_accounts as {select}")
        connection.execute(
            "create table ledger.records "
            "(org_id varchar, mart varchar, record_key varchar, sf_id varchar, payload_hash varchar)"
        )
        connection.execute("insert into ledger.records values ('00D1', 'accounts', 'a:9', '001', null), "
                           "('00D1', 'accounts', 'a:1', '001', null), "
                           "('00D2', 'accounts', 'a:8', '001', null)")  # fmt: skip
        result = preflight({"accounts": contract}, org, connection, ledger="ledger")
    missing = next(one for one in result.findings if one.code == "PARENT_MISSING")
    assert missing.samples == ("a:2",)
    assert (result.volumes[0].rows, result.volumes[0].new) == (3, 2)


@pytest.mark.requirement("C3")
def test_a_task_about_a_lead_has_no_what() -> None:
    fields = (
        KEY_FIELD,
        Field("WhoId", "who_key", "Lookup", references=("contacts", "leads")),
        Field("WhatId", "what_key", "Lookup", references=("accounts",)),
    )
    task = replace(accounts(), mart="tasks", object="Task", relation='"marts"."sf_tasks"', fields=fields)
    people = {
        mart: replace(
            accounts(), mart=mart, object=name, relation=f'"marts"."sf_{mart}"', fields=(KEY_FIELD,)
        )
        for mart, name in (("contacts", "Contact"), ("leads", "Lead"), ("accounts", "Account"))
    }
    key = text("Source_System_ID__c", length=120, external_id=True, unique=True)
    described = {
        name: DescribedObject(name, fields={key.name.lower(): key}) for name in ("Contact", "Lead", "Account")
    }
    who, what = (
        text("WhoId", "reference", reference_to=("Contact", "Lead")),
        text("WhatId", "reference", reference_to=("Account",)),
    )
    described["Task"] = DescribedObject("Task", fields={one.name.lower(): one for one in (key, who, what)})
    org = OrgState(objects={name.lower(): one for name, one in described.items()})
    marts = {
        "contacts": "select 'c:1' as record_key", "leads": "select 'l:1' as record_key",
        "accounts": "select 'a:1' as record_key",
        "tasks": """select 't:1' as record_key, 'l:1' as who_key, 'a:1' as what_key
            union all select 't:2', 'c:1', 'a:1' union all select 't:3', 'l:1', null""",
    }  # fmt: skip
    _, noted = run({**people, "tasks": task}, org, marts)
    assert noted == [("tasks", "t:1", "FIELD_INTEGRITY_EXCEPTION", "WhoId")]


@pytest.mark.requirement("C3")
def test_multi_select_size_and_unknown_picklist_values() -> None:
    topics = Field("Topics__c", "topics", "MultiselectPicklist")
    tier = Field("Tier__c", "tier", "Picklist", 255)
    described = account(
        topics=text("Topics__c", "multipicklist", length=4099),
        tier=text("Tier__c", "picklist", length=255, values=("Gold", "Silver")),
    )
    marts = {
        "accounts": """select 'a:1' as record_key, 'Acme' as account_name, 'gold' as tier,
            (select string_agg('v' || i, ';') from range(101) as n(i)) as topics
            union all select 'a:2', 'Beta', 'Bronze', 'x;y'"""
    }
    result, noted = run({"accounts": accounts(topics, tier)}, state(described), marts)
    assert noted == [
        ("accounts", "a:1", "TOO_MANY_ENUM_VALUE", "Topics__c"),
        ("accounts", "a:2", "PICKLIST_VALUE_UNKNOWN", "Tier__c"),
    ]  # fmt: skip
    assert {one.code: one.severity for one in result.findings} == {
        "TOO_MANY_ENUM_VALUE": "blocker", "PICKLIST_VALUE_UNKNOWN": "warning",
    }  # fmt: skip


def test_keys_that_differ_in_case_only_are_one_record_where_the_org_ignores_case() -> None:
    blind = account(key=text("Source_System_ID__c", length=120, external_id=True, unique=True))
    marts = {"accounts": "select unnest(['a:1', 'A:1', 'a:2']) as record_key, 'Acme' as account_name"}
    _, noted = run({"accounts": accounts()}, state(blind), marts)
    assert [(key, code) for _, key, code, _ in noted] == [
        ("A:1", "DUPLICATE_VALUE"),
        ("a:1", "DUPLICATE_VALUE"),
    ]
    _, noted = run({"accounts": accounts()}, state(account()), marts)
    assert noted == []


def test_values_that_are_not_of_their_type_and_keys_that_nobody_declared() -> None:
    size = Field("Size__c", "size", "Number", None, 8, 0)
    colour = Field("Colour__c", None, "Text", 20)
    described = account(size=text("Size__c", "double", precision=8), colour=text("Colour__c", length=20))
    fine = "select 'a:1' as record_key, 'Acme' as account_name, 1.0::double as size, '{}' as custom_fields"
    contracts = {"accounts": accounts(size, colour, json_columns=("custom_fields",))}
    broken, _ = run(
        contracts, state(described), {"accounts": f"{fine} union all select 'a:2', 'B', 'inf'::double, '{{'"}
    )
    assert [(one.code, one.field, one.count) for one in broken.findings] == [
        ("MART_UNREADABLE", "custom_fields", 1), ("MART_UNREADABLE", "size", 1),
    ]  # fmt: skip
    loose = f"""{fine} union all select 'a:2', 'B', 2, '{{"Colour__c": "red", "Shape__c": "round"}}'"""
    undeclared, _ = run(contracts, state(described), {"accounts": loose})
    assert [(one.code, one.field, one.samples) for one in undeclared.findings] == [
        ("UNDECLARED_CUSTOM_FIELD", "Shape__c", ("a:2",))
    ]


def test_a_mart_that_was_not_built_is_named() -> None:
    result, _ = run({"accounts": accounts()}, state(account()), {})
    assert codes(result) == ["MART_MISSING"]


def test_an_address_of_two_active_users_is_ambiguous() -> None:
    users = Contract(
        "users",
        "User",
        "match",
        None,
        "Email",
        None,
        (),
        '"marts"."sf_users"',
        (Field("Email", "user_email", "Email", 80),),
    )
    owner = Field("OwnerId", "owner_email", "Lookup", references=("users",))
    described = account(
        owner=text("OwnerId", "reference", reference_to=("User",), nillable=False, defaulted=True)
    )
    people = tuple(
        OrgUser(f"005{n}", mail, mail, mail, True) for n, mail in enumerate(["a@x.example", "A@x.example"])
    )
    org = OrgState(
        objects={
            "account": described,
            "user": DescribedObject("User", fields={"email": text("Email", "email")}),
        },
        users=people,
    )
    marts = {
        "users": "select 'u:1' as record_key, 'a@x.example' as user_email",
        "accounts": "select 'a:1' as record_key, 'Acme' as account_name, 'a@x.example' as owner_email",
    }
    _, noted = run({"users": users, "accounts": accounts(owner)}, org, marts)
    assert noted == [("accounts", "a:1", "OWNER_AMBIGUOUS", "OwnerId")]


def test_rows_that_share_a_natural_key_are_doubles_whatever_their_case() -> None:
    contract = accounts(mode="insert_if_absent", key=None, natural_key="Name")
    rows = "select 'a:1' as record_key, 'Acme' as account_name union all select 'a:2', 'ACME' union all select 'a:3', 'B'"
    result, noted = run({"accounts": contract}, state(account()), {"accounts": rows})
    assert [(one.code, one.field, one.count) for one in result.findings] == [("DUPLICATE_KEY", "Name", 1)]
    assert noted == [("accounts", "a:2", "DUPLICATE_KEY", "Name")]


def test_rows_of_a_mart_that_is_left_out_are_counted_and_no_parents() -> None:
    tickets = replace(accounts(requires=("Ticket__c",)), mart="tickets", relation='"marts"."sf_tickets"')
    parent = Field("ParentId", "ticket_key", "Lookup", references=("tickets",))
    described = account(parent=text("ParentId", "reference", reference_to=("Account",)))
    fine = "select 'a:1' as record_key, 'Acme' as account_name"
    marts = {"tickets": fine, "accounts": f"{fine}, 'a:1' as ticket_key"}
    result, _ = run({"tickets": tickets, "accounts": accounts(parent)}, state(described), marts)
    found = {one.code: (one.severity, one.mart, one.count) for one in result.findings}
    assert found == {
        "FEATURE_MISSING": ("warning", "tickets", 1),
        "PARENT_MISSING": ("blocker", "accounts", 1),
    }


def test_the_parents_of_a_second_pass_may_come_later_in_the_order() -> None:
    chief = Field("Chief__c", "chief_key", "Lookup", references=("branches",), second_pass=True)
    head = Field("ParentId", "head_key", "Lookup", references=("accounts",))
    described = account(
        chief=text("Chief__c", "reference", reference_to=("Account",)),
        parent=text("ParentId", "reference", reference_to=("Account",)),
    )
    branches = replace(accounts(head), mart="branches", relation='"marts"."sf_branches"')
    marts = {
        "accounts": "select 'a:1' as record_key, 'Acme' as account_name, 'b:1' as chief_key",
        "branches": "select 'b:1' as record_key, 'B' as account_name, 'a:1' as head_key "
        "union all select 'b:2', 'C', 'a:9'",
    }
    result, noted = run({"accounts": accounts(chief), "branches": branches}, state(described), marts)
    assert noted == [("branches", "b:2", "PARENT_MISSING", "ParentId")]
    assert codes(result) == ["PARENT_MISSING"]
