"""Contract against describe: what is missing, different or not allowed, without looking at a row."""

from __future__ import annotations

from typing import Any

import pytest
from schema_fixtures import account, accounts, state, text

from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.describe import DescribedField, DescribedObject, OrgState, parse_describe
from loaders.salesforce.findings import Finding
from loaders.salesforce.structure import structure_findings

READ_ONLY = "INVALID_FIELD_FOR_INSERT_UPDATE"


def findings_of(contract: Contract, described: DescribedObject, **more: Any) -> dict[str, Finding]:
    """Structure findings by code."""
    return {one.code: one for one in structure_findings({contract.mart: contract}, state(described, **more))}


def test_a_contract_that_fits_gives_no_finding() -> None:
    assert findings_of(accounts(), account()) == {}


@pytest.mark.requirement("ACT-19")
def test_a_missing_and_a_hidden_field_are_told_apart() -> None:
    stage = Field("stage__c", "stage", "Text", 255)
    missing = findings_of(accounts(stage), account())
    assert missing["FIELD_MISSING"].severity == "blocker"
    assert "schema deploy" in missing["FIELD_MISSING"].next_step
    hidden = findings_of(accounts(stage), account(), hidden_fields=frozenset({("account", "stage__c")}))
    assert "permission set" in hidden["FIELD_HIDDEN"].next_step


@pytest.mark.parametrize(
    "field, described, code, severity",
    [
        (Field("A__c", "a", "Text", 50), text("A__c", "double"), "TYPE_DIFFERS", "blocker"),
        (Field("A__c", "a", "Text", 50), text("A__c", "email", length=80), "TYPE_DIFFERS", "warning"),
        (Field("A__c", "a", "Text", 50), text("A__c", length=20), "FIELD_TOO_SHORT", "warning"),
        (Field("A", "a", "Text", 50), text("A", length=20), "FIELD_TOO_SHORT", "info"),
        (
            Field("A__c", "a", "Number", None, 10, 2), text("A__c", "double", precision=10, scale=0),
            "NUMBER_TOO_NARROW", "warning",
        ),
        (Field("A__c", "a", "Text", 50), text("A__c", createable=False), READ_ONLY, "blocker"),
        (Field("A__c", "a", "Text", 50), text("A__c", updateable=False), READ_ONLY, "info"),
        (Field("A__c", "a", "Text", 50, unique=True), text("A__c"), "NOT_UNIQUE", "warning"),
        (Field("A__c", "a", "Text", 50, external_id=True), text("A__c"), "NOT_EXTERNAL_ID", "warning"),
    ],
)  # fmt: skip
def test_a_field_that_differs(field: Field, described: DescribedField, code: str, severity: str) -> None:
    found = findings_of(accounts(field), account(a=described))
    assert {code: found[code].severity} == {code: severity}
    assert len(found) == 1


def test_a_key_that_is_no_external_id_stops_an_upsert() -> None:
    described = account(key=text("Source_System_ID__c", length=120, unique=True))
    assert findings_of(accounts(), described)["NOT_EXTERNAL_ID"].severity == "blocker"


def test_a_required_field_that_no_column_fills() -> None:
    found = findings_of(accounts(), account(tax=text("Tax__c", nillable=False)))
    assert found["REQUIRED_FIELD_MISSING"].field == "Tax__c"
    defaulted = account(tax=text("Tax__c", nillable=False, defaulted=True))
    assert findings_of(accounts(), defaulted) == {}


def test_audit_fields_need_the_permission_and_an_insert() -> None:
    created = Field("CreatedDate", "created_at", "DateTime", audit=True)
    closed = account(created=text("CreatedDate", "datetime", createable=False, updateable=False))
    opened = account(created=text("CreatedDate", "datetime", createable=True, updateable=False))
    insert = accounts(created, mode="insert_if_absent")
    assert findings_of(insert, closed)["AUDIT_FIELDS_OFF"].severity == "warning", "the load leaves it out"
    assert findings_of(insert, opened) == {}
    assert "insert only" in findings_of(accounts(created), opened)["INVALID_FIELD_FOR_INSERT_UPDATE"].message


@pytest.mark.requirement("Z12", "Z28")
def test_a_feature_is_looked_for_in_describe() -> None:
    contract = accounts(requires=("Case",))
    found = structure_findings({"accounts": contract}, state(account()))
    assert [one.code for one in found] == ["FEATURE_MISSING"]
    with_case = OrgState(objects={"account": account(), "case": DescribedObject("Case")})
    assert structure_findings({"accounts": contract}, with_case) == []


def test_a_lookup_that_may_not_point_there() -> None:
    parent = Field("ParentId", "parent_key", "Lookup", references=("accounts",))
    wrong = account(parent=text("ParentId", "reference", reference_to=("Contact",)))
    assert findings_of(accounts(parent), wrong)["REFERENCE_DIFFERS"].severity == "blocker"


def test_describe_answers_become_values() -> None:
    described = parse_describe(
        {
            "name": "Lead",
            "fields": [
                {"name": "Status", "type": "picklist", "nillable": False, "defaultedOnCreate": True,
                 "picklistValues": [{"value": "New", "active": True}, {"value": "Old", "active": False}]},
                {"name": "Company", "type": "string", "length": 255, "nillable": False},
            ],
            "recordTypeInfos": [{"developerName": "Migrated", "available": True, "master": False}],
        }
    )  # fmt: skip
    status, company = described.field("STATUS"), described.field("company")
    assert status is not None and company is not None
    assert (status.values, status.required_on_create, company.required_on_create) == (("New",), False, True)
    assert described.record_types[0].developer_name == "Migrated"
