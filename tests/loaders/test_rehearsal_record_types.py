"""Record types: what describe, layouts and the UI API say of them, and which picklist values they let in."""

from __future__ import annotations

from typing import Any

import pytest
from test_rehearsal_metadata import Client, client, custom_object, field, manifest, org, problems
from test_rehearsal_rules import bulk, rest

from loaders.rehearsal.org.describe import MASTER_TYPE
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.state import Org

__all__ = ["client", "org"]  # fixtures
ROOT = "/services/data/v60.0"
GRADE = (
    "<fullName>Grade__c</fullName><label>Grade</label><type>Picklist</type><valueSet><restricted>true</restricted>"
    "<valueSetDefinition><sorted>false</sorted>"
    + "".join(
        f"<value><fullName>{one}</fullName><default>false</default><label>{one}</label></value>"
        for one in "ABC"
    )
    + "</valueSetDefinition></valueSet>"
)


def record_type(name: str, *values: str) -> str:
    allowed = "".join(
        f"<values><fullName>{one}</fullName><default>false</default></values>" for one in values
    )
    return (
        f"<recordTypes><fullName>{name}</fullName><active>true</active><label>{name}</label>"
        f"<picklistValues><picklist>Grade__c</picklist>{allowed}</picklistValues></recordTypes>"
    )


@pytest.fixture
def types(client: Client, org: Org) -> dict[str, str]:
    """Ids of two record types of Contact by name: one takes A and B, the other C."""
    result = client.deploy(
        {
            "package.xml": manifest(CustomObject=["Contact"]),
            "objects/Contact.object": custom_object(
                field(GRADE), record_type("Member", "A", "B"), record_type("Guest", "C")
            ),
        }
    )
    assert result["success"], problems(result)
    return {one.developer_name: one.id for one in org.catalogue.object("Contact").record_types}


def test_describe_lists_the_record_types_and_the_master_last(client: Client, types: dict[str, str]) -> None:
    infos: list[dict[str, Any]] = client.ask("GET", f"{ROOT}/sobjects/Contact/describe").body[
        "recordTypeInfos"
    ]
    assert [(one["developerName"], one["recordTypeId"]) for one in infos] == [
        ("Guest", types["Guest"]), ("Member", types["Member"]), ("Master", MASTER_TYPE),
    ]  # fmt: skip
    assert [(one["master"], one["available"], one["defaultRecordTypeMapping"]) for one in infos] == [
        (False, True, False), (False, True, False), (True, True, True),
    ]  # fmt: skip
    soql = "SELECT Id FROM RecordType WHERE SobjectType = 'Contact' AND DeveloperName = 'Guest'"
    assert client.query(soql)[0]["Id"] == types["Guest"]


def test_layouts_and_the_ui_api_show_the_values_of_each(client: Client, types: dict[str, str]) -> None:
    body = client.ask("GET", f"{ROOT}/sobjects/Contact/describe/layouts").body
    shown = {
        one["developerName"]: [value["value"] for value in picklist["picklistValues"]]
        for one in body["recordTypeMappings"]
        for picklist in one["picklistsForRecordType"]
        if picklist["picklistName"] == "Grade__c"
    }
    assert shown == {"Member": ["A", "B"], "Guest": ["C"], "Master": ["A", "B", "C"]}
    assert body["recordTypeSelectorRequired"] == [True]
    fields = [
        item["layoutComponents"][0]["value"]
        for section in body["layouts"][0]["detailLayoutSections"]
        for row in section["layoutRows"]
        for item in row["layoutItems"]
    ]
    assert {"LastName", "Grade__c"} <= set(fields) and "CreatedDate" not in fields[:1]
    values = client.ask("GET", f"{ROOT}/ui-api/object-info/Contact/picklist-values/{types['Guest']}").body
    assert [one["value"] for one in values["picklistFieldValues"]["Grade__c"]["values"]] == ["C"]
    assert client.ask("GET", f"{ROOT}/sobjects/Contact/describe/layouts/012000000000001AAA").status == 404


def test_a_restricted_picklist_takes_what_the_record_type_allows(org: Org, types: dict[str, str]) -> None:
    member, guest = (
        {"LastName": "l", "RecordTypeId": types["Member"]},
        {"LastName": "l", "RecordTypeId": types["Guest"]},
    )
    (made,) = rest(org, "Contact", "insert", {**member, "Grade__c": "A"})
    assert isinstance(made, str)
    refusal = (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Grade: bad value for restricted picklist field: A", ["Grade__c"],
    )  # fmt: skip
    assert rest(org, "Contact", "insert", {**guest, "Grade__c": "A"}) == [refusal]
    assert rest(org, "Contact", "insert", {**guest, "Grade__c": "C"}, {"LastName": "l", "Grade__c": "A"})[
        1:
    ] != [refusal]
    assert rest(org, "Contact", "update", {"Id": made, "RecordTypeId": types["Guest"], "Grade__c": "A"}) == [
        refusal
    ]
    assert rest(org, "Contact", "update", {"Id": made, "Grade__c": "C"})[0][0] == refusal[0]
    assert bulk(org, "Contact", "insert", f"LastName,Grade__c,RecordTypeId\nl,A,{types['Guest']}\n") == [
        f"{refusal[0]}:{refusal[1]}:Grade__c --"
    ]


def test_a_profile_gives_records_their_default_record_type(
    client: Client, org: Org, types: dict[str, str]
) -> None:
    visible = "".join(
        f"<recordTypeVisibilities><default>{str(name == 'Guest').lower()}</default><recordType>Contact.{name}"
        "</recordType><visible>true</visible></recordTypeVisibilities>"
        for name in ("Guest", "Member")
    )
    result = client.deploy(
        {
            "package.xml": manifest(Profile=["Admin"]),
            "profiles/Admin.profile": f"<Profile>{visible}</Profile>",
        }
    )
    assert result["success"], problems(result)
    (made,) = rest(org, "Contact", "insert", {"LastName": "l"})
    assert (
        client.query(f"SELECT RecordTypeId FROM Contact WHERE Id = '{made}'")[0]["RecordTypeId"]
        == types["Guest"]
    )


def test_a_record_type_that_nobody_granted_cannot_be_used() -> None:
    with Org(Options(field_security=True)) as org:
        result = Client(org).deploy(
            {
                "package.xml": manifest(CustomObject=["Contact"]),
                "objects/Contact.object": custom_object(field(GRADE), record_type("Member", "A")),
            }
        )
        assert result["success"], problems(result)
        (member,) = org.catalogue.object("Contact").record_types
        found = rest(org, "Contact", "insert", {"LastName": "l", "RecordTypeId": member.id})
        assert found[0][:2] == (
            "INVALID_CROSS_REFERENCE_KEY", f"Record Type ID: this ID value isn't valid for the user: {member.id}",
        )  # fmt: skip
