"""Bulk API 2.0 of the rehearsal org: the life of a job, its three result sets, and what spoils it."""

from __future__ import annotations

import gzip
import itertools
import time

import pytest
from rehearsal_support import KEY, Client
from simple_salesforce import Salesforce  # noqa: TID251

from loaders.rehearsal.process import start_org

unique = itertools.count(1)


def rows(tag: str, count: int, *more: str) -> str:
    """CSV with Name, key and further constant cells."""
    return "".join(f"N{n},{tag}:{n}{''.join(',' + cell for cell in more)}\n" for n in range(count))


@pytest.mark.requirement("C1")
def test_simple_salesforce_loads_and_reads(sf: Salesforce, api: Client) -> None:
    tag = f"ss{next(unique)}"
    records = [{"Name": f"N{n}", KEY: f"{tag}:{n}", "NumberOfEmployees": str(n)} for n in range(30)] + [
        {"Name": "", KEY: f"{tag}:x"}
    ]
    done = sf.bulk2.Account.insert(records=records, wait=0.05)
    assert (done[0]["numberRecordsProcessed"], done[0]["numberRecordsFailed"]) == (31, 1)
    failed = sf.bulk2.Account.get_failed_records(done[0]["job_id"])
    assert '"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"' in failed
    again = sf.bulk2.Account.upsert(records=records[:30], external_id_field=KEY, wait=0.05)
    assert again[0]["numberRecordsFailed"] == 0
    page = "".join(
        sf.bulk2.Account.query(f"SELECT Id, {KEY} FROM Account WHERE {KEY} LIKE '{tag}:%'", wait=0.05)
    )
    assert page.count("\n") == 31
    assert len(api.query(f"SELECT Id FROM Account WHERE {KEY} LIKE '{tag}:%'")) == 30


@pytest.mark.requirement("C1")
def test_the_life_of_a_job(api: Client) -> None:
    job = api.open_job("Account", "insert")
    assert (
        job["state"] == "Open" and job["contentUrl"] == f"services/data/v60.0/jobs/ingest/{job['id']}/batches"
    )
    assert (job["apiVersion"], job["concurrencyMode"], job["contentType"]) == (60.0, "Parallel", "CSV")
    put = api.call("PUT", f"/jobs/ingest/{job['id']}/batches/", data="Name\nA\n")
    assert (put.status_code, put.content) == (201, b"")
    assert api.call("GET", f"/jobs/ingest/{job['id']}/successfulResults").status_code == 400
    closed = api.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"}).json()
    assert closed["state"] == "UploadComplete" and "contentUrl" not in closed and "lineEnding" not in closed
    done = api.finish(job["id"])
    assert (done.job["numberRecordsProcessed"], done.job["numberRecordsFailed"], done.job["jobType"]) == (
        1,
        0,
        "V2Ingest",
    )
    assert (
        list(done.successful[0]) == ["sf__Id", "sf__Created", "Name"]
        and done.successful[0]["sf__Created"] == "true"
    )
    raw = api.call("GET", f"/jobs/ingest/{job['id']}/successfulResults")
    assert raw.text.startswith('"sf__Id","sf__Created"') and not raw.text.endswith("\n")
    assert api.call("PUT", f"/jobs/ingest/{job['id']}/batches", data="Name\nB\n").status_code == 400
    listed = api.call("GET", "/jobs/ingest").json()
    assert listed["done"] is True and job["id"] in {item["id"] for item in listed["records"]}
    assert api.call("DELETE", f"/jobs/ingest/{job['id']}").status_code == 204
    assert api.call("GET", f"/jobs/ingest/{job['id']}").status_code == 404


def test_second_upload_spoils_a_job(api: Client) -> None:
    job = api.open_job("Account", "insert")
    for name in ("A", "B"):
        assert api.call("PUT", f"/jobs/ingest/{job['id']}/batches", data=f"Name\n{name}\n").status_code == 201
    refused = api.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    assert refused.status_code == 400 and refused.json()[0]["message"].startswith(
        f"Found multipe contents for job: <{job['id']}>"
    )
    assert (
        api.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    )
    assert api.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "Aborted"}).status_code == 400


@pytest.mark.requirement("C1")
def test_results_come_in_another_order_than_the_upload(api: Client) -> None:
    tag = f"shuffle{next(unique)}"
    done = api.bulk("Account", "insert", f"Name,{KEY}\n{rows(tag, 300)}")
    keys = [row[KEY] for row in done.successful]
    assert keys != sorted(keys, key=lambda key: int(key.split(":")[1])) and len(set(keys)) == 300
    by_id = {
        row["Id"]: row[KEY] for row in api.query(f"SELECT Id, {KEY} FROM Account WHERE {KEY} LIKE '{tag}:%'")
    }
    assert all(by_id[row["sf__Id"]] == row[KEY] for row in done.successful)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        ("Name,StageName_x\na,b\n", {}, "InvalidBatch : Field name not found : StageName_x"),
        ("Name,Name\na,b\n", {}, "InvalidBatch : Duplicate field name: Name"),
        (
            "Name\r\na\r\n",
            {},
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            "Name\na\n",
            {"lineEnding": "CRLF"},
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF",
        ),
        (
            "Name,Site\na\n",
            {},
            "InvalidBatch : A row of the CSV data has more or fewer columns than the header",
        ),
        (
            "Name,Site\na,b,c\n",
            {},
            "InvalidBatch : A row of the CSV data has more or fewer columns than the header",
        ),
        (b"Name\n\xff\xfe\n", {}, "ClientInputError : Data is not encoded in UTF-8"),
        (b"Name\n" + b"a\n" * 600_000 + b"\xff\n", {}, "InvalidBatch : Data is not encoded in UTF-8"),
        ('Name\n"a\n', {}, "InvalidBatch : Unterminated or misplaced quote in the CSV data"),
        ("", {}, "InvalidBatch : The data has no header row"),
        ("Account.Name\na\n", {}, "InvalidBatch : Field name not found : Account.Name"),
        ("Name,Parent.Name\na,b\n", {}, "InvalidBatch : Field name not found : Parent.Name"),
        ("BillingAddress\na\n", {}, "InvalidBatch : Field name not found : BillingAddress"),
    ],
)
def test_spoiled_data_fails_the_whole_job(
    api: Client, data: str | bytes, settings: dict[str, str], message: str
) -> None:
    before = len(api.query("SELECT Id FROM Account LIMIT 1000"))
    done = api.bulk("Account", "insert", data, **settings)
    assert (done.job["state"], done.job["errorMessage"], done.job["numberRecordsProcessed"]) == (
        "Failed",
        message,
        0,
    )
    assert len(api.query("SELECT Id FROM Account LIMIT 1000")) == before


def test_job_settings_are_checked(api: Client) -> None:
    wrong = [
        {"object": "Nope", "operation": "insert"},
        {"object": "Account", "operation": "merge"},
        {"object": "Account", "operation": "upsert"},
        {"object": "Account", "operation": "upsert", "externalIdFieldName": "Industry"},
        {"object": "Account", "operation": "insert", "externalIdFieldName": KEY},
        {"object": "Account", "operation": "insert", "columnDelimiter": "SPACE"},
        {"object": "Account", "operation": "insert", "contentType": "JSON"},
    ]
    for body in wrong:
        assert api.call("POST", "/jobs/ingest", json=body).status_code == 400, body


@pytest.mark.parametrize(
    ("name", "mark"), [("PIPE", "|"), ("TAB", "\t"), ("SEMICOLON", ";"), ("CARET", "^"), ("BACKQUOTE", "`")]
)
def test_delimiters_line_endings_and_quotes(api: Client, name: str, mark: str) -> None:
    key = f"delim{next(unique)}"
    cell = f'"two ""quoted"" {mark} words,\nand a line"'
    data = f"\ufeffName{mark}{KEY}{mark}Notes__c\r\nA{mark}{key}{mark}{cell}\r\n"
    done = api.bulk("Account", "insert", data, columnDelimiter=name, lineEnding="CRLF")
    assert done.job["numberRecordsFailed"] == 0, done
    assert (
        api.query(f"SELECT Notes__c FROM Account WHERE {KEY} = '{key}'")[0]["Notes__c"]
        == f'two "quoted" {mark} words,\nand a line'
    )


def test_gzip_uploads_and_broken_ones(api: Client) -> None:
    key = f"gzip{next(unique)}"
    packed = gzip.compress(f"Name,{KEY}\nA,{key}\n".encode())
    job = api.open_job("Account", "insert")
    path = f"/jobs/ingest/{job['id']}/batches"
    assert api.call("PUT", path, data=packed[:-9], headers={"Content-Encoding": "gzip"}).status_code == 400
    assert api.call("PUT", path, data=b"no gzip", headers={"Content-Encoding": "gzip"}).status_code == 400
    assert api.call("PUT", path, data=packed, headers={"Content-Encoding": "gzip"}).status_code == 201
    api.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    assert api.finish(job["id"]).job["numberRecordsProcessed"] == 1


@pytest.mark.requirement("C1")
def test_update_ignores_empty_cells_and_clears_with_na(api: Client) -> None:
    key = f"na{next(unique)}"
    made = api.bulk("Account", "insert", f"Name,{KEY},Phone,Website\nA,{key},1,w\n").successful[0]["sf__Id"]
    done = api.bulk(
        "Account", "update", f"Id,Phone,Website\n{made[:15]},#N/A,\n0015gR0000zzzzzABA,1,\n,1,\nbad,1,\n"
    )
    assert api.query(f"SELECT Phone, Website FROM Account WHERE Id = '{made}'") == [
        {"Phone": None, "Website": "w"}
    ]
    assert done.errors() == ["INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "MISSING_ARGUMENT"]
    assert "0015gR0000zzzzzABA" in {row["sf__Id"] for row in done.failed}


@pytest.mark.requirement("C1")
def test_parents_by_external_id(api: Client) -> None:
    tag = f"par{next(unique)}"
    api.bulk("Account", "insert", f"Name,{KEY}\n{rows(tag, 3)}")
    header = f"LastName,Email,{KEY},Account.{KEY},Owner.Username"
    lines = [
        header,
        f"a,a{tag}@x.example,{tag}:c1,{tag}:1,ann@org.example",
        f"b,,{tag}:c2,{tag}:nope,",
        f"c,,{tag}:c3,#N/A,",
        f"d,,{tag}:c4,,",
    ]
    data = "\n".join(lines) + "\n"
    done = api.bulk("Contact", "insert", data)
    assert [row["sf__Error"] for row in done.failed] == [
        f"INVALID_FIELD:Foreign key external ID: {tag}:nope not found for field {KEY} in entity "
        f"Account:AccountId --"
    ]
    contact = api.query(f"SELECT Account.{KEY}, Owner.Name FROM Contact WHERE {KEY} = '{tag}:c1'")[0]
    assert (contact["Account"][KEY], contact["Owner"]["Name"]) == (f"{tag}:1", "Ann Active")
    task = api.bulk(
        "Task", "insert", f"Subject,Contact:Who.Email,Account:What.{KEY}\nt,a{tag}@x.example,{tag}:2\n"
    )
    assert task.job["numberRecordsFailed"] == 0, task.failed
    found = api.query(f"SELECT Who.Name, What.Name FROM Task WHERE Id = '{task.successful[0]['sf__Id']}'")[0]
    assert (found["Who"]["Name"], found["What"]["Name"]) == ("a", "N2")


@pytest.mark.requirement("C1")
def test_the_same_key_twice(api: Client) -> None:
    tag = f"twice{next(unique)}"
    same_chunk = api.bulk("Account", "upsert", f"Name,{KEY}\nA,{tag}\nB,{tag}\nC,{tag}:other\n", KEY)
    assert [row["sf__Error"] for row in same_chunk.failed] == [
        f"DUPLICATE_VALUE:Duplicate external id specified: {tag}:{KEY} --"
    ] * 2
    chunks = f"Name,{KEY}\nFirst,{tag}\n{rows(tag + 'x', 250)}Last,{tag}\n"
    across = api.bulk("Account", "upsert", chunks, KEY)
    assert across.job["numberRecordsFailed"] == 0
    assert [row["sf__Created"] for row in across.successful if row[KEY] == tag].count("true") == 1
    assert api.query(f"SELECT Name FROM Account WHERE {KEY} = '{tag}'") == [{"Name": "Last"}]
    inserted = api.bulk("Account", "insert", f"Name,{KEY}\nA,{tag}:i\nB,{tag}:i\n")
    assert (len(inserted.successful), inserted.errors()) == (1, ["DUPLICATE_VALUE"])


def test_upsert_by_another_unique_field_ignores_case(api: Client) -> None:
    code = f"Code{next(unique)}"
    api.bulk("Account", "upsert", f"Name,Short_Code__c\nA,{code}\n", "Short_Code__c")
    declared = {
        field["name"]: field for field in api.call("GET", "/sobjects/Account/describe").json()["fields"]
    }
    assert declared["Short_Code__c"]["caseSensitive"] is True, "declared unique texts are case sensitive"


def test_row_errors_have_the_form_of_salesforce(api: Client) -> None:
    done = api.bulk(
        "Opportunity",
        "insert",
        "Name,StageName,CloseDate,Amount\nA,Closed "
        "Won,2003-04-98,1\nB,X,2024-01-01,\nC,,,\nD,X,2024-01-01,1e\n",
    )
    errors = {row["Name"]: row["sf__Error"] for row in done.failed}
    assert errors == {
        "A": "INVALID_FIELD:Failed to deserialize field at col 2. Due to, '2003-04-98' is not a valid value "
        "for the type "
        "xsd:date:CloseDate --",
        "C": "REQUIRED_FIELD_MISSING:Required fields are missing: [StageName, CloseDate]:"
        "StageName CloseDate --",
        "D": "INVALID_FIELD:Failed to deserialize field at col 3. Due to, '1e' is not a valid value for the "
        "type xsd:double:Amount --",
    }


def test_delete_and_hard_delete(api: Client) -> None:
    tag = f"del{next(unique)}"
    ids = [row["sf__Id"] for row in api.bulk("Account", "insert", f"Name,{KEY}\n{rows(tag, 4)}").successful]
    soft = api.bulk("Account", "delete", "Id\n" + "".join(f"{i}\n" for i in (*ids[:2], ids[0])))
    assert (len(soft.successful), soft.errors()) == (2, ["ENTITY_IS_DELETED"])
    hard = api.bulk("Account", "hardDelete", "Id\n" + "".join(f"{i}\n" for i in ids[2:]))
    assert len(hard.successful) == 2
    kept = api.call(
        "GET", "/queryAll", params={"q": f"SELECT Id FROM Account WHERE {KEY} LIKE '{tag}:%'"}
    ).json()
    assert sorted(record["Id"] for record in kept["records"]) == sorted(ids[:2])
    assert api.bulk("Account", "delete", "Id,Name\na,b\n").job["state"] == "Failed"


def test_multipart_job(api: Client) -> None:
    key = f"multi{next(unique)}"
    parts = [
        (
            "job",
            (None, '{"object": "Account", "operation": "insert", "lineEnding": "LF"}', "application/json"),
        ),
        ("content", ("content.csv", f"Name,{KEY}\nA,{key}\n", "text/csv")),
    ]
    job = api.call("POST", "/jobs/ingest", files=parts).json()
    assert job["state"] == "UploadComplete"
    assert api.finish(job["id"]).job["numberRecordsProcessed"] == 1


@pytest.mark.requirement("C1")
def test_query_job_in_pages(api: Client) -> None:
    tag = f"qj{next(unique)}"
    api.bulk("Account", "insert", f"Name,{KEY},Notes__c\n{rows(tag, 25, '')}")
    soql = f"SELECT Name, {KEY}, Notes__c, Owner.Username FROM Account WHERE {KEY} LIKE '{tag}:%'"
    job = api.call("POST", "/jobs/query", json={"operation": "query", "query": soql}).json()
    assert job["state"] == "UploadComplete"
    while api.call("GET", f"/jobs/query/{job['id']}").json()["state"] != "JobComplete":
        time.sleep(0.02)
    names, locator = [], ""
    while locator != "null":
        page = api.call(
            "GET", f"/jobs/query/{job['id']}/results", params={"maxRecords": 10, "locator": locator}
        )
        lines = page.text.splitlines()
        assert lines[0] == f'"Name","{KEY}","Notes__c","Owner.Username"'
        assert int(page.headers["Sforce-NumberOfRecords"]) == len(lines) - 1
        names += lines[1:]
        locator = page.headers["Sforce-Locator"]
    assert len(set(names)) == 25
    other = Client(api.org, "61.0").call("GET", f"/jobs/query/{job['id']}")
    assert other.status_code == 409
    for soql in ("SELECT COUNT(Id) FROM Account GROUP BY Name", "SELECT Nope FROM Account", ""):
        assert api.call("POST", "/jobs/query", json={"operation": "query", "query": soql}).status_code == 400


@pytest.mark.requirement("C1")
def test_campaign_members_and_activities_follow_their_rules(api: Client, sf: Salesforce) -> None:
    campaign = sf.Campaign.create({"Name": "K"})["id"]
    statuses = api.query(
        f"SELECT Label, IsDefault, HasResponded FROM CampaignMemberStatus WHERE CampaignId = "
        f"'{campaign}' ORDER BY SortOrder"
    )
    assert [(s["Label"], s["IsDefault"], s["HasResponded"]) for s in statuses] == [
        ("Sent", True, False),
        ("Responded", False, True),
    ]
    lead = sf.Lead.create({"LastName": "l", "Company": "c"})["id"]
    contact = sf.Contact.create({"LastName": "c"})["id"]
    people = (f"{lead},,Responded", f"{lead},,", f"{lead},{contact},", ",,")
    data = "CampaignId,LeadId,ContactId,Status\n" + "".join(f"{campaign},{person}\n" for person in people)
    done = api.bulk("CampaignMember", "insert", data)
    assert done.errors() == ["DUPLICATE_VALUE", "REQUIRED_FIELD_MISSING"]
    assert any(row["sf__Error"] == "DUPLICATE_VALUE:Already a campaign member.:--" for row in done.failed)
    members = api.query(
        f"SELECT Type, Status, HasResponded, LeadId FROM CampaignMember WHERE CampaignId = "
        f"'{campaign}' ORDER BY Type"
    )
    assert [(m["Type"], m["Status"], m["HasResponded"], bool(m["LeadId"])) for m in members] == [
        ("Contact", "Sent", False, False),
        ("Lead", "Responded", True, True),
    ]
    account = sf.Account.create({"Name": "a"})["id"]
    tasks = api.bulk(
        "Task", "insert", f"WhoId,WhatId,Status\n{lead},{account},\n{contact},{account},Completed\n"
    )
    assert tasks.errors() == ["FIELD_INTEGRITY_EXCEPTION"]
    task = api.query(
        f"SELECT AccountId, IsClosed, Priority FROM Task WHERE Id = '{tasks.successful[0]['sf__Id']}'"
    )[0]
    assert task == {"AccountId": account, "IsClosed": True, "Priority": "Normal"}


def test_sent_messages_do_not_change(sf: Salesforce, api: Client) -> None:
    message = sf.EmailMessage.create({"Subject": "s", "Status": "3"})["id"]
    assert api.call("PATCH", f"/sobjects/EmailMessage/{message}", json={"Subject": "t"}).status_code == 400
    draft = sf.EmailMessage.create({"Subject": "s", "Status": "5"})["id"]
    assert api.call("PATCH", f"/sobjects/EmailMessage/{draft}", json={"Subject": "t"}).status_code == 204


def test_the_stage_decides_about_an_opportunity(sf: Salesforce) -> None:
    made = sf.Opportunity.create(
        {"Name": "o", "StageName": "Closed Won", "CloseDate": "2024-05-06", "Amount": 50}
    )["id"]
    won = sf.Opportunity.get(made)
    assert (
        won["IsWon"],
        won["IsClosed"],
        won["Probability"],
        won["ForecastCategory"],
        won["FiscalYear"],
    ) == (True, True, 100.0, "Closed", 2024)
    sf.Opportunity.update(made, {"StageName": "A stage nobody knows"})
    lost = sf.Opportunity.get(made)
    assert (lost["StageName"], lost["IsWon"], lost["IsClosed"]) == ("A stage nobody knows", False, False)


def contacts(account: str, prefix: str, rows: int = 40) -> str:
    return "LastName,AccountId\n" + "".join(f"{prefix}{n},{account}\n" for n in range(rows))


def lock_losers(closing: tuple[int, int]) -> list[tuple[str, list[str]]]:
    """Of two jobs on one account that are closed in this order: errors and names of the refused rows of each."""
    with start_org(row_locks=True, lock_seconds=0.5, seed=5) as org:
        api = Client(org)
        account = api.call("POST", "/sobjects/Account", json={"Name": "parent"}).json()["id"]
        jobs = [api.open_job("Contact", "insert")["id"] for _ in range(2)]
        for job, cell in zip(jobs, (account, account[:15]), strict=True):
            api.call("PUT", f"/jobs/ingest/{job}/batches", data=contacts(cell, "n").encode())
        for place in closing:
            api.call("PATCH", f"/jobs/ingest/{jobs[place]}", json={"state": "UploadComplete"})
        results = [api.finish(job) for job in jobs]
        retry = api.bulk("Contact", "insert", contacts(account, "again"))
        assert (retry.failed, len(retry.successful)) == ([], 40)
        return [
            ("".join(sorted(set(one.errors()))), sorted(row["LastName"] for row in one.failed))
            for one in results
        ]


@pytest.mark.requirement("C5")
def test_of_two_jobs_in_flight_on_one_parent_the_younger_loses_the_same_rows_each_time() -> None:
    first, second = lock_losers((0, 1)), lock_losers((1, 0))
    assert first == second
    (older, none), (younger, lost) = first
    assert (older, none) == ("", []) and younger == "UNABLE_TO_LOCK_ROW" and 5 < len(lost) < 35


def test_a_row_of_empty_cells_is_a_row_and_an_empty_line_is_none(api: Client) -> None:
    result = api.bulk("Account", "insert", "Name,Phone\n,\n\nx,1\n\n")
    assert (len(result.successful), result.errors()) == (1, ["REQUIRED_FIELD_MISSING"])
    assert result.job["numberRecordsProcessed"] == 2
    assert len(api.bulk("Account", "insert", "Name\n\nx\n\n").successful) == 1
