"""Bulk API v1 of the rehearsal org, where clients differ in what they send: XML, JSON and CSV; and what is wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from rehearsal_support import KEY, Client, write_manifest

from loaders.rehearsal.process import RunningOrg, start_org

pytestmark = pytest.mark.requirement("C1")

SPACE = "http://www.force.com/2009/06/asyncapi/dataload"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
CSV, XML, JSON = "text/csv", "application/xml", "application/json"


class V1:
    """Bulk v1 by hand."""

    def __init__(self, org: RunningOrg, token: str | None = None) -> None:
        self.base = f"{org.url}/services/async/60.0/job"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["X-SFDC-Session"] = org.access_token if token is None else token

    def send(self, path: str, body: str | bytes, content_type: str) -> requests.Response:
        """A POST below /job."""
        data = body.encode() if isinstance(body, str) else body
        return self.http.post(self.base + path, data=data, headers={"Content-Type": content_type}, timeout=60)

    def job(
        self, operation: str, content_type: str = "CSV", key: str | None = None, sobject: str = "Account"
    ) -> str:
        """The id of a new job, made with XML."""
        named = f"<externalIdFieldName>{key}</externalIdFieldName>" if key else ""
        named += f"<contentType>{content_type}</contentType>"
        settings = f"<operation>{operation}</operation><object>{sobject}</object>{named}"
        answer = self.send("", f'{HEAD}<jobInfo xmlns="{SPACE}">{settings}</jobInfo>', XML)
        assert answer.status_code == 201, answer.text
        return values(answer)["id"]

    def batch(self, job: str, body: str | bytes, content_type: str = CSV) -> str:
        """The id of a new batch."""
        answer = self.send(f"/{job}/batch", body, content_type)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json() if content_type == JSON else values(answer)
        assert found["state"] == "Queued"
        return str(found["id"])

    def get(self, path: str) -> requests.Response:
        """A GET below /job."""
        return self.http.get(self.base + path, timeout=60)

    def results(self, job: str, batch: str) -> list[dict[str, str]]:
        """The results of a CSV batch."""
        return list(csv.DictReader(io.StringIO(self.get(f"/{job}/batch/{batch}/result").text)))


def values(answer: requests.Response) -> dict[str, str]:
    """Child → text of an XML answer."""
    return {child.tag.partition("}")[2]: child.text or "" for child in ElementTree.fromstring(answer.content)}


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and exceptionCode, in whichever form."""
    json_answer = "json" in answer.headers["content-type"]
    return answer.status_code, (answer.json() if json_answer else values(answer))["exceptionCode"]


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    folder = tmp_path_factory.mktemp("v1-org")
    with start_org(
        declare=write_manifest(folder / "manifest.json"), state=folder / "org.duckdb", seed=3
    ) as running:
        yield running


@pytest.fixture(scope="module")
def v1(org: RunningOrg) -> V1:
    return V1(org)


def test_results_keep_the_order_of_the_rows(v1: V1, org: RunningOrg) -> None:
    job = v1.job("upsert", key=KEY)
    rows = "".join(f"{'' if n % 7 == 0 else f'Name {n}'},order:{n}\r\n" for n in range(1_000))
    batch = v1.batch(job, f"Name,{KEY}\r\n{rows}".encode("utf-8-sig"))
    found = v1.results(job, batch)
    assert [row["Success"] for row in found] == ["false" if n % 7 == 0 else "true" for n in range(1_000)]
    assert found[0]["Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    stored = {
        r[KEY]: r["Id"]
        for r in Client(org).query(f"SELECT Id, {KEY} FROM Account WHERE {KEY} LIKE 'order:%'")
    }
    assert all(row["Id"] == stored[f"order:{n}"] for n, row in enumerate(found) if row["Success"] == "true")
    shown = values(v1.get(f"/{job}"))
    assert (shown["numberRecordsProcessed"], shown["numberRecordsFailed"]) == ("1000", "143")
    assert (shown["numberBatchesTotal"], shown["numberBatchesCompleted"], shown["state"]) == (
        "1",
        "1",
        "Open",
    )


def test_xml_rows_with_nil_and_a_parent(v1: V1, org: RunningOrg) -> None:
    job = v1.job("insert", "XML")
    first = f"<sObject><Name>Nil &amp; co</Name><{KEY}>xml:1</{KEY}><Phone xsi:nil='true'/></sObject>"
    body = f'{HEAD}<sObjects xmlns="{SPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    batch = v1.batch(job, f"{body}{first}<sObject><Phone>1</Phone></sObject></sObjects>", XML)
    result = ElementTree.fromstring(v1.get(f"/{job}/batch/{batch}/result").content)
    assert [item.findtext(f"{{{SPACE}}}success") for item in result] == ["true", "false"]
    assert result[1].findtext(f"{{{SPACE}}}errors/{{{SPACE}}}statusCode") == "REQUIRED_FIELD_MISSING"
    child = f"<sObject><Name>Child</Name><Parent><sObject><{KEY}>xml:1</{KEY}></sObject></Parent></sObject>"
    v1.batch(job, f"{body}{child}</sObjects>", XML)
    found = Client(org).query("SELECT Parent.Name FROM Account WHERE Name = 'Child'")
    assert found[0]["Parent"]["Name"] == "Nil & co"


def test_a_query_in_each_form(v1: V1, org: RunningOrg) -> None:
    Client(org).call("POST", "/sobjects/Account", json={"Name": 'Query "me"', KEY: "q:1"})
    soql = f"SELECT Name, Phone FROM Account WHERE {KEY} = 'q:1'"
    answers = {}
    for form in ("CSV", "XML", "JSON"):
        job = v1.job("query", form)
        batch = v1.batch(job, soql, XML)
        listed = v1.get(f"/{job}/batch/{batch}/result")
        result = listed.json()[0] if form == "JSON" else values(listed)["result"]
        answers[form] = v1.get(f"/{job}/batch/{batch}/result/{result}")
    assert answers["CSV"].text.splitlines() == ['"Name","Phone"', '"Query ""me""",""']
    assert answers["JSON"].json()[0]["Name"] == 'Query "me"'
    assert ElementTree.fromstring(answers["XML"].content)[0].findtext(f"{{{SPACE}}}Name") == 'Query "me"'


def test_jobs_end_and_take_no_more(v1: V1) -> None:
    job = v1.job("insert")
    closed = v1.send(f"/{job}", json.dumps({"state": "Closed"}), JSON)
    assert (closed.status_code, closed.json()["state"]) == (200, "Closed")
    assert refusal(v1.send(f"/{job}/batch", "Name\nA\n", CSV)) == (400, "InvalidJobState")
    assert refusal(v1.send(f"/{job}", json.dumps({"state": "Closed"}), JSON)) == (400, "InvalidJobState")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Name,Nope\nA,1\n", "InvalidBatch : Field name not found : Nope"),
        ('Name\n"open\n', "InvalidBatch : "),
        ("Name\nA,B\n", "InvalidBatch : "),
        (b"Name\n\xff\xfe\n", "ClientInputError : Data is not encoded in UTF-8"),
        (
            "Name\n" + "A\n" * 10_001,
            "InvalidBatch : Records not processed. The batch has more than 10000 records",
        ),
    ],
)
def test_a_batch_that_fails_as_a_whole(v1: V1, body: str | bytes, message: str) -> None:
    job = v1.job("insert")
    batch = v1.batch(job, body)
    shown = values(v1.get(f"/{job}/batch/{batch}"))
    assert (shown["state"], shown["numberRecordsProcessed"]) == ("Failed", "0")
    assert shown["stateMessage"].startswith(message)
    assert refusal(v1.get(f"/{job}/batch/{batch}/result")) == (400, "InvalidBatch")


def test_refused_requests(v1: V1, org: RunningOrg) -> None:
    assert refusal(V1(org, "nobody").get("/750000000000000")) == (400, "InvalidSessionId")
    assert refusal(v1.get("/750000000000000")) == (400, "InvalidJob")
    assert refusal(v1.send("", "<jobInfo", XML)) == (400, "InvalidJob")
    assert refusal(v1.send("", "[]", JSON)) == (400, "InvalidJob")
    for settings in (
        {"operation": "merge", "object": "Account"},
        {"operation": "insert", "object": "Nope", "contentType": "CSV"},
        {"operation": "insert", "object": "Account", "contentType": "ZIP_CSV"},
        {"operation": "upsert", "object": "Account", "contentType": "CSV", "externalIdFieldName": "Phone"},
    ):
        assert refusal(v1.send("", json.dumps(settings), JSON)) == (400, "InvalidJob"), settings
    job = v1.job("insert", "JSON")
    for body in ("{}", "[1]", "[{", "", '[{"Name": {"deep": {"er": 1}}}'):
        assert refusal(v1.send(f"/{job}/batch", body, JSON)) == (400, "InvalidBatch"), body
    old = v1.base.replace("60.0", "9.0")
    assert v1.http.get(f"{old}/{job}", timeout=30).status_code == 400


def test_jobs_and_results_survive_a_restart(tmp_path: Path) -> None:
    options = {
        "state": tmp_path / "org.duckdb",
        "declare": write_manifest(tmp_path / "manifest.json"),
        "seed": 5,
    }
    with start_org(**options) as running:
        before = V1(running)
        job = before.job("insert")
        batch = before.batch(job, "Name\nKept\n")
    with start_org(**options) as running:
        after = V1(running)
        assert after.results(job, batch)[0]["Success"] == "true"
        assert after.get(f"/{job}/batch/{batch}/request").text == "Name\nKept\n"
