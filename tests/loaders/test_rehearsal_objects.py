"""Objects that do more than store: members, messages, files, relations, products, and what an org may lack."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from rehearsal_support import KEY, Client, write_manifest

from loaders.rehearsal.process import start_org


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An org with Enhanced Email, which makes a task of every message."""
    folder = tmp_path_factory.mktemp("objects")
    with start_org(declare=write_manifest(folder / "manifest.json"), email_tasks=True) as org:
        yield Client(org)


def new(api: Client, kind: str, **fields: Any) -> str:
    """The id of a record, or the code of the refusal."""
    answer = api.call("POST", f"/sobjects/{kind}", json=fields).json()
    return str(answer["id"] if isinstance(answer, dict) else answer[0]["errorCode"])


def one(api: Client, soql: str) -> dict[str, Any]:
    (found,) = api.query(soql)
    return found


def person(api: Client) -> str:
    return new(api, "Contact", LastName="c", AccountId=new(api, "Account", Name="a"))


@pytest.mark.requirement("Z16")
def test_a_person_is_a_campaign_member_once_whichever_way_the_row_comes(api: Client) -> None:
    campaign, lead, contact = (
        new(api, "Campaign", Name="c"),
        new(api, "Lead", LastName="l", Company="x"),
        person(api),
    )
    made = new(api, "CampaignMember", CampaignId=campaign, ContactId=contact)
    assert new(api, "CampaignMember", CampaignId=campaign, ContactId=contact) == "DUPLICATE_VALUE"
    assert new(api, "CampaignMember", CampaignId=campaign) == "REQUIRED_FIELD_MISSING"
    rows = (
        f"CampaignId,LeadId,ContactId,Status\n{campaign},{lead},,Responded\n{campaign},{lead},,Sent\n"
        f"{campaign},,{contact},Sent\n"
    )
    result = api.bulk("CampaignMember", "insert", rows)
    assert [row["sf__Error"] for row in result.failed] == [
        "DUPLICATE_VALUE:Already a campaign member.:--"
    ] * 2
    assert (
        one(api, f"SELECT HasResponded FROM CampaignMember WHERE LeadId = '{lead}'")["HasResponded"] is True
    )
    fixed = api.call("PATCH", f"/sobjects/CampaignMember/{made}", json={"ContactId": contact}).json()[0]
    assert fixed["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_label_of_a_member_status_is_there_once(api: Client) -> None:
    campaign = new(api, "Campaign", Name="c")
    assert new(api, "CampaignMemberStatus", CampaignId=campaign, Label="SENT") == "DUPLICATE_VALUE"
    new(api, "CampaignMemberStatus", CampaignId=campaign, Label="Came", IsDefault=True)
    found = api.query(
        f"SELECT Label FROM CampaignMemberStatus WHERE CampaignId = '{campaign}' AND IsDefault = true"
    )
    assert found == [{"Label": "Came"}]


@pytest.mark.requirement("Z15")
def test_a_message_that_is_no_draft_is_never_changed(api: Client) -> None:
    sent, draft = (
        new(api, "EmailMessage", Subject="s", Status="3"),
        new(api, "EmailMessage", Subject="d", Status="5"),
    )
    refused = api.call("PATCH", f"/sobjects/EmailMessage/{sent}", json={"Subject": "x"})
    assert refused.json()[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    result = api.bulk("EmailMessage", "update", f"Id,Subject\n{sent},x\n{draft},x\n")
    assert (result.errors(), len(result.successful)) == (["INSUFFICIENT_ACCESS_OR_READONLY"], 1)


@pytest.mark.requirement("Z13")
def test_enhanced_email_makes_a_task_unless_the_message_names_one(api: Client) -> None:
    account = new(api, "Account", Name="a")
    then = {"CreatedDate": "2018-01-01T00:00:00Z", "MessageDate": "2018-01-01T00:00:00Z"}
    message = new(api, "EmailMessage", Subject="made", Status="3", RelatedToId=account, **then)
    task = one(api, f"SELECT ActivityId, CreatedDate FROM EmailMessage WHERE Id = '{message}'")
    made = one(
        api, f"SELECT Subject, WhatId, Status, CreatedDate FROM Task WHERE Id = '{task['ActivityId']}'"
    )
    assert (made["Subject"], made["WhatId"], made["Status"]) == ("Email: made", account, "Completed")
    assert task["CreatedDate"].startswith("2018") and not made["CreatedDate"].startswith("2018")
    own = new(api, "Task", Subject="own", WhatId=account)
    rows = f"Subject,Status,ActivityId\nwith,3,{own}\nwithout,3,\n"
    assert len(api.bulk("EmailMessage", "insert", rows).successful) == 2
    assert one(api, "SELECT ActivityId FROM EmailMessage WHERE Subject = 'with'")["ActivityId"] == own
    other = one(api, "SELECT ActivityId FROM EmailMessage WHERE Subject = 'without'")["ActivityId"]
    assert other not in (None, own)
    assert api.query("SELECT Id FROM Task WHERE Subject = 'Email: with'") == []


def test_an_unknown_restricted_value_is_not_called_missing(api: Client) -> None:
    message, lead = (
        new(api, "EmailMessage", Subject="s", Status="3"),
        new(api, "Lead", LastName="l", Company="x"),
    )
    fields = {"EmailMessageId": message, "RelationId": lead}
    wrong = new(api, "EmailMessageRelation", RelationType="Nope", **fields)
    assert wrong == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert new(api, "EmailMessageRelation", **fields) == "REQUIRED_FIELD_MISSING"
    assert new(api, "EmailMessageRelation", RelationType="ToAddress", **fields).startswith("0CZ")


def test_a_version_has_a_document_a_checksum_and_links_that_are_there_once(api: Client) -> None:
    account, contact, content = new(api, "Account", Name="a"), person(api), b"hello"
    version = new(
        api, "ContentVersion", PathOnClient="a/b.txt", VersionData=base64.b64encode(content).decode(),
        FirstPublishLocationId=account,
    )  # fmt: skip
    fields = "ContentDocumentId, ContentSize, Checksum, Title, FileType, VersionNumber"
    found = one(api, f"SELECT {fields} FROM ContentVersion WHERE Id = '{version}'")
    document = found.pop("ContentDocumentId")
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert found == {
        "ContentSize": 5,
        "Checksum": md5,
        "Title": "b",
        "FileType": "TEXT",
        "VersionNumber": "1",
    }
    link = {"ContentDocumentId": document, "ShareType": "I"}
    assert new(api, "ContentDocumentLink", LinkedEntityId=account, **link) == "DUPLICATE_VALUE"
    rows = f"ContentDocumentId,LinkedEntityId,ShareType\n{document},{contact},I\n{document},{contact},I\n"
    result = api.bulk("ContentDocumentLink", "insert", rows)
    assert (result.errors(), len(result.successful)) == (["DUPLICATE_VALUE"], 1)


def relations(api: Client, contact: str) -> set[tuple[str, bool]]:
    found = api.query(f"SELECT AccountId, IsDirect FROM AccountContactRelation WHERE ContactId = '{contact}'")
    return {(row["AccountId"], row["IsDirect"]) for row in found}


def test_a_contact_takes_its_direct_relation_along_when_it_moves(api: Client) -> None:
    first, second, third = (new(api, "Account", Name=name) for name in "abc")
    contact = new(api, "Contact", LastName="c", AccountId=first, **{KEY: "acr:1"})
    assert new(api, "AccountContactRelation", AccountId=first, ContactId=contact) == "DUPLICATE_VALUE"
    new(api, "AccountContactRelation", AccountId=second, ContactId=contact)
    api.call("PATCH", f"/sobjects/Contact/{contact}", json={"AccountId": second}).raise_for_status()
    assert relations(api, contact) == {(second, True)}
    api.bulk("Contact", "upsert", f"{KEY},LastName,AccountId\nacr:1,c,{third}\n", KEY)
    assert relations(api, contact) == {(third, True)}
    api.call("PATCH", f"/sobjects/Contact/{contact}", json={"AccountId": None}).raise_for_status()
    assert relations(api, contact) == set()
    api.call("PATCH", f"/sobjects/Contact/{contact}", json={"AccountId": first}).raise_for_status()
    assert relations(api, contact) == {(first, True)}


def test_an_opportunity_with_products_is_worth_their_sum(api: Client) -> None:
    product, own = new(api, "Product2", Name="p"), new(api, "Pricebook2", Name="own", IsActive=True)
    price = {"Product2Id": product, "UnitPrice": 5, "IsActive": True}
    assert new(api, "PricebookEntry", Pricebook2Id=own, **price) == "STANDARD_PRICE_NOT_DEFINED"
    standard = one(api, "SELECT Id FROM Pricebook2 WHERE IsStandard = true")["Id"]
    listed, entry = (new(api, "PricebookEntry", Pricebook2Id=book, **price) for book in (standard, own))
    deal = new(
        api,
        "Opportunity",
        Name="o",
        StageName="Prospecting",
        CloseDate="2026-01-01",
        Pricebook2Id=own,
        Amount=1,
    )
    line = {"OpportunityId": deal, "Quantity": 2, "UnitPrice": 5}
    assert new(api, "OpportunityLineItem", PricebookEntryId=listed, **line) == "FIELD_INTEGRITY_EXCEPTION"
    assert (
        new(api, "OpportunityLineItem", PricebookEntryId=entry, TotalPrice=10, **line)
        == "FIELD_INTEGRITY_EXCEPTION"
    )
    assert new(api, "OpportunityLineItem", PricebookEntryId=entry, **line).startswith("00k")
    change = {"Amount": 99, "Name": "changed"}
    api.call("PATCH", f"/sobjects/Opportunity/{deal}", json=change).raise_for_status()
    assert one(api, f"SELECT Amount, Name FROM Opportunity WHERE Id = '{deal}'") == {
        "Amount": 10.0,
        "Name": "changed",
    }


def test_a_lead_has_no_related_record_beside_it(api: Client) -> None:
    lead, account = new(api, "Lead", LastName="l", Company="x"), new(api, "Account", Name="a")
    assert new(api, "Task", Subject="s", WhoId=lead, WhatId=account) == "FIELD_INTEGRITY_EXCEPTION"
    rows = f"Subject,WhoId,WhatId,CreatedDate\nx,{lead},{account},2020-01-01T00:00:00Z\ny,{lead},,2020-01-01T00:00:00Z\n"
    result = api.bulk("Task", "insert", rows)
    assert result.errors() == ["FIELD_INTEGRITY_EXCEPTION"] and len(result.successful) == 1
    assert (
        one(api, "SELECT CreatedDate FROM Task WHERE Subject = 'y'")["CreatedDate"]
        == "2020-01-01T00:00:00.000+0000"
    )


def test_a_topic_is_assigned_once_and_never_changed(api: Client) -> None:
    topic, contact = new(api, "Topic", Name="Vip"), person(api)
    assert new(api, "Topic", Name="VIP") == "DUPLICATE_VALUE"
    made = new(api, "TopicAssignment", TopicId=topic, EntityId=contact)
    assert new(api, "TopicAssignment", TopicId=topic, EntityId=contact) == "DUPLICATE_VALUE"
    assert api.call("PATCH", f"/sobjects/TopicAssignment/{made}", json={"TopicId": topic}).status_code == 405


@pytest.mark.requirement("Z12")
def test_an_org_without_a_feature_does_not_know_its_objects() -> None:
    with start_org(several_accounts=False, without="Case,CaseComment") as org:
        api = Client(org)
        names = {one["name"] for one in api.call("GET", "/sobjects").json()["sobjects"]}
        assert not names & {"AccountContactRelation", "Case", "CaseComment"} and "Contact" in names
        for name in ("Case", "AccountContactRelation"):
            assert api.call("GET", f"/sobjects/{name}/describe").status_code == 404
            answer = api.call("GET", "/query", params={"q": f"SELECT Id FROM {name}"})
            assert answer.json()[0]["errorCode"] == "INVALID_TYPE"
        fields = {one["name"]: one for one in api.call("GET", "/sobjects/Task/describe").json()["fields"]}
        assert "Case" not in fields["WhatId"]["referenceTo"] and "Account" in fields["WhatId"]["referenceTo"]
        account = new(api, "Account", Name="a")
        contact = new(api, "Contact", LastName="c", AccountId=account)
        assert new(api, "Task", Subject="t", WhoId=contact, WhatId=account).startswith("00T")
        assert api.call("DELETE", f"/sobjects/Account/{account}").status_code == 204
