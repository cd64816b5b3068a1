"""The rehearsal org over REST, as simple-salesforce and plain requests meet it."""

from __future__ import annotations

import base64
import itertools
import json
import time
from typing import Any

import pytest
import requests
from rehearsal_support import KEY, Client
from simple_salesforce import Salesforce  # noqa: TID251
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound  # noqa: TID251

from loaders.rehearsal.process import RunningOrg

unique = itertools.count(1)


def refused(answer: requests.Response) -> tuple[int, str]:
    """Status and code of an error answer."""
    return answer.status_code, answer.json()[0]["errorCode"]


@pytest.mark.requirement("C1")
def test_a_record_lives_through_simple_salesforce(sf: Salesforce) -> None:
    made = sf.Account.create(
        {
            "Name": "  Acme ",
            "NumberOfEmployees": 5,
            "Is_Vip__c": True,
            "Seen_At__c": "2024-01-02T03:04:05+02:00",
        }
    )
    record = sf.Account.get(made["id"])
    assert (made["success"], len(made["id"])) == (True, 18)
    assert (record["Name"], record["NumberOfEmployees"], record["Is_Vip__c"]) == ("Acme", 5, True)
    assert record["Seen_At__c"] == "2024-01-02T01:04:05.000+0000"
    assert record["attributes"]["url"] == f"/services/data/v60.0/sobjects/Account/{made['id']}"
    assert sf.Account.update(made["id"][:15], {"Name": "Acme 2", "NumberOfEmployees": None}) == 204
    changed = sf.Account.get(made["id"])
    assert (changed["Name"], changed["NumberOfEmployees"]) == ("Acme 2", None)
    assert sf.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        sf.Account.get(made["id"])


@pytest.mark.requirement("C1")
def test_upsert_creates_then_changes(sf: Salesforce, api: Client) -> None:
    key = f"upsert:{next(unique)}"
    assert sf.Account.upsert(f"{KEY}/{key}", {"Name": "One"}) == 201
    assert sf.Account.upsert(f"{KEY}/{key}", {"Name": "Two"}) == 200
    assert sf.Account.get_by_custom_id(KEY, key)["Name"] == "Two"
    assert refused(api.call("PATCH", f"/sobjects/Account/{KEY}/{key}", json={KEY: key})) == (
        400,
        "INVALID_FIELD",
    )
    assert refused(api.call("PATCH", "/sobjects/Account/Nope__c/1", json={})) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"),
        ({"Name": " "}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"),
        (
            {"Name": "x" * 256},
            "STRING_TOO_LONG",
            f"Account Name: data value too large: {'x' * 255} (max length=255)",
        ),
        ({"Name": "a", "Nope": 1}, "INVALID_FIELD", "No such column 'Nope' on sobject of type Account"),
        ({"Name": "a", "Mail__c": "badone"}, "INVALID_EMAIL_ADDRESS", "Mail: invalid email address: badone"),
        (
            {"Name": "a", "ParentId": "nope"},
            "MALFORMED_ID",
            "Parent Account ID: id value of incorrect type: nope",
        ),
        (
            {"Name": "a", "ParentId": "003000000000001AAA"},
            "MALFORMED_ID",
            "Parent Account ID: id value of incorrect type: 003000000000001AAA",
        ),
        (
            {"Name": "a", "ParentId": "0015gR0000zzzzzABA"},
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
        ),
        (
            {"Name": "a", "CleanStatus": "Nope"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Clean Status: bad value for restricted picklist field: Nope",
        ),
        (
            {"Name": "a", "Rank__c": 1000},
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Rank: value outside of valid range on numeric field: 1000",
        ),
        (
            {"Name": "a", "LastModifiedDate": "soon"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of datetime from VALUE_STRING value soon or request may be "
            "missing a required field "
            "at [line:1, column:1]",
        ),
        (
            {"Name": 5},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5 or request may be "
            "missing a required field at "
            "[line:1, column:1]",
        ),
        (
            {"Name": "a", "IsDeleted": True},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: IsDeleted. Please check the security settings of this "
            "field and verify that it is "
            "read/write for your profile or permission set.",
        ),
        (
            {"Name": "a", "Parent": {KEY: "none"}},
            "INVALID_FIELD",
            f"Foreign key external ID: none not found for field {KEY} in entity Account",
        ),
    ],
)
@pytest.mark.requirement("C1")
def test_refusals_have_salesforce_s_codes_and_texts(
    api: Client, fields: dict[str, Any], code: str, message: str
) -> None:
    answer = api.call("POST", "/sobjects/Account", json=fields)
    assert refused(answer) == (400, code)
    assert answer.json()[0]["message"] == message


def test_unrestricted_picklists_take_any_value(sf: Salesforce) -> None:
    made = sf.Account.create({"Name": "a", "Industry": "Basket weaving", "Tags__c": "b;a;b"})
    record = sf.Account.get(made["id"])
    assert (record["Industry"], sorted(record["Tags__c"].split(";"))) == ("Basket weaving", ["a", "b"])


@pytest.mark.requirement("C1")
def test_unique_values_follow_the_case_rule_of_their_field(sf: Salesforce) -> None:
    number = next(unique)
    sf.Account.create({"Name": "a", KEY: f"Key:{number}"})
    sf.Account.create({"Name": "other case is another key", KEY: f"KEY:{number}"})
    with pytest.raises(SalesforceMalformedRequest, match="DUPLICATE_VALUE") as caught:
        sf.Account.create({"Name": "a", KEY: f"Key:{number}"})
    assert (
        f"duplicate value found: {KEY} duplicates value on record with id: 001"
        in caught.value.content[0]["message"]
    )


@pytest.mark.requirement("C1")
def test_audit_fields_are_for_inserts_only(sf: Salesforce, api: Client) -> None:
    made = sf.Account.create({"Name": "old", "CreatedDate": "2019-05-06T07:08:09Z"})
    assert sf.Account.get(made["id"])["CreatedDate"] == "2019-05-06T07:08:09.000+0000"
    late = {"CreatedDate": "2018-05-06T07:08:09Z"}
    assert refused(api.call("PATCH", f"/sobjects/Account/{made['id']}", json=late)) == (
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
    )
    answer = api.call("PATCH", f"/sobjects/Account/{KEY}/audit:{next(unique)}", json={"Name": "a", **late})
    assert refused(answer) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert (
        refused(api.call("POST", "/sobjects/Campaign", json={"Name": "c", **late}))[1]
        == "INVALID_FIELD_FOR_INSERT_UPDATE"
    )


def test_inactive_users_own_nothing_new(api: Client) -> None:
    inactive = api.query("SELECT Id FROM User WHERE IsActive = false")[0]["Id"]
    answer = api.call("POST", "/sobjects/Account", json={"Name": "a", "OwnerId": inactive})
    assert (
        answer.json()[0]["message"]
        == f"operation performed with inactive user [{inactive}] as owner of account"
    )


def test_names_are_case_insensitive_and_answered_in_their_own_case(api: Client) -> None:
    made = api.call("POST", "/sobjects/aCCOUNT/", json={"nAME": "Case"}).json()
    assert api.call("GET", f"/sobjects/ACCOUNT/{made['id']}?fields=name,createddate").json().keys() >= {
        "Name",
        "CreatedDate",
    }


def test_defaults_of_a_new_lead(sf: Salesforce) -> None:
    record = sf.Lead.get(sf.Lead.create({"LastName": "Doe", "FirstName": "Jo", "Company": "C"})["id"])
    assert (record["Name"], record["Status"], record["IsConverted"]) == (
        "Jo Doe",
        "Open - Not Contacted",
        False,
    )
    assert record["OwnerId"] == record["CreatedById"]
    assert record["SystemModstamp"] == record["LastModifiedDate"]


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/sobjects/Nope/describe", {}, 404, "NOT_FOUND"),
        ("GET", "/sobjects/Account/0015gR0000zzzzzABA", {}, 404, "NOT_FOUND"),
        ("GET", "/sobjects/Account/003000000000001AAA", {}, 404, "NOT_FOUND"),
        ("POST", "/sobjects/Account", {"data": "{"}, 400, "JSON_PARSER_ERROR"),
        ("POST", "/sobjects/Account", {"data": b"\xff\xfe"}, 400, "JSON_PARSER_ERROR"),
        ("POST", "/sobjects/Account", {"data": "[1]"}, 400, "JSON_PARSER_ERROR"),
        ("POST", "/sobjects/Account", {"data": '{"Name": NaN}'}, 400, "JSON_PARSER_ERROR"),
        ("GET", "/query", {"params": {"q": "SELECT Nope FROM Account"}}, 400, "INVALID_FIELD"),
        ("GET", "/query", {"params": {"q": "SELECT Id FROM Accout"}}, 400, "INVALID_TYPE"),
        ("GET", "/query", {"params": {"q": "SELECT Id FROM Account; DROP TABLE x"}}, 400, "MALFORMED_QUERY"),
        ("GET", "/query", {"params": {"q": ""}}, 400, "MALFORMED_QUERY"),
        ("GET", "/query/01gNOPE-2000", {}, 400, "INVALID_QUERY_LOCATOR"),
        ("GET", "/nowhere", {}, 404, "NOT_FOUND"),
        ("PUT", "/limits", {}, 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", "/sobjects/Account/not-an-id", {"json": {"Name": "x"}}, 400, "MALFORMED_ID"),
    ],
)
def test_malformed_requests_get_an_answer_and_never_a_500(
    api: Client, method: str, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    assert refused(api.call(method, path, **options)) == (status, code)


def test_hostile_text_is_stored_as_text(sf: Salesforce) -> None:
    texts = [
        '\'); DROP TABLE org."Account"; --',
        'quote " and \\ and \u0000 and \u001f',
        "Zoë 🎉 \ud83d",
        "#N/A",
        "a\r\nb",
    ]
    for text in texts:
        record = sf.Account.get(sf.Account.create({"Name": text})["id"])
        assert record["Name"].startswith(text[:3])


def test_every_answer_counts_against_the_limit(api: Client) -> None:
    first, second = (
        int(api.call("GET", "/limits").headers["Sforce-Limit-Info"].split("=")[1].split("/")[0]) for _ in "ab"
    )
    assert second == first + 1
    limits = api.call("GET", "/limits/").json()
    assert limits["DailyApiRequests"]["Remaining"] == limits["DailyApiRequests"]["Max"] - second - 1


def test_discovery(sf: Salesforce, api: Client, rehearsal_org: RunningOrg) -> None:
    versions = requests.get(f"{rehearsal_org.url}/services/data/", timeout=10).json()
    assert [item["version"] for item in (versions[0], versions[-1])] == ["31.0", "66.0"]
    assert (
        api.call("GET", "")
        .json()["identity"]
        .startswith(f"{rehearsal_org.url}/id/{rehearsal_org.org_id}/005")
    )
    names = {item["name"] for item in sf.describe()["sobjects"]}
    assert len(names) >= 49
    fields = {field["name"]: field for field in sf.Account.describe()["fields"]}
    assert (
        fields[KEY]["externalId"],
        fields[KEY]["unique"],
        fields[KEY]["caseSensitive"],
        fields[KEY]["length"],
    ) == (
        True,
        True,
        True,
        120,
    )
    assert fields["Rank__c"]["precision"], fields["Rank__c"]["scale"]
    described = api.call("GET", "/sobjects/Account/describe")
    again = api.call(
        "GET", "/sobjects/Account/describe", headers={"If-Modified-Since": described.headers["Last-Modified"]}
    )
    assert (again.status_code, again.text) == (304, "")


def test_every_object_can_be_described_and_queried(api: Client) -> None:
    for item in api.call("GET", "/sobjects").json()["sobjects"]:
        assert api.call("GET", f"/sobjects/{item['name']}/describe").status_code == 200
        if item["name"] != "ContentDocumentLink":  # Salesforce answers only with a filter on one of its ids
            soql = f"SELECT FIELDS(STANDARD) FROM {item['name']} LIMIT 2"
            assert api.call("GET", "/query", params={"q": soql}).status_code == 200, item["name"]


def test_pages_of_a_long_query(sf: Salesforce, api: Client) -> None:
    tag = f"page:{next(unique)}:"
    rows = "\n".join(f"P{number:04d},{tag}{number}" for number in range(450))
    api.bulk("Account", "insert", f"Name,{KEY}\n{rows}\n")
    soql = f"SELECT Id, Name FROM Account WHERE {KEY} LIKE '{tag}%' ORDER BY Name"
    page = api.call(
        "GET", "/query", params={"q": soql}, headers={"Sforce-Query-Options": "batchSize=200"}
    ).json()
    assert (page["totalSize"], page["done"], len(page["records"])) == (450, False, 200)
    sf.Account.delete(page["records"][-1]["Id"])
    second = requests.get(
        f"{api.org.url}{page['nextRecordsUrl']}", headers=api.http.headers, timeout=10
    ).json()
    assert (second["records"][0]["Name"], second["totalSize"], second["done"]) == ("P0200", 450, True)
    assert len(sf.query_all(soql)["records"]) == 449


def test_cascade_and_cleared_lookups_and_their_return(sf: Salesforce, api: Client) -> None:
    parent = sf.Account.create({"Name": "parent"})["id"]
    child = sf.Account.create({"Name": "child", "ParentId": parent})["id"]
    contact = sf.Contact.create({"LastName": "c", "AccountId": parent})["id"]
    task = sf.Task.create({"Subject": "t", "WhoId": contact})["id"]
    sf.Account.delete(parent)
    assert api.query(f"SELECT Id FROM Contact WHERE Id = '{contact}'") == []
    assert api.query(f"SELECT Id FROM Task WHERE Id = '{task}'") == []
    assert api.query(f"SELECT ParentId FROM Account WHERE Id = '{child}'")[0]["ParentId"] is None
    hidden = api.call(
        "GET", "/queryAll", params={"q": f"SELECT IsDeleted FROM Contact WHERE Id = '{contact}'"}
    ).json()
    assert hidden["records"][0]["IsDeleted"] is True
    assert "<success>true</success>" in soap(api, f"<undelete><ids>{parent}</ids></undelete>")
    assert api.query(f"SELECT ParentId FROM Account WHERE Id = '{child}'")[0]["ParentId"] == parent
    assert len(api.query(f"SELECT Id FROM Task WHERE Id = '{task}'")) == 1


def test_deletion_that_a_case_forbids(sf: Salesforce, api: Client) -> None:
    account = sf.Account.create({"Name": "a"})["id"]
    sf.Case.create({"Subject": "s", "AccountId": account})
    assert refused(api.call("DELETE", f"/sobjects/Account/{account}")) == (400, "DELETE_FAILED")


def test_a_recycled_record_frees_its_key_but_cannot_return_while_it_is_taken(
    sf: Salesforce, api: Client
) -> None:
    key = f"bin:{next(unique)}"
    first = sf.Account.create({"Name": "a", KEY: key})["id"]
    sf.Account.delete(first)
    sf.Account.create({"Name": "b", KEY: key})
    assert "DUPLICATE_VALUE" in soap(api, f"<undelete><ids>{first}</ids></undelete>")
    assert "<success>true</success>" in soap(api, f"<emptyRecycleBin><ids>{first}</ids></emptyRecycleBin>")


def soap(api: Client, inner: str) -> str:
    """A partner SOAP call in the client's session."""
    envelope = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns="urn:partner.soap.sforce.com"><e:Header>'
        f"<SessionHeader><sessionId>{api.org.access_token}</sessionId></SessionHeader></e:Header><e:Body>{inner}</e:Body></e:Envelope>"
    )
    return requests.post(f"{api.org.url}/services/Soap/u/60.0", data=envelope, timeout=10).text


@pytest.mark.requirement("C1")
def test_collections_keep_the_order_and_roll_back_together(api: Client) -> None:
    account = {"attributes": {"type": "Account"}}
    records = [
        {**account, "Name": "one"},
        account,
        {"attributes": {"type": "Lead"}, "LastName": "l", "Company": "c"},
    ]
    some = api.call("POST", "/composite/sobjects", json={"records": records})
    assert (some.status_code, [item["success"] for item in some.json()]) == (200, [True, False, True])
    assert some.json()[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    before = len(api.query("SELECT Id FROM Lead"))
    none = api.call("POST", "/composite/sobjects", json={"records": records, "allOrNone": True}).json()
    codes = [item["errors"][0]["statusCode"] for item in none]
    assert codes == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert len(api.query("SELECT Id FROM Lead")) == before
    ids = [item["id"] for item in some.json() if item["success"]]
    read = api.call(
        "POST",
        "/composite/sobjects/Account",
        json={"ids": [*ids[:1], "0015gR0000zzzzzABA"], "fields": ["Name"]},
    )
    assert [record and record["Name"] for record in read.json()] == ["one", None]
    changed = api.call(
        "PATCH", "/composite/sobjects", json={"records": [{**account, "id": ids[0], "Name": "two"}, account]}
    ).json()
    assert [changed[0]["success"], changed[1]["errors"][0]["statusCode"]] == [True, "MISSING_ARGUMENT"]
    assert changed[1]["errors"][0]["message"] == "Id not specified in an update call"
    gone = api.call("DELETE", "/composite/sobjects", params={"ids": ",".join(ids)}).json()
    assert [item["success"] for item in gone] == [True, True]
    assert refused(api.call("POST", "/composite/sobjects", json={"records": []})) == (
        400,
        "REQUIRED_FIELD_MISSING",
    )


def test_collection_upsert(api: Client) -> None:
    keys = [f"coll:{next(unique)}" for _ in range(3)]
    records = [{"attributes": {"type": "Account"}, "Name": key, KEY: key} for key in keys]
    first = api.call("PATCH", f"/composite/sobjects/Account/{KEY}", json={"records": records}).json()
    again = api.call(
        "PATCH", f"/composite/sobjects/Account/{KEY}", json={"records": [*records, records[0]]}
    ).json()
    assert [item["created"] for item in first] == [True] * 3
    assert [item["success"] for item in again] == [False, True, True, False]
    assert again[0]["errors"][0]["message"] == f"Duplicate external id specified: {keys[0]}"


def test_composite_refers_to_earlier_answers(api: Client) -> None:
    root = "/services/data/v60.0"
    requests_ = [
        {"method": "POST", "url": f"{root}/sobjects/Account", "referenceId": "a", "body": {"Name": "comp"}},
        {
            "method": "POST",
            "url": f"{root}/sobjects/Contact",
            "referenceId": "c",
            "body": {"LastName": "x", "AccountId": "@{a.id}"},
        },
        {
            "method": "GET",
            "url": f"{root}/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{{c.id}}'",
            "referenceId": "q",
        },
        {"method": "GET", "url": f"{root}/sobjects/Account/@{{nope.id}}", "referenceId": "bad"},
    ]
    found = api.call("POST", "/composite", json={"compositeRequest": requests_}).json()["compositeResponse"]
    assert [item["httpStatusCode"] for item in found] == [201, 201, 200, 400]
    assert found[2]["body"]["records"][0]["Account"]["Name"] == "comp"
    rolled = api.call("POST", "/composite", json={"compositeRequest": requests_, "allOrNone": True}).json()[
        "compositeResponse"
    ]
    assert [item["httpStatusCode"] for item in rolled] == [400] * 4
    batch = api.call(
        "POST", "/composite/batch", json={"batchRequests": [{"method": "GET", "url": "v60.0/limits"}]}
    ).json()
    assert (batch["hasErrors"], batch["results"][0]["statusCode"]) == (False, 200)


def test_a_tree_comes_whole_or_not_at_all(api: Client) -> None:
    contact = {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "leaf"}
    tree = {
        "attributes": {"type": "Account", "referenceId": "a"},
        "Name": "root",
        "Contacts": {"records": [contact]},
    }
    made = api.call("POST", "/composite/tree/Account", json={"records": [tree]})
    assert (made.status_code, [item["referenceId"] for item in made.json()["results"]]) == (201, ["a", "c"])
    contact.pop("LastName")
    broken = api.call("POST", "/composite/tree/Account", json={"records": [{**tree, "Name": "never stored"}]})
    assert (broken.status_code, broken.json()["hasErrors"]) == (400, True)
    assert api.query("SELECT Id FROM Account WHERE Name = 'never stored'") == []


@pytest.mark.parametrize("blob_first", [True, False])
def test_files_as_multipart_in_either_order(api: Client, sf: Salesforce, blob_first: bool) -> None:
    account = sf.Account.create({"Name": "with file"})["id"]
    entity = json.dumps({"PathOnClient": "a b.txt", "FirstPublishLocationId": account})
    parts = [
        ("entity_content", (None, entity, "application/json")),
        ("VersionData", ("a.txt", b"\x00\r\n--x\r\n", "application/octet-stream")),
    ]
    made = api.call("POST", "/sobjects/ContentVersion", files=parts[::-1] if blob_first else parts)
    assert made.status_code == 201, made.text
    version = api.call("GET", f"/sobjects/ContentVersion/{made.json()['id']}").json()
    assert (version["Title"], version["ContentSize"], version["FileType"], version["IsLatest"]) == (
        "a b",
        8,
        "TEXT",
        True,
    )
    assert (
        api.call("GET", f"/sobjects/ContentVersion/{made.json()['id']}/VersionData").content
        == b"\x00\r\n--x\r\n"
    )
    links = api.query(
        f"SELECT LinkedEntityId FROM ContentDocumentLink WHERE ContentDocumentId = "
        f"'{version['ContentDocumentId']}'"
    )
    assert account in {link["LinkedEntityId"] for link in links}


def test_files_as_base64(api: Client) -> None:
    body = {"PathOnClient": "x.pdf", "VersionData": base64.b64encode(b"abc").decode()}
    made = api.call("POST", "/sobjects/ContentVersion", json=body).json()
    assert api.call("GET", f"/sobjects/ContentVersion/{made['id']}/VersionData").content == b"abc"
    assert refused(api.call("POST", "/sobjects/ContentVersion", json={**body, "VersionData": "%"})) == (
        400,
        "JSON_PARSER_ERROR",
    )
    assert refused(api.call("POST", "/sobjects/ContentVersion", json={"PathOnClient": "x"})) == (
        400,
        "REQUIRED_FIELD_MISSING",
    )


def test_login_ways(rehearsal_org: RunningOrg) -> None:
    token = f"{rehearsal_org.url}/services/oauth2/token"

    def ask(**form: str) -> tuple[int, dict[str, Any]]:
        answer = requests.post(token, data=form, timeout=10)
        return answer.status_code, answer.json()

    status, granted = ask(grant_type="client_credentials", client_id="rehearsal", client_secret="rehearsal")
    assert (status, granted["token_type"], granted["instance_url"]) == (200, "Bearer", rehearsal_org.url)
    assert ask(grant_type="client_credentials", client_id="rehearsal", client_secret="wrong")[0] == 400
    assert ask(grant_type="password", username="a", password="b")[1]["error"] == "invalid_grant"
    basic = requests.post(
        token, data={"grant_type": "client_credentials"}, auth=("rehearsal", "rehearsal"), timeout=10
    )
    assert basic.status_code == 200
    assert (
        ask(
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
            assertion=assertion("ann@org.example", 300),
        )[0]
        == 200
    )
    assert (
        ask(
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
            assertion=assertion("ian@org.example", 300),
        )[0]
        == 400
    )
    assert (
        ask(
            grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer",
            assertion=assertion("ann@org.example", -300),
        )[0]
        == 400
    )
    assert ask(grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion="a.b")[0] == 400
    header = {"Authorization": f"Bearer {granted['access_token']}"}
    assert (
        requests.get(granted["id"], headers=header, timeout=10).json()["username"]
        == "admin@rehearsal.example"
    )
    requests.post(
        f"{rehearsal_org.url}/services/oauth2/revoke", data={"token": granted["access_token"]}, timeout=10
    )
    ended = requests.get(f"{rehearsal_org.url}/services/data/v60.0/limits", headers=header, timeout=10)
    assert (ended.status_code, ended.json()) == (
        401,
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
    )


def assertion(user: str, seconds: int) -> str:
    """An unsigned stand-in of a signed assertion; the org has no key to check it with."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iss": "app", "sub": user, "aud": "https://login.salesforce.com", "exp": time.time() + seconds}
    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2ln"


def test_soap_login_of_simple_salesforce(rehearsal_org: RunningOrg) -> None:
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns="urn:partner.soap.sforce.com"><e:Body><login>'
        "<username>ann@org.example</username><password>{}</password></login></e:Body></e:Envelope>"
    )
    url = f"{rehearsal_org.url}/services/Soap/u/60.0"
    good = requests.post(url, data=body.format("rehearsalTOKEN"), timeout=10)
    assert (
        f"<serverUrl>{rehearsal_org.url}/services/Soap/u/60.0/{rehearsal_org.org_id[:15]}</serverUrl>"
        in good.text
    )
    bad = requests.post(url, data=body.format("nope"), timeout=10)
    assert (bad.status_code, "INVALID_LOGIN" in bad.text) == (500, True)
    assert requests.post(url, data="<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", timeout=10).status_code == 500


def test_the_page_for_people(rehearsal_org: RunningOrg) -> None:
    page = requests.get(f"{rehearsal_org.url}/", timeout=10)
    assert page.headers["content-type"].startswith("text/html")
    assert "Rehearsal org" in page.text and "<script" not in page.text
