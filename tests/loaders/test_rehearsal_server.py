"""The rehearsal org as a process: restarts, many clients at once, faults on purpose, limits."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from rehearsal_support import KEY, Client, write_manifest

from loaders.errors import ConfigurationError
from loaders.rehearsal.org.dump import dump
from loaders.rehearsal.org.faults import Faults
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.state import Org
from loaders.rehearsal.process import RunningOrg, start_org
from loaders.rehearsal.server import bind


def set_faults(api: Client, *rules: dict[str, Any]) -> None:
    """Replaces the script of faults."""
    answer = requests.put(f"{api.org.url}/rehearsal/faults", json=list(rules), timeout=10)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def faulty(api: Client) -> Any:
    """The client, with faults taken away afterwards."""
    yield api
    set_faults(api)


@pytest.mark.requirement("C1")
def test_state_survives_a_restart_and_declared_fields_follow_the_manifest(tmp_path: Path) -> None:
    state, manifest = tmp_path / "org.duckdb", tmp_path / "manifest.json"
    with start_org(state=state, declare=manifest) as org:
        api = Client(org)
        assert (
            api.call("POST", "/sobjects/Account", json={"Name": "a", KEY: "k"}).json()[0]["errorCode"]
            == "INVALID_FIELD"
        )
        write_manifest(manifest)
        assert api.call("POST", "/sobjects/Account", json={"Name": "a", KEY: "k"}).status_code == 201
        job = api.open_job("Account", "insert")
        first = requests.get(f"{org.url}/rehearsal/dump", timeout=10).text
    with start_org(state=state, declare=manifest) as again:
        assert again.org_id == org.org_id
        other = Client(again)
        assert requests.get(f"{again.url}/rehearsal/dump", timeout=10).text == first
        assert other.call("GET", f"/jobs/ingest/{job['id']}").json()["state"] == "Open"
        other.http.headers["Authorization"] = f"Bearer {org.access_token}"
        assert other.call("GET", "/limits").status_code == 200, "a session outlives a restart"


def test_interrupted_jobs_go_on(tmp_path: Path) -> None:
    options = Options(state=tmp_path / "org.duckdb", batch_rows=10, batches_at_once=1)
    with Org(options) as org:
        org.jobs.stop()
        job = org.jobs.create(
            kind="ingest", operation="insert", object="Account", user_id=org.admin_id, version="60.0"
        )
        org.ingest.upload_path(job).write_text(
            "Name\n" + "".join(f"N{n}\n" for n in range(35)), encoding="utf-8"
        )
        job.state = "UploadComplete"
        org.jobs.save(job)
        for _ in range(3):
            org.step(job)
        assert (job.state, job.processed) == ("InProgress", 20)
    with Org(options) as org:
        found = org.jobs.get(job.id, "ingest")
        deadline = time.monotonic() + 20
        while found.state != "JobComplete" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (found.state, found.processed, found.failed) == ("JobComplete", 35, 0)
        assert org.store.rows('select count(*), count(distinct "Name") from org."Account"') == [(35, 35)]
        assert (
            org.ingest.result_path(found, "successfulResults").read_text(encoding="utf-8").count("\n") == 35
        )


def test_nothing_but_loopback() -> None:
    with bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        with pytest.raises(ConfigurationError, match="cannot be used"):
            listener.listen()
            bind(listener.getsockname()[1])


@pytest.mark.requirement("C1")
def test_twenty_clients_lose_nothing(rehearsal_org: RunningOrg, api: Client) -> None:
    def work(number: int) -> list[int]:
        client = Client(rehearsal_org)
        statuses = []
        for turn in range(2):
            made = client.call(
                "POST", "/sobjects/Account", json={"Name": f"many {number}", KEY: f"many:{number}:{turn}"}
            )
            statuses.append(made.status_code)
            shared = client.call(
                "PATCH", f"/sobjects/Account/{KEY}/many:shared", json={"Name": f"many {number} {turn}"}
            )
            statuses.append(shared.status_code)
            client.query("SELECT Id, Owner.Name FROM Account LIMIT 5")
        return statuses

    with ThreadPoolExecutor(20) as threads:
        statuses = [status for found in threads.map(work, range(20)) for status in found]
    assert sorted(set(statuses)) == [200, 201] and statuses.count(201) == 41
    assert len(api.query(f"SELECT Id FROM Account WHERE {KEY} LIKE 'many:%'")) == 41


def test_jobs_at_the_same_time(api: Client) -> None:
    def work(number: int) -> int:
        data = f"Name,{KEY}\n" + "".join(f"N,par:{number}:{n}\n" for n in range(500))
        return len(Client(api.org).bulk("Account", "upsert", data, KEY).successful)

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(work, range(6))) == [500] * 6
    assert api.query(f"SELECT COUNT(Id) n FROM Account WHERE {KEY} LIKE 'par:%'")[0]["n"] == 3000


@pytest.mark.requirement("C1")
def test_calls_fail_as_told(faulty: Client) -> None:
    set_faults(
        faulty,
        {"match": "GET /limits", "nth": [1, 3], "action": "status", "status": 503, "retry_after": 2},
        {"match": "POST /sobjects/Account", "nth": 1, "action": "reset", "when": "after"},
        {"match": "GET /recent", "times": 1, "action": "expire_session"},
    )
    answers = [faulty.call("GET", "/limits") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 200, 503]
    assert (
        answers[0].headers["Retry-After"] == "2" and answers[0].json()[0]["errorCode"] == "SERVER_UNAVAILABLE"
    )
    with pytest.raises(requests.ConnectionError):
        faulty.call("POST", "/sobjects/Account", json={"Name": "it was stored all the same"})
    assert len(faulty.query("SELECT Id FROM Account WHERE Name = 'it was stored all the same'")) == 1
    shown = requests.get(f"{faulty.org.url}/rehearsal/faults", timeout=10).json()
    assert [rule["hits"] for rule in shown] == [2, 1, 0]


def test_sessions_expire_as_told(tmp_path: Path) -> None:
    script = tmp_path / "faults.yml"
    script.write_text('- {match: "* /limits", nth: 2, action: expire_session}\n', encoding="utf-8")
    with start_org(faults=script) as org:
        api = Client(org)
        assert [api.call("GET", "/limits").status_code for _ in range(3)] == [200, 401, 401]
        api.http.headers["Authorization"] = f"Bearer {org.login()}"
        assert api.call("GET", "/limits").status_code == 200


@pytest.mark.requirement("C1")
def test_jobs_fail_as_told(faulty: Client) -> None:
    def rows(tag: str) -> str:
        return f"Name,{KEY}\n" + "".join(f"N,{tag}:{n}\n" for n in range(40))

    set_faults(faulty, {"object": "Account", "action": "fail", "after_rows": 25, "nth": 1})
    half = faulty.bulk("Account", "insert", rows("f1"))
    assert (half.job["state"], len(half.successful), len(half.unprocessed)) == ("Failed", 25, 15)
    set_faults(faulty, {"action": "lock_error", "fraction": 0.3})
    locked = faulty.bulk("Account", "insert", rows("f2"))
    assert (
        set(locked.errors()) == {"UNABLE_TO_LOCK_ROW"} and len(locked.successful) + len(locked.failed) == 40
    )
    set_faults(faulty, {"action": "lost_results", "fraction": 0.5})
    lost = faulty.bulk("Account", "insert", rows("f3"))
    assert lost.job["numberRecordsProcessed"] == 40 and 0 < len(lost.successful) < 40 and not lost.unprocessed
    set_faults(faulty, {"action": "unprocessed", "fraction": 0.5}, {"action": "slow", "seconds": 0.3})
    started = time.monotonic()
    some = faulty.bulk("Account", "insert", rows("f4"))
    assert some.unprocessed and len(some.successful) + len(some.unprocessed) == 40
    assert time.monotonic() - started > 0.3
    set_faults(faulty, {"action": "stuck"})
    job = faulty.open_job("Account", "insert")
    faulty.call("PUT", f"/jobs/ingest/{job['id']}/batches", data="Name\na\n")
    faulty.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    time.sleep(0.3)
    assert faulty.call("GET", f"/jobs/ingest/{job['id']}").json()["state"] == "InProgress"
    assert (
        faulty.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "Aborted"}).json()["state"]
        == "Aborted"
    )


@pytest.mark.requirement("C1")
def test_an_upload_breaks_in_the_middle_and_a_new_one_succeeds(faulty: Client) -> None:
    match = "PUT /jobs/ingest/*/batches"
    set_faults(
        faulty,
        {"match": match, "nth": 1, "action": "status", "status": 500, "when": "during"},
        {"match": match, "nth": 1, "action": "reset", "when": "during"},
    )
    job, data = faulty.open_job("Account", "insert")["id"], "Name\n" + "N\n" * 400_000
    for expected in (500, None):
        try:
            status = faulty.call("PUT", f"/jobs/ingest/{job}/batches", data=data).status_code
        except requests.ConnectionError:
            status = None
        assert status in (expected, None)
    assert faulty.call("GET", f"/jobs/ingest/{job}").json()["state"] == "Open"
    assert faulty.call("PUT", f"/jobs/ingest/{job}/batches", data="Name\nwhole\n").status_code == 201
    faulty.call("PATCH", f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    assert [row["Name"] for row in faulty.finish(job).successful] == ["whole"]


@pytest.mark.requirement("C1")
def test_storage_runs_full_in_the_middle_of_a_job(faulty: Client) -> None:
    set_faults(faulty, {"action": "storage_full", "after_rows": 25})
    result = faulty.bulk("Account", "insert", "Name\n" + "".join(f"full {n}\n" for n in range(40)))
    assert (len(result.successful), result.errors()) == (25, ["STORAGE_LIMIT_EXCEEDED"] * 15)


def test_a_revoked_client_gets_no_session_for_a_while() -> None:
    with start_org() as org:
        api = Client(org)
        set_faults(api, {"match": "GET /limits", "nth": 2, "action": "revoke", "seconds": 1.5})
        assert [api.call("GET", "/limits").status_code for _ in range(2)] == [200, 401]
        with pytest.raises(urllib.error.HTTPError, match="400"):
            org.login()
        time.sleep(1.6)
        api.http.headers["Authorization"] = f"Bearer {org.login()}"
        assert api.call("GET", "/limits").status_code == 200


def test_the_schema_changes_while_clients_are_at_work() -> None:
    with start_org() as org:
        api = Client(org)
        set_faults(
            api,
            {"match": "GET /limits", "nth": 1, "action": "change_describe", "object": "Account", "field": "Fax"},
            {"match": "GET /limits", "nth": 1, "action": "change_describe", "object": "Lead", "field": "Email",
             "change": "require"},
        )  # fmt: skip
        assert len(api.bulk("Account", "insert", "Name,Fax\na,1\n").successful) == 1
        assert [api.call("GET", "/limits").status_code for _ in range(2)] == [200, 200]
        names = {one["name"] for one in api.call("GET", "/sobjects/Account/describe").json()["fields"]}
        assert "Fax" not in names and "Phone" in names
        gone = api.bulk("Account", "insert", "Name,Fax\nb,1\n").job
        assert (gone["state"], gone["errorMessage"]) == (
            "Failed",
            "InvalidBatch : Field name not found : Fax",
        )
        assert api.bulk("Lead", "insert", "LastName,Company\na,b\n").errors() == ["REQUIRED_FIELD_MISSING"]


def test_fault_scripts_are_checked_and_repeatable() -> None:
    with pytest.raises(ConfigurationError, match="Fault 1: unknown action 'explode'"):
        Faults().replace([{"action": "explode"}])
    with pytest.raises(ConfigurationError, match="unknown settings: oops"):
        Faults().replace([{"match": "*", "action": "reset", "oops": 1}])

    def pattern(seed: int) -> list[bool]:
        faults = Faults(seed=seed)
        faults.replace([{"match": "GET /x", "probability": 0.3, "action": "reset"}])
        return [faults.for_call("GET", "/services/data/v60.0/x") is not None for _ in range(50)]

    assert pattern(1) == pattern(1) != pattern(2)
    assert 5 < sum(pattern(1)) < 25


@pytest.mark.requirement("C1")
def test_limits_stop_what_goes_beyond_them() -> None:
    with start_org(daily_api_requests=12, daily_bulk_batches=2, batch_rows=10, data_storage_mb=1) as org:
        api = Client(org)
        job = api.open_job("Account", "insert")
        api.call("PUT", f"/jobs/ingest/{job['id']}/batches", data="Name\n" + "n\n" * 25)
        api.call("PATCH", f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
        done = api.finish_quietly(job["id"])
        assert (done["state"], done["numberRecordsProcessed"]) == ("Failed", 20)
        while (answer := api.call("GET", "/limits")).status_code == 200:
            pass
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_full_storage() -> None:
    with Org(Options(data_storage_mb=1)) as org:
        session = org.login(org.admin_id)
        from loaders.rehearsal.org.rest_rows import write_rows

        info = org.catalogue.object("Account")
        outcomes = write_rows(
            org.store, org.context(session), info, "insert", [{"Name": f"n{n}"} for n in range(600)]
        )
        codes = {outcome.error.code for outcome in outcomes if outcome.error}
        assert (sum(outcome.success for outcome in outcomes), codes) == (512, {"STORAGE_LIMIT_EXCEEDED"})


def test_parallel_jobs_on_one_parent_collide_and_a_retry_succeeds() -> None:
    with Org(Options(row_locks=True, batch_rows=50)) as org:
        org.jobs.stop()
        session = org.login(org.admin_id)
        from loaders.rehearsal.org.rest_rows import write_rows

        account = write_rows(
            org.store, org.context(session), org.catalogue.object("Account"), "insert", [{"Name": "a"}]
        )[0].id
        jobs = []
        for _ in range(2):
            job = org.jobs.create(
                kind="ingest", operation="insert", object="Contact", user_id=org.admin_id, version="60.0"
            )
            text = "LastName,AccountId\n" + "".join(f"L{n},{account}\n" for n in range(200))
            org.ingest.upload_path(job).write_text(text, encoding="utf-8")
            job.state = "UploadComplete"
            jobs.append(job)
        while any(job.state != "JobComplete" for job in jobs):
            for job in jobs:
                if job.state != "JobComplete":
                    org.step(job)
        failed = sum(job.failed for job in jobs)
        assert 0 < failed < 400
        stored = org.store.rows('select count(*) from org."Contact"')[0][0]
        assert stored == 400 - failed


def test_two_orgs_with_the_same_data_give_the_same_text() -> None:
    texts = []
    for order in (1, -1):
        with Org(Options()) as org:
            session = org.login(org.admin_id)
            from loaders.rehearsal.org.rest_rows import write_rows

            info = org.catalogue.object("Account")
            rows = [{"Name": f"n{n}", "NumberOfEmployees": n} for n in range(5)][::order]
            write_rows(org.store, org.context(session), info, "insert", rows)
            with org.store.reader() as cursor:
                texts.append(dump(cursor, org.catalogue))
    assert texts[0] == texts[1] and "NumberOfEmployees: 4" in texts[0] and "0015gR" not in texts[0]


def test_a_stop_in_the_middle_of_requests_leaves_a_whole_state(tmp_path: Path) -> None:
    org = start_org(state=tmp_path / "org.duckdb")
    api, made = Client(org), []

    def create() -> None:
        try:
            while True:
                made.append(api.call("POST", "/sobjects/Account", json={"Name": "n"}).json()["id"])
        except (requests.RequestException, json.JSONDecodeError, TypeError):
            pass

    thread = threading.Thread(target=create)
    thread.start()
    time.sleep(0.5)
    org.stop()
    thread.join()
    with Org(Options(state=tmp_path / "org.duckdb")) as again:
        stored = {row[0] for row in again.store.rows('select "Id" from org."Account"')}
    assert made and set(made) <= stored
