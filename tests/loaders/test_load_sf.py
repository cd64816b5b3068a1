"""Loads into the rehearsal org, over HTTP, with shuffled results and all that can go wrong on the way."""

from __future__ import annotations

import io
import json
import re
import stat
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from load_fixtures import FAST, KEY, Bench, Workspace, column, model, standard_models

from loaders.errors import ConfigurationError, RefusedError, RemoteError
from loaders.rehearsal.process import RunningOrg
from loaders.salesforce import send, session
from loaders.salesforce.load import load
from loaders.salesforce.session import Org
from loaders.salesforce.status import status
from loaders.salesforce.story import why
from loaders.salesforce.targets import Target, read_target

Answer = Callable[[requests.PreparedRequest], requests.Response | None]


class Wire:
    """Stands between loader and org: counts calls, and breaks those that a rule names, a number of times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.rules: list[list[Any]] = []
        send = session._BigBlocks.send

        def through(adapter: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            call = f"{request.method} {re.sub(r'^https?://[^/]+', '', str(request.url))}"
            self.calls.append(call)
            for rule in self.rules:
                pattern, times, before, after = rule
                if times and re.search(pattern, call):
                    rule[1] -= 1
                    early = before(request) if before else None
                    if early is not None:
                        return early
                    answer = send(adapter, request, **options)
                    return after(answer) if after else answer
            return send(adapter, request, **options)

        monkeypatch.setattr(session._BigBlocks, "send", through)

    def when(self, pattern: str, times: int = 1, before: Any = None, after: Any = None) -> None:
        """Calls that match go through `before` (may answer or raise) and `after` (changes the answer)."""
        self.rules.append([pattern, times, before, after])

    def count(self, pattern: str) -> int:
        """How many calls matched."""
        return sum(bool(re.search(pattern, call)) for call in self.calls)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def _dropped(*_: Any) -> requests.Response:
    raise requests.ConnectionError("dropped by the test")


def _status(code: int, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
    def answer(request: requests.PreparedRequest) -> requests.Response:
        response = requests.Response()
        response.status_code = code
        response._content = json.dumps(body or []).encode()
        response.headers.update(headers or {})
        response.url = str(request.url)
        return response

    return answer


def _edited(change: Callable[[str], str]) -> Callable[[requests.Response], requests.Response]:
    """An answer whose CSV went through `change`."""

    def edit(answer: requests.Response) -> requests.Response:
        edited = requests.Response()
        edited.status_code, edited.url = answer.status_code, answer.url
        edited.raw = io.BytesIO(change(answer.content.decode("utf-8")).encode("utf-8"))
        return edited

    return edit


def _by_mart(result: Any) -> dict[str, Any]:
    return {mart.mart: mart for mart in result.marts}


# what arrives


@pytest.mark.requirement("COM-05")
@pytest.mark.requirement("C2")
def test_everything_arrives_and_a_second_run_sends_nothing(bench: Bench, wire: Wire) -> None:
    first = bench.load()
    assert first.exit_code == 0, bench.lines
    sums = [(mart.mart, mart.new, mart.accepted) for mart in first.marts]
    assert sums == [("accounts", 6, 6), ("contacts", 12, 12)]
    accounts = bench.records("Account", "Name", "Owner.Email", "NumberOfEmployees")
    contacts = bench.records("Contact", "Account.Name", "Birthdate", "Description", "Opted_Out__c")
    assert accounts["2"]["Name"] == 'Company 2, "Süß" & Co'
    assert accounts["3"]["Owner"]["Email"].lower() == "owner@example.com"
    assert contacts["1"]["Account"]["Name"] == 'Company 2, "Süß" & Co'
    assert contacts["5"]["Account"] is None
    assert contacts["4"]["Description"].replace("\r\n", "\n") == 'line one\nline "two", 😀'
    assert (contacts["4"]["Opted_Out__c"], contacts["1"]["Birthdate"]) == (True, "1980-01-02")
    before, posted = bench.dump(), wire.count("POST .*/jobs/ingest")
    second = bench.load()
    assert [(mart.same, mart.sent) for mart in second.marts] == [(6, 0), (12, 0)]
    assert wire.count("POST .*/jobs/ingest") == posted
    assert bench.dump() == before


def test_only_changed_rows_are_sent_and_a_value_that_went_away_is_emptied(bench: Bench) -> None:
    bench.load()
    bench.workspace.sql(
        "update marts.sf_contacts set birthdate = null, last_name = 'New' "
        f"where record_key = '{bench.key('contact', 3)}'"
    )
    result = bench.load("contacts")
    assert [(mart.changed, mart.sent, mart.accepted) for mart in result.marts] == [(1, 1, 1)]
    contact = bench.records("Contact", "LastName", "Birthdate", "Email")["3"]
    assert (contact["LastName"], contact["Birthdate"]) == ("New", None)


@pytest.mark.requirement("COM-05")
def test_contacts_before_accounts_are_blocked_named_and_loaded_by_the_next_run(bench: Bench) -> None:
    first = bench.load("contacts")
    contacts = _by_mart(first)["contacts"]
    assert (contacts.new, contacts.blocked, contacts.accepted) == (2, 10, 2), "two contacts have no company"
    assert first.exit_code == 1
    assert f"AccountId needs accounts {bench.key('company', 2)}" in "\n".join(first.lines())
    assert set(bench.records("Contact")) == {"5", "10"}
    assert bench.load("accounts").exit_code == 0
    again = bench.load("contacts")
    assert (again.exit_code, _by_mart(again)["contacts"].accepted) == (0, 10)
    assert {contact["AccountId"] for contact in bench.records("Contact", "AccountId").values()} >= {None}


@pytest.mark.parametrize("email", ["nobody@example.com", "gone@example.com"])
def test_owner_who_is_missing_or_inactive_blocks_the_row_and_is_named(bench: Bench, email: str) -> None:
    bench.workspace.sql(f"update marts.sf_accounts set owner_email = '{email}' where owner_email is not null")
    result = bench.load("accounts")
    assert (result.exit_code, result.marts[0].blocked, result.marts[0].accepted) == (1, 2, 4)
    assert email in result.marts[0].problems[0].text


def test_confirmed_custom_fields_arrive_and_undeclared_ones_stop_the_mart(
    bench: Bench, shared_org: tuple[RunningOrg, Path]
) -> None:
    confirmed = "company,tier,Account,Tier__c,Text,20,,,Tier,confirmed,"
    bench.workspace.field_map(confirmed)
    _declare_custom(shared_org[1])
    fill = "update marts.sf_accounts set custom_fields = '{}' where employees = 10"
    bench.workspace.sql(fill.replace("{}", '{"Tier__c": "gold"}'))
    assert bench.load("accounts").exit_code == 0
    assert bench.records("Account", "Tier__c")["1"]["Tier__c"] == "gold"
    bench.workspace.sql(fill.replace("{}", '{"Other__c": "x"}'))
    with pytest.raises(RefusedError, match=f"Other__c in 1 row.*{bench.key('company', 1)}"):
        bench.load("accounts")


def _declare_custom(manifest: Path) -> None:
    """Lets the shared org know Tier__c too, as a deployment would; it reads a changed file again."""
    models = standard_models()
    models[1]["columns"]["tier"] = column("tier", {"field": "Tier__c", "type": "Text", "length": 20})
    Workspace(manifest.parent).declare(models, manifest)


@pytest.mark.requirement("COM-04")
def test_proposed_line_stops_the_load_before_the_first_call(bench: Bench, wire: Wire) -> None:
    bench.workspace.field_map("company,tier,Account,Tier__c,Text,20,,,Tier,proposed,")
    with pytest.raises(RefusedError, match=r"test_fields\.csv line 2") as caught:
        bench.load()
    assert caught.value.exit_code == 1
    assert wire.calls == []


def test_dry_run_sends_and_remembers_nothing(bench: Bench, wire: Wire) -> None:
    result = bench.load(dry_run=True)
    assert [mart.plan_line for mart in result.marts] == [
        "accounts -> Account: 6 new, 0 changed, 0 same",
        "contacts -> Contact: 12 new, 0 changed, 0 same",
    ]
    assert wire.count("jobs/ingest") == 0
    assert bench.workspace.ask("select * from ledger.runs") == []
    assert bench.records("Account") == {}


def test_sample_takes_children_with_their_parents(bench: Bench) -> None:
    bench.workspace.standard(accounts=40, contacts=200, source=bench.source)
    result = _by_mart(bench.load(sample=5))
    assert result["contacts"].accepted == 5
    assert 5 <= result["accounts"].accepted <= 10
    assert result["contacts"].blocked == 0
    assert _by_mart(bench.load())["contacts"].accepted == 195


def test_hierarchy_is_filled_in_a_second_pass(bench: Bench) -> None:
    models = standard_models()
    parent = column("parent_key", {"field": "ParentId", "type": "Lookup", "references": "sf_accounts"})
    models[1]["columns"]["parent_key"] = parent
    bench.workspace.declare(models)
    bench.workspace.sql("alter table marts.sf_accounts add column parent_key varchar")
    bench.workspace.sql(
        f"update marts.sf_accounts set parent_key = '{bench.source}:company:' || "
        "(employees / 10 + 1)::integer where employees < 60"
    )
    result = bench.load("accounts")
    sums = [(mart.mart, mart.accepted, mart.jobs) for mart in result.marts]
    assert (result.exit_code, sums) == (0, [("accounts", 6, 1), ("accounts.links", 5, 1)])
    accounts = bench.records("Account", "Parent.Name")
    assert accounts["5"]["Parent"]["Name"] == "Company 6"
    assert [mart.same for mart in bench.load("accounts").marts] == [6, 5]


# modes


def _insert_model() -> dict[str, Any]:
    lead = [
        column("record_key", KEY),
        column("last_name", {"field": "LastName", "type": "Text", "length": 80}),
        column("company", {"field": "Company", "type": "Text", "length": 255}),
        column("created_at", {"field": "CreatedDate", "type": "DateTime", "audit": True}),
    ]
    return model("sf_leads", lead, object="Lead", mode="insert_if_absent", key="Source_System_ID__c")


def test_insert_if_absent_keeps_original_times_and_updates_by_id(
    bench: Bench, shared_org: tuple[RunningOrg, Path]
) -> None:
    Workspace(shared_org[1].parent).declare([*standard_models(), _insert_model()], shared_org[1])
    bench.workspace.declare([_insert_model()])
    bench.workspace.mart(
        "sf_leads",
        f"select '{bench.source}:contact:' || i as record_key, 'N' || i as last_name, 'C' as company, "
        "timestamp '2015-05-05 05:05:05' as created_at from range(1, 5) as numbers(i)",
    )
    assert bench.load().marts[0].accepted == 4
    assert bench.records("Lead", "CreatedDate")["1"]["CreatedDate"].startswith("2015-05-05T05:05:05")
    bench.workspace.sql("update marts.sf_leads set last_name = 'Changed' where last_name = 'N2'")
    changed = bench.load().marts[0]
    assert (changed.new, changed.changed, changed.accepted) == (0, 1, 1)
    bench.workspace.ledger.unlink()
    lost = bench.load().marts[0]
    assert (lost.new, lost.changed, lost.accepted) == (0, 4, 4), "the org was asked before any insert"
    leads = bench.records("Lead", "LastName", "CreatedDate")
    assert (len(leads), leads["2"]["LastName"]) == (4, "Changed")
    assert leads["2"]["CreatedDate"].startswith("2015-05-05T05:05:05")


def test_update_mode_changes_who_is_there_and_names_who_is_not(bench: Bench) -> None:
    staff = [
        column("record_key"),
        column("user_email", {"field": "Email", "type": "Email"}),
        column("title", {"field": "Title", "type": "Text", "length": 80}),
    ]
    bench.workspace.declare([model("sf_staff", staff, object="User", mode="update", natural_key="Email")])
    bench.workspace.mart(
        "sf_staff",
        "select * from (values ('x:1', 'owner@example.com', 'Boss'), ('x:2', 'new@example.com', 'Clerk')) "
        "as rows_of(record_key, user_email, title)",
    )
    result = bench.load().marts[0]
    assert (result.accepted, result.blocked) == (1, 1)
    assert "x:2" in result.problems[0].record_key
    found = next(Org(read_target(), FAST).query("SELECT Title FROM User WHERE Email = 'owner@example.com'"))
    assert found["Title"] == "Boss"
    assert bench.load().marts[0].same == 1


# refusals


def test_refused_row_is_named_stays_owed_and_is_sent_again_when_it_changed(bench: Bench, wire: Wire) -> None:
    workspace, key = bench.workspace, bench.key("contact", 7)
    workspace.sql(f"update marts.sf_contacts set last_name = repeat('x', 300) where record_key = '{key}'")
    first = bench.load()
    assert (first.exit_code, _by_mart(first)["contacts"].refused) == (1, 1)
    told = "\n".join(first.lines())
    assert key in told and "STRING_TOO_LONG" in told and "Next: " in told
    jobs = wire.count("POST .*/jobs/ingest")
    second = _by_mart(bench.load())["contacts"]
    assert (second.owed, second.sent, wire.count("POST .*/jobs/ingest")) == (1, 0, jobs)
    retried = _by_mart(bench.load(retry_failed=True))["contacts"]
    assert (retried.sent, retried.refused) == (1, 1), "once a run, not once a round"
    workspace.sql(f"update marts.sf_contacts set last_name = 'short' where record_key = '{key}'")
    assert bench.load().exit_code == 0


def test_refused_change_leaves_the_record_known(bench: Bench) -> None:
    bench.load()
    key = bench.key("contact", 7)
    bench.workspace.sql(f"update marts.sf_contacts set email = 'no address' where record_key = '{key}'")
    assert _by_mart(bench.load())["contacts"].refused == 1
    (row,) = bench.workspace.ask(
        f"select sf_id is not null, status, error_code from ledger.records where record_key = '{key}'"
    )
    assert row == (True, "refused", "INVALID_EMAIL_ADDRESS")
    assert [mart.owed for mart in bench.load("contacts").marts] == [1]


def test_unknown_field_fails_the_job_not_the_rows(bench: Bench) -> None:
    models = standard_models()
    models[1]["columns"]["website"]["config"]["meta"]["salesforce"]["field"] = "Not_There__c"
    bench.workspace.declare(models)
    with pytest.raises(RefusedError, match=r"failed as a whole: InvalidBatch.*Not_There__c") as caught:
        bench.load("accounts")
    assert "deploy the missing field" in str(caught.value)
    bench.workspace.declare(standard_models())
    assert _by_mart(bench.load("accounts"))["accounts"].accepted == 6, "nothing counts as refused"


def _locked(text: str) -> str:
    """Successful results as failures that met a lock."""
    header, *rows = text.splitlines()
    error = '"","UNABLE_TO_LOCK_ROW:no exclusive access:--"'
    failed = [re.sub(r'^"[^"]*","[^"]*"', error, row) for row in rows]
    return "\n".join([header.replace("sf__Created", "sf__Error"), *failed])


def test_rows_that_met_a_lock_are_sent_again_in_the_same_run(bench: Bench, wire: Wire) -> None:
    stolen: list[str] = []

    def steal(text: str) -> str:
        stolen.append(text)
        return text.splitlines()[0]

    wire.when("successfulResults", after=_edited(steal))
    wire.when("failedResults", after=_edited(lambda _: _locked(stolen[0])))
    result = bench.load("accounts")
    assert (result.exit_code, result.marts[0].sent, result.marts[0].accepted) == (0, 12, 6)
    assert any("passing error again" in line for line in bench.lines)


def test_rows_with_a_lasting_lock_stay_owed_and_go_out_with_the_next_run(bench: Bench, wire: Wire) -> None:
    stolen: list[str] = []

    def steal(text: str) -> str:
        stolen.append(text)
        return text.splitlines()[0]

    wire.when("successfulResults", times=FAST.rounds, after=_edited(steal))
    wire.when("failedResults", times=FAST.rounds, after=_edited(lambda _: _locked(stolen[-1])))
    result = bench.load("accounts")
    assert (result.exit_code, result.marts[0].refused) == (1, 6)
    assert bench.load("accounts").exit_code == 0


# lost answers


def test_lost_results_are_asked_by_key_and_nothing_is_sent_twice(bench: Bench, wire: Wire) -> None:
    wire.when("successfulResults", after=_edited(lambda text: "\n".join(text.splitlines()[:3])))
    result = bench.load("accounts")
    assert (result.exit_code, result.marts[0].accepted, result.marts[0].sent) == (0, 6, 6)
    assert wire.count("POST .*/jobs/ingest") == 1
    assert bench.load("accounts").marts[0].same == 6


def test_lost_results_of_a_change_are_sent_again(bench: Bench, wire: Wire) -> None:
    bench.load("accounts")
    bench.workspace.sql("update marts.sf_accounts set employees = employees + 1")
    wire.when("successfulResults", after=_edited(lambda text: "\n".join(text.splitlines()[:3])))
    result = bench.load("accounts")
    assert (result.exit_code, result.marts[0].accepted, result.marts[0].sent) == (0, 6, 10), result.lines()


def test_results_of_rows_that_were_never_sent_are_not_believed(bench: Bench, wire: Wire) -> None:
    wire.when("successfulResults", after=_edited(lambda text: text.replace(bench.source, "else")))
    with pytest.raises(RemoteError, match="name rows that were not in"):
        bench.load("accounts")
    assert bench.load("accounts").exit_code == 0, "the job is collected again"


def test_download_that_breaks_off_is_read_again(bench: Bench, wire: Wire) -> None:
    def cut(answer: requests.Response) -> requests.Response:
        shorter = _edited(lambda text: text[: len(text) // 2])(answer)
        shorter.headers["Content-Length"] = str(len(answer.content))
        return shorter

    wire.when("successfulResults", after=cut)
    assert bench.load("accounts").marts[0].accepted == 6


# the wire


@pytest.mark.parametrize(
    ("pattern", "before", "after"),
    [
        ("POST .*/jobs/ingest$", _dropped, None),
        ("POST .*/jobs/ingest$", None, _dropped),
        ("POST .*/jobs/ingest$", _status(503, headers={"Retry-After": "0"}), None),
        ("POST .*/jobs/ingest$", _status(429), None),
        ("PUT .*/batches", _dropped, None),
        ("PUT .*/batches", None, _dropped),
        ("PUT .*/batches", _status(503), None),
        ("PATCH", _dropped, None),
        ("PATCH", None, _dropped),
        ("GET .*/jobs/ingest/[^/]+$", _dropped, None),
        ("GET .*/query", _status(500), None),
        ("POST .*/oauth2/token", _status(503), None),
        ("POST .*/jobs/query", None, _dropped),
    ],
)
def test_a_broken_call_is_survived_without_a_duplicate(
    bench: Bench, wire: Wire, pattern: str, before: Any, after: Any
) -> None:
    wire.when(pattern, before=before, after=after)
    assert bench.load("accounts").exit_code == 0, bench.lines
    assert wire.count(pattern) > 1
    assert len(bench.records("Account")) == 6


def test_upload_without_an_answer_gets_a_new_job_and_the_old_one_is_aborted(bench: Bench, wire: Wire) -> None:
    wire.when("PUT .*/batches", after=_dropped)
    bench.load("accounts")
    assert wire.count("PUT .*/batches") == 2
    assert wire.count("POST .*/jobs/ingest") == 2
    jobs = Org(read_target(), FAST).request("GET", "jobs/ingest").json()["records"]
    assert "Aborted" in {job["state"] for job in jobs}


def test_expired_session_is_renewed_in_the_middle(bench: Bench, wire: Wire) -> None:
    def expire(_: requests.PreparedRequest) -> None:
        request = urllib.request.Request(f"{bench.org.url}/rehearsal/expire-sessions", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    wire.when("PUT .*/batches", before=expire)
    wire.when("successfulResults", before=expire)
    assert bench.load("accounts").exit_code == 0
    assert wire.count("oauth2/token") == 3


def test_retry_after_is_honoured(bench: Bench, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(session.time, "sleep", slept.append)
    wire.when("GET .*/query", before=_status(429, headers={"Retry-After": "7"}))
    target = read_target()
    Org(target, session.Pace(first_wait=0.01)).identity()
    assert slept == [7.0]


def test_org_that_stays_away_ends_with_the_command_to_resume(bench: Bench, wire: Wire) -> None:
    wire.when("PUT .*/batches", times=99, before=_dropped)
    with pytest.raises(RemoteError) as caught:
        bench.load("accounts")
    assert caught.value.exit_code == 3
    assert "load-sf --mart accounts --target rehearsal" in str(caught.value)
    assert status().next_commands[0] == "load-sf --mart accounts --target rehearsal --no-preflight"
    wire.rules.clear()
    assert bench.load("accounts").exit_code == 0


def test_interrupted_load_is_resumed_by_the_same_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(send, "settle", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bench.load()
    assert bench.workspace.ask("select state, exit_code from ledger.runs") == [("interrupted", 130)]
    assert any("Resume with: load-sf --all --target rehearsal" in line for line in bench.lines)
    resumed = bench.load()
    assert (resumed.exit_code, resumed.resumed_jobs) == (0, 1)
    assert _by_mart(resumed)["accounts"].sent == 0, "the job of the first run was collected"


# targets


def test_org_is_named_before_anything_is_written(bench: Bench) -> None:
    bench.load("accounts")
    assert re.match(r"Target rehearsal: .*\(00D\w{15}, .*sandbox\) at http", bench.lines[0])


def test_production_needs_a_yes(bench: Bench, wire: Wire) -> None:
    target = read_target()
    production = Target(**{**target.__dict__, "name": "production", "production": True})
    with pytest.raises(RefusedError, match=r"is a production org.*Nothing was sent"):
        load(["accounts"], production, pace=FAST)
    assert wire.count("jobs/ingest") == 0
    assert load(["accounts"], production, pace=FAST, dry_run=True).exit_code == 0
    with pytest.raises(RefusedError, match="has no approval for it"):
        load(["accounts"], production, pace=FAST, yes=True)
    assert wire.count("jobs/ingest") == 0


def test_session_token_and_sf_command_line_log_in(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Target("s", "session", bench.org.url, settings={"access_token": bench.org.login()})
    assert Org(token, FAST).identity().org_id == bench.org.org_id
    sf = tmp_path / "sf"
    answer = {"result": {"accessToken": bench.org.login(), "instanceUrl": bench.org.url}}
    sf.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    sf.chmod(sf.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    command_line = Target("c", "sf_cli", None, settings={"alias": "x"})
    assert Org(command_line, FAST).identity().org_id == bench.org.org_id


def test_https_with_its_own_certificate_authority(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REHEARSAL_URL", bench.org.https_url)
    assert Org(read_target(), FAST).identity().org_id == bench.org.org_id
    strange = Target(**{**read_target().__dict__, "ca_file": None})
    with pytest.raises(RemoteError, match="certificate is not trusted"):
        Org(strange, FAST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("auth: password\n    password: x", "password flow is not supported"),
        ("auth: magic", "auth 'magic' is unknown"),
        ("auth: session\n    instance_url: ${SF_NOT_SET}", "needs the environment variable SF_NOT_SET"),
        ("auth: session\n    instance_url: https://x.example", "access_token is not set"),
    ],
)
def test_target_that_cannot_work_is_refused_with_the_reason(
    workspace: Workspace, text: str, message: str
) -> None:
    file = workspace.path / "profiles" / "salesforce.yml"
    file.write_text(f"default: x\ntargets:\n  x:\n    {text}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read_target()
    with pytest.raises(ConfigurationError, match="no target nowhere"):
        read_target("nowhere")


def test_refused_login_says_why_and_keeps_the_secret(bench: Bench) -> None:
    target = read_target()
    wrong = Target(**{**target.__dict__, "settings": {**target.settings, "client_secret": "hunter2"}})
    with pytest.raises(ConfigurationError, match="refused the login") as caught:
        Org(wrong, FAST)
    assert "hunter2" not in str(caught.value) + repr(wrong)


# questions afterwards


def test_status_and_why_tell_what_is_owed(bench: Bench) -> None:
    key = bench.key("contact", 7)
    bench.workspace.sql(f"update marts.sf_contacts set last_name = null where record_key = '{key}'")
    bench.load()
    state = status()
    assert [(row["mart"], row["error_code"], row["rows"]) for row in state.owed] == [
        ("contacts", "REQUIRED_FIELD_MISSING", 1)
    ]
    assert state.next_commands == ["load-sf --all --target rehearsal --no-preflight --retry-failed"]
    story = why(key)
    assert any("REQUIRED_FIELD_MISSING" in line for line in story.lines())
    ((sf_id,),) = bench.workspace.ask(
        f"select sf_id from ledger.records where record_key = '{bench.key('contact', 1)}'"
    )
    assert why(sf_id[:15]).key == bench.key("contact", 1)
    with pytest.raises(ConfigurationError, match="Nobody knows"):
        why("mautic:contact:0")


def test_warehouse_is_free_while_rows_are_on_their_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    settle = send.settle

    def writing(*arguments: Any) -> Any:
        bench.workspace.sql("create or replace table marts.other as select 1")
        written.append(time.time())
        return settle(*arguments)

    monkeypatch.setattr(send, "settle", writing)
    bench.load("accounts")
    assert written
