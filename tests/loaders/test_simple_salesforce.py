"""simple-salesforce, unchanged, over https: every part of it that has an endpoint in the rehearsal org.

Not here: its login helpers (they only know Salesforce's own host names), `apexecute`, `set_password` and the mdapi calls
that write single components (there is no Apex, no password and no createMetadata here).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rehearsal_support import KEY, connect, write_manifest
from simple_salesforce import Salesforce  # noqa: TID251
from simple_salesforce.bulk2 import ColumnDelimiter, Operation  # noqa: TID251
from simple_salesforce.exceptions import (  # noqa: TID251
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
)
from test_real_clients import package

from loaders.rehearsal.process import RunningOrg, start_org

pytestmark = pytest.mark.requirement("C1")


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    """An org of its own, because some tests count what is in it."""
    folder = tmp_path_factory.mktemp("simple-org")
    with start_org(declare=write_manifest(folder / "manifest.json"), seed=13) as running:
        yield running


@pytest.fixture(scope="module")
def client(org: RunningOrg) -> Salesforce:
    """The client with a session."""
    return connect(org)


def names(client: Salesforce, prefix: str) -> list[str]:
    """Names of the live accounts whose external id begins with the prefix."""
    found = client.query(f"SELECT Name FROM Account WHERE {KEY} LIKE '{prefix}%' ORDER BY {KEY}")
    return [record["Name"] for record in found["records"]]


def test_records_by_id_and_by_external_id(client: Salesforce) -> None:
    made = client.Account.create({"Name": "One", KEY: "s/1"})
    assert client.Account.update(made["id"], {"Name": "One again"}) == 204
    assert client.Account.get(made["id"])["Name"] == "One again"
    assert client.Account.upsert(f"{KEY}/s:2", {"Name": "Two"}) == 201
    assert client.Account.upsert(f"{KEY}/s:2", {"Name": "Two again"}) == 200
    assert client.Account.get_by_custom_id(KEY, "s:2")["Name"] == "Two again"
    assert client.Account.get_by_custom_id(KEY, "s/1")["Id"] == made["id"]
    since, until = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    assert made["id"] in client.Account.updated(since, until)["ids"]
    assert client.Account.delete(made["id"]) == 204
    gone = client.Account.deleted(since, until)["deletedRecords"]
    assert [record["id"] for record in gone] == [made["id"]]


def test_one_external_id_for_two_records(client: Salesforce) -> None:
    for name in ("A", "B"):
        client.Contact.create({"LastName": name, "Email": "both@x.example"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        client.Contact.get_by_custom_id("Email", "both@x.example")


def test_describes(client: Salesforce, org: RunningOrg) -> None:
    listed = {entry["name"]: entry for entry in client.describe()["sobjects"]}
    assert listed["Account"]["keyPrefix"] == "001"
    assert client.Account.metadata()["objectDescribe"]["name"] == "Account"
    fields = {field["name"]: field for field in client.Account.describe()["fields"]}
    assert fields[KEY]["externalId"] is True
    assert "editLayoutSections" in client.Account.describe_layout("012000000000000AAA")
    assert client.is_sandbox() is True
    assert client.limits()["DailyApiRequests"]["Max"] == 1_000_000
    assert client.api_usage["api-usage"].total == 1_000_000
    assert client.oauth2("userinfo")["organization_id"] == org.org_id


def test_pages_of_a_query(client: Salesforce) -> None:
    client.bulk2.Account.insert(
        records=[{"Name": f"Page {n}", KEY: f"page:{n:04}"} for n in range(2_500)], wait=0
    )
    soql = f"SELECT Id, Name FROM Account WHERE {KEY} LIKE 'page:%' ORDER BY {KEY}"
    first = client.query(soql)
    assert (first["totalSize"], first["done"], len(first["records"])) == (2_500, False, 2_000)
    assert len(client.query_more(first["nextRecordsUrl"], identifier_is_url=True)["records"]) == 500
    more = client.query_more(first["nextRecordsUrl"].rpartition("/")[2])
    assert (more["done"], more["records"][-1]["Name"]) == (True, "Page 2499")
    assert client.query_all(soql)["totalSize"] == len(list(client.query_all_iter(soql))) == 2_500
    last = client.query(f"SELECT Id FROM Account WHERE {KEY} = 'page:2499'")["records"][0]["Id"]
    client.Account.delete(last)
    assert client.query_all(soql)["totalSize"] == 2_499
    assert client.query_all(soql, include_deleted=True)["totalSize"] == 2_500


def test_search(client: Salesforce) -> None:
    made = client.Account.create({"Name": "Zanzibar Traders"})
    found = client.search("FIND {Zanzibar} IN ALL FIELDS RETURNING Account(Id, Name)")["searchRecords"]
    assert [(record["Id"], record["Name"]) for record in found] == [(made["id"], "Zanzibar Traders")]
    assert made["id"] in [record["Id"] for record in client.quick_search("Zanzibar")["searchRecords"]]


def test_other_resources_by_restful(client: Salesforce) -> None:
    steps: list[dict[str, Any]] = [
        {"method": "POST", "url": "/services/data/v60.0/sobjects/Account", "referenceId": "a", "body": {"Name": "Parent"}},
        {"method": "POST", "url": "/services/data/v60.0/sobjects/Contact", "referenceId": "c",
         "body": {"LastName": "Child", "AccountId": "@{a.id}"}},
        {"method": "GET", "url": "/services/data/v60.0/sobjects/Contact/@{c.id}?fields=Account.Name", "referenceId": "r"},
    ]  # fmt: skip
    done = client.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": steps})
    assert [step["httpStatusCode"] for step in done["compositeResponse"]] == [201, 201, 200]
    assert done["compositeResponse"][2]["body"]["Account"]["Name"] == "Parent"
    counted = client.restful("limits/recordCount", params={"sObjects": "Contact,Campaign"})["sObjects"]
    assert [entry["name"] for entry in counted] == ["Contact"]
    tooled = client.toolingexecute(
        "query/?q=SELECT+QualifiedApiName+FROM+EntityDefinition+WHERE+QualifiedApiName='Lead'"
    )
    assert tooled["records"][0]["QualifiedApiName"] == "Lead"


def test_refusals_have_their_exceptions(client: Salesforce, org: RunningOrg) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="REQUIRED_FIELD_MISSING"):
        client.Account.create({})
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_QUERY_LOCATOR"):
        client.query_more("01g000000000000-2000")
    stranger = Salesforce(instance_url=org.https_url, session_id="nobody", session=client.session)
    with pytest.raises(SalesforceExpiredSession, match="INVALID_SESSION_ID"):
        stranger.query("SELECT Id FROM Account")


def test_a_file_travels_both_ways(client: Salesforce) -> None:
    body = {"PathOnClient": "note.bin", "Title": "note"}
    made = client.restful("sobjects/ContentVersion", method="POST", json={**body, "VersionData": "AAECAw=="})
    assert client.ContentVersion.get_base64(made["id"], "VersionData") == b"\x00\x01\x02\x03"


def test_bulk2_ingest(client: Salesforce, tmp_path: Path) -> None:
    account = client.bulk2.Account
    rows = [{"Name": f"Bulk {n}", KEY: f"b2:{n}"} for n in range(3)]
    assert account.insert(records=rows, wait=0)[0]["numberRecordsProcessed"] == 3
    mixed = [{"Name": "Bulk 0 again", KEY: "b2:0"}, {"Name": "", KEY: "b2:9"}]
    job = account.upsert(records=mixed, external_id_field=KEY, wait=0)[0]
    assert job["numberRecordsFailed"] == 1
    sets = account.get_all_ingest_records(job["job_id"])
    assert [row["sf__Created"] for row in sets["successfulRecords"]] == ["false"]
    assert sets["failedRecords"][0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    assert sets["unprocessedRecords"] == []
    ids = [
        row["Id"]
        for row in client.query(f"SELECT Id FROM Account WHERE {KEY} LIKE 'b2:%' ORDER BY {KEY}")["records"]
    ]
    account.update(records=[{"Id": identifier, "Name": "Updated"} for identifier in ids], wait=0)
    assert names(client, "b2:") == ["Updated"] * 3
    assert account.delete(records=[{"Id": ids[0]}], wait=0)[0]["numberRecordsFailed"] == 0
    assert account.hard_delete(records=[{"Id": ids[1]}], wait=0)[0]["numberRecordsFailed"] == 0
    everything = f"SELECT Id FROM Account WHERE {KEY} LIKE 'b2:%'"
    assert client.query_all(everything, include_deleted=True)["totalSize"] == 2
    file = tmp_path / "rows.csv"
    file.write_text(f"Name;{KEY}\nFrom file;b2f:1\n", encoding="utf-8")
    account.insert(csv_file=str(file), column_delimiter=ColumnDelimiter.SEMICOLON, wait=0)
    assert names(client, "b2f:") == ["From file"]


def test_bulk2_query(client: Salesforce, tmp_path: Path) -> None:
    account = client.bulk2.Account
    account.insert(records=[{"Name": f"Row {n}", KEY: f"bq:{n}"} for n in range(5)], wait=0)
    soql = f"SELECT Name, {KEY} FROM Account WHERE {KEY} LIKE 'bq:%'"
    pages = list(account.query(soql, max_records=2, wait=0))
    read = [row["Name"] for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert (len(pages), sorted(read)) == (3, [f"Row {n}" for n in range(5)])
    files = account.download(soql, path=str(tmp_path), max_records=3, wait=0)
    assert [file["number_of_records"] for file in files] == [3, 2]
    client.Account.delete(client.query(soql.replace("Name,", "Id, Name,"))["records"][0]["Id"])
    kept, all_of_them = list(account.query(soql, wait=0)), list(account.query_all(soql, wait=0))
    assert (kept[0].count("\n"), all_of_them[0].count("\n")) == (5, 6)


def test_bulk2_jobs(client: Salesforce) -> None:
    handler = client.bulk2.Account._client
    job = handler.create_job(Operation.insert)
    assert handler.get_job(job["id"], False)["state"] == "Open"
    assert handler.abort_job(job["id"], False)["state"] == "Aborted"


def test_bulk_v1(client: Salesforce) -> None:
    account = client.bulk.Account
    rows = [{"Name": "Old one", KEY: "v1:1"}, {"Name": None, KEY: "v1:2"}, {"Name": "Old three", KEY: "v1:3"}]
    inserted = account.insert(rows)
    assert [row["success"] for row in inserted] == [True, False, True]
    assert inserted[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    upserted = account.upsert(
        [{"Name": "Again", KEY: "v1:3"}, {"Name": "New", KEY: "v1:4"}], KEY, batch_size=1
    )
    assert sorted(row["created"] for row in upserted) == [False, True]
    account.update([{"Id": inserted[0]["id"], "Name": "Updated", "Parent": {KEY: "v1:4"}}])
    queried = account.query(
        f"SELECT Name, Parent.Name, CreatedDate FROM Account WHERE {KEY} LIKE 'v1:%' ORDER BY {KEY}"
    )
    assert [row["Name"] for row in queried] == ["Updated", "Again", "New"]
    assert queried[0]["Parent"]["Name"] == "New"
    assert isinstance(queried[0]["CreatedDate"], int)  # Bulk v1 writes milliseconds there
    detailed = account.delete([{"Id": inserted[0]["id"]}], include_detailed_results=True)
    assert (detailed[0]["success"], detailed[0]["Id"]) == (True, inserted[0]["id"])
    assert account.hard_delete([{"Id": inserted[2]["id"]}], use_serial=True)[0]["success"] is True
    assert len(account.query_all(f"SELECT Id FROM Account WHERE {KEY} LIKE 'v1:%'")) == 2
    assert client.bulk.submit_dml("Account", "insert", [{"Name": "Dml", KEY: "v1:5"}])[0]["success"] is True


def test_metadata(
    client: Salesforce, org: RunningOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "REQUESTS_CA_BUNDLE", str(org.ca_file)
    )  # its WSDL client does not use the given session
    zipped = str(package(tmp_path / "package.zip", "Shade__c"))
    for check_only in (True, False):
        asked = client.deploy(zipped, sandbox=True, checkOnly=check_only)
        status = client.checkDeployStatus(asked["asyncId"], sandbox=True)
        assert (status["state"], status["deployment_detail"]["deployed_count"]) == ("Succeeded", "1")
    assert client.Contact.create({"LastName": "Shaded", "Shade__c": "dark"})["success"] is True
    assert "PermissionSet" in [kind.xmlName for kind in client.mdapi.describe_metadata().metadataObjects]
    wanted = client.mdapi.ListMetadataQuery(type="CustomField")
    assert "Contact.Shade__c" in [found.fullName for found in client.mdapi.list_metadata([wanted])]
    assert client.mdapi.CustomField.read("Contact.Shade__c").length == 40
