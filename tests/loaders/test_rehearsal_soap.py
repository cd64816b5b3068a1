"""SOAP calls on records: what REST has no word for (converting, merging, undeleting) and what older clients send."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest
import requests
from rehearsal_support import KEY, Client

from loaders.rehearsal.metadata.xml import Element, parse
from loaders.rehearsal.process import RunningOrg

PERSON = {"LastName": "Lovelace", "FirstName": "Ada", "Company": "Analytical", "Email": "ada@engine.example",
          "City": "London", "LeadSource": "Web"}  # fmt: skip


class Soap:
    """Partner calls over http, written out."""

    def __init__(self, org: RunningOrg) -> None:
        self.org = org

    def call(self, operation: str, inner: str, header: str = "") -> Element:
        """The response element, or the Fault."""
        envelope = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            f"<e:Header><SessionHeader><sessionId>{self.org.access_token}</sessionId></SessionHeader>{header}"
            f"</e:Header><e:Body><{operation}>{inner}</{operation}></e:Body></e:Envelope>"
        )
        answer = requests.post(
            f"{self.org.url}/services/Soap/u/60.0",
            data=envelope.encode(),
            headers={"Content-Type": "text/xml", "SOAPAction": '""'},
            timeout=30,
        )
        body = parse(answer.content).one("Body")
        assert body is not None
        return body.children[0]

    def results(self, operation: str, inner: str, header: str = "") -> list[Element]:
        """The results of a call that succeeds as a whole."""
        answer = self.call(operation, inner, header)
        assert answer.name == f"{operation}Response", answer.value("faultstring")
        return answer.all("result")


def sobject(kind: str, tag: str = "sObjects", **fields: str) -> str:
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f"<{tag}><type>{kind}</type>{inner}</{tag}>"


def code(result: Element) -> str | None:
    errors = result.one("errors")
    return errors.value("statusCode") if errors else None


@pytest.fixture
def soap(rehearsal_org: RunningOrg) -> Soap:
    return Soap(rehearsal_org)


def new(api: Client, kind: str, **fields: object) -> str:
    answer = api.call("POST", f"/sobjects/{kind}", json=fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def convert(lead: str, *more: str, status: str = "Closed - Converted") -> str:
    return (
        f"<leadConverts><convertedStatus>{status}</convertedStatus>"
        f"<leadId>{lead}</leadId>{''.join(more)}</leadConverts>"
    )


ALONE = "<doNotCreateOpportunity>true</doNotCreateOpportunity>"


def test_a_lead_becomes_a_contact_of_a_new_account_with_an_opportunity(soap: Soap, api: Client) -> None:
    lead = new(api, "Lead", **PERSON)
    task = new(api, "Task", Subject="call", WhoId=lead)
    (result,) = soap.results("convertLead", convert(lead))
    assert result.flag("success")
    contact, account = result.value("contactId"), result.value("accountId")
    found = api.query(f"SELECT FirstName, Email, MailingCity, AccountId FROM Contact WHERE Id = '{contact}'")[
        0
    ]
    assert found == {
        "FirstName": "Ada",
        "Email": PERSON["Email"],
        "MailingCity": "London",
        "AccountId": account,
    }
    assert api.query(f"SELECT Name FROM Account WHERE Id = '{account}'") == [{"Name": "Analytical"}]
    opportunity = api.query(
        f"SELECT Name, StageName, AccountId FROM Opportunity WHERE Id = '{result.value('opportunityId')}'"
    )
    assert opportunity == [{"Name": "Analytical", "StageName": "Prospecting", "AccountId": account}]
    gone = api.query(f"SELECT IsConverted, Status, ConvertedContactId FROM Lead WHERE Id = '{lead}'")[0]
    assert gone == {"IsConverted": True, "Status": "Closed - Converted", "ConvertedContactId": contact}
    assert api.query(f"SELECT WhoId, AccountId FROM Task WHERE Id = '{task}'") == [
        {"WhoId": contact, "AccountId": account}
    ]


def test_a_converted_lead_cannot_be_changed_or_converted_again(soap: Soap, api: Client) -> None:
    lead = new(api, "Lead", **PERSON)
    assert soap.results("convertLead", convert(lead, ALONE))[0].value("opportunityId") is None
    assert code(soap.results("convertLead", convert(lead, ALONE))[0]) == "CANNOT_UPDATE_CONVERTED_LEAD"
    refused = api.call("PATCH", f"/sobjects/Lead/{lead}", json={"City": "Paris"}).json()[0]
    assert refused["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"
    bulk = api.bulk("Lead", "update", f"Id,City\n{lead},Paris\n")
    assert bulk.errors() == ["CANNOT_UPDATE_CONVERTED_LEAD"]


def test_conversion_keeps_what_an_existing_contact_has_and_fills_its_gaps(soap: Soap, api: Client) -> None:
    account = new(api, "Account", Name="Known")
    contact = new(api, "Contact", LastName="Byron", AccountId=account)
    lead = new(api, "Lead", **PERSON)
    into = f"<accountId>{account}</accountId><contactId>{contact}</contactId>{ALONE}"
    (result,) = soap.results("convertLead", convert(lead, into))
    assert (result.value("contactId"), result.value("accountId")) == (contact, account)
    found = api.query(f"SELECT LastName, FirstName, Email FROM Contact WHERE Id = '{contact}'")[0]
    assert found == {"LastName": "Byron", "FirstName": "Ada", "Email": PERSON["Email"]}


@pytest.mark.parametrize(
    "more, status, expected",
    [
        ("", "Open - Not Contacted", "INVALID_STATUS"),
        ("<accountId>001000000000001AAA</accountId>", "Closed - Converted", "INVALID_CROSS_REFERENCE_KEY"),
        ("<contactId>003000000000001AAA</contactId>", "Closed - Converted", "REQUIRED_FIELD_MISSING"),
    ],
)
def test_a_conversion_that_fails_leaves_nothing_behind(
    soap: Soap, api: Client, more: str, status: str, expected: str
) -> None:
    lead = new(api, "Lead", **PERSON)
    before = api.query("SELECT count(Id) n FROM Account")[0]["n"]
    assert code(soap.results("convertLead", convert(lead, more, status=status))[0]) == expected
    assert api.query("SELECT count(Id) n FROM Account")[0]["n"] == before
    assert api.query(f"SELECT IsConverted FROM Lead WHERE Id = '{lead}'") == [{"IsConverted": False}]


def test_each_conversion_of_a_call_stands_for_itself(soap: Soap, api: Client) -> None:
    good, bad = new(api, "Lead", **PERSON), "00Q000000000001AAA"
    found = soap.results("convertLead", convert(good, ALONE) + convert(bad, ALONE))
    assert [one.flag("success") for one in found] == [True, False]


def test_a_campaign_member_follows_the_person(soap: Soap, api: Client) -> None:
    lead, campaign = new(api, "Lead", **PERSON), new(api, "Campaign", Name="c")
    member = new(api, "CampaignMember", CampaignId=campaign, LeadId=lead)
    (result,) = soap.results("convertLead", convert(lead, ALONE))
    found = api.query(f"SELECT LeadId, ContactId, Type FROM CampaignMember WHERE Id = '{member}'")[0]
    assert found == {"LeadId": lead, "ContactId": result.value("contactId"), "Type": "Contact"}


def test_records_are_made_read_changed_found_and_deleted(soap: Soap) -> None:
    key = "soap:1"
    made = soap.results("create", sobject("Account", Name="A & B", **{KEY: key}) + sobject("Account"))
    assert [one.flag("success") for one in made] == [True, False] and code(
        made[1]
    ) == "REQUIRED_FIELD_MISSING"
    identifier = made[0].value("id") or ""
    (changed,) = soap.results("update", sobject("Account", Id=identifier, Name="B", fieldsToNull="Phone"))
    assert changed.flag("success")
    upsert = f"<externalIDFieldName>{KEY}</externalIDFieldName>"
    both = soap.results(
        "upsert",
        upsert
        + sobject("Account", **{KEY: key, "Phone": "1"})
        + sobject("Account", Name="n", **{KEY: "soap:2"}),
    )
    assert [one.value("created") for one in both] == ["false", "true"]
    parent = f"<Parent><type>Account</type><{KEY}>{key}</{KEY}></Parent>"
    child = sobject("Account", Name="child").replace("</sObjects>", f"{parent}</sObjects>")
    assert soap.results("create", child)[0].flag("success")
    (found,) = soap.results(
        "query",
        f"<queryString>SELECT Name, (SELECT Name FROM ChildAccounts) FROM Account WHERE Id = '{identifier}'</queryString>",
    )
    record = found.all("records")[0]
    assert (record.value("type"), record.value("Name")) == ("Account", "B")
    children = record.one("ChildAccounts")
    assert children is not None and children.all("records")[0].value("Name") == "child"
    fields = "<fieldList>Id,Phone</fieldList><sObjectType>Account</sObjectType>"
    read = soap.results("retrieve", f"{fields}<ids>{identifier}</ids><ids>001000000000001AAA</ids>")
    assert (read[0].value("Phone"), read[1].nil) == ("1", True)
    assert soap.results("delete", f"<ids>{identifier}</ids>")[0].flag("success")
    assert soap.results("undelete", f"<ids>{identifier}</ids>")[0].flag("success")


def test_all_or_none_takes_the_good_records_back(soap: Soap, api: Client) -> None:
    header = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>"
    made = soap.results("create", sobject("Account", Name="allornone") + sobject("Account"), header)
    assert [code(one) for one in made] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert api.query("SELECT Id FROM Account WHERE Name = 'allornone'") == []


def test_a_long_answer_comes_in_pages(soap: Soap, api: Client) -> None:
    api.bulk("Campaign", "insert", "Name\n" + "".join(f"soap page {n}\n" for n in range(450)))
    size = "<QueryOptions><batchSize>200</batchSize></QueryOptions>"
    soql = "<queryString>SELECT Name FROM Campaign WHERE Name LIKE 'soap page %'</queryString>"
    (page,) = soap.results("query", soql, size)
    names = [one.value("Name") for one in page.all("records")]
    while not page.flag("done"):
        (page,) = soap.results(
            "queryMore", f"<queryLocator>{page.value('queryLocator')}</queryLocator>", size
        )
        names += [one.value("Name") for one in page.all("records")]
    assert len(set(names)) == 450


def test_merged_contacts_leave_their_children_to_the_winner(soap: Soap, api: Client) -> None:
    account, campaign = new(api, "Account", Name="m"), new(api, "Campaign", Name="m")
    winner, loser = (new(api, "Contact", LastName=name, AccountId=account) for name in "wl")
    task = new(api, "Task", Subject="s", WhoId=loser)
    for contact in (winner, loser):
        new(api, "CampaignMember", CampaignId=campaign, ContactId=contact)
    master = sobject("Contact", "masterRecord", Id=winner, Title="Dr")
    request = f"<request>{master}<recordToMergeIds>{loser}</recordToMergeIds></request>"
    (result,) = soap.results("merge", request)
    assert result.flag("success") and task in [one.text for one in result.all("updatedRelatedIds")]
    assert api.query(f"SELECT WhoId FROM Task WHERE Id = '{task}'") == [{"WhoId": winner}]
    assert len(api.query(f"SELECT Id FROM CampaignMember WHERE CampaignId = '{campaign}'")) == 1
    answer = api.call(
        "GET",
        "/queryAll",
        params={"q": f"SELECT IsDeleted, MasterRecordId FROM Contact WHERE Id = '{loser}'"},
    )
    assert answer.json()["records"][0]["MasterRecordId"] == winner


@pytest.mark.parametrize(
    "operation, inner, expected",
    [
        ("query", "<queryString>SELECT Nope FROM Account</queryString>", "INVALID_FIELD"),
        ("queryMore", "<queryLocator>x-1</queryLocator>", "INVALID_QUERY_LOCATOR"),
        (
            "upsert",
            "<externalIDFieldName>Nope__c</externalIDFieldName>" + sobject("Account", Name="a"),
            "INVALID_FIELD",
        ),
        ("retrieve", "<fieldList>Id</fieldList><sObjectType>Nope</sObjectType>", "INVALID_TYPE"),
        ("create", "".join(sobject("Account", Name="a") for _ in range(201)), "EXCEEDED_ID_LIMIT"),
    ],
)
def test_what_is_wrong_as_a_whole_is_a_fault(soap: Soap, operation: str, inner: str, expected: str) -> None:
    answer = soap.call(operation, inner)
    assert (answer.name, answer.value("faultcode")) == ("Fault", f"sf:{expected}")
