"""A person whose decision moved between Lead and Contact after a load is never there twice (C12)."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from edit_fixtures import call, whole_dump
from load_fixtures import FAST, Bench
from people_fixtures import move, people, people_org  # noqa: F401  fixtures

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError, RemoteError
from loaders.salesforce import session
from loaders.salesforce.outcome import MartResult
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.session import Org
from loaders.salesforce.soap import convert_leads, undelete
from loaders.salesforce.status import queue
from loaders.salesforce.story import why
from loaders.salesforce.targets import Target, read_target


def _policy(bench: Bench, policy: str) -> None:
    project = bench.workspace.path / "dbt_project.yml"
    project.write_text(f"name: x\nvars: {{promote_leads: {policy}}}\n", encoding="utf-8")


def _of(result: Any, mart: str) -> MartResult:
    return next(one for one in result.marts if one.mart == mart)


def _leads(bench: Bench) -> dict[str, dict[str, Any]]:
    return bench.records("Lead", "Id", "IsConverted", "ConvertedContactId", "ConvertedAccountId")


@pytest.mark.requirement("C12")
def test_promoted_lead_is_converted_and_goes_on_as_its_contact(people: Bench) -> None:  # noqa: F811
    people.load()
    _policy(people, "convert")
    for number in (21, 22):
        move(people, number)
    loaded = people.load()
    contacts = _of(loaded, "contacts")
    assert (loaded.exit_code, contacts.blocked, contacts.accepted) == (0, 0, 2)
    leads, found = _leads(people), people.records("Contact", "Id", "LastName", "Email", "Account.Name")
    for number in ("21", "22"):
        assert leads[number]["IsConverted"] and leads[number]["ConvertedContactId"] == found[number]["Id"]
        assert found[number]["LastName"] == f"Name {number} moved"
        assert found[number]["Account"]["Name"] == "Company 1", "no second company either"
    assert not leads["23"]["IsConverted"] and len(found) == 14
    again = people.load()
    assert [(mart.new, mart.changed, mart.blocked) for mart in again.marts] == [(0, 0, 0)] * 3
    undone = rollback(Scope(run_id=loaded.run_id), pace=FAST)
    assert {(row["record_key"], row["reason"]) for row in undone.skipped} == {
        (people.key("contact", number), "converted") for number in (21, 22)
    }
    contact = why(people.key("contact", 21))
    assert [run["operation"] for run in contact.runs][:2] == ["insert", "convert"]


@pytest.mark.requirement("C12")
def test_without_the_policy_a_moved_lead_waits_in_the_queue(people: Bench) -> None:  # noqa: F811
    people.load()
    before = len(whole_dump(people))
    move(people, 21)
    result = people.load()
    assert (_of(result, "contacts").blocked, len(whole_dump(people))) == (1, before)
    (row,) = queue()
    assert (row["record_key"], row["reason"]) == (people.key("contact", 21), "moved")
    assert "promote_leads" in row["next_step"]
    shown = CliRunner().invoke(load_sf, ["queue"])
    assert shown.exit_code == 1 and people.key("contact", 21) in shown.output


@pytest.mark.requirement("C12")
def test_lead_that_a_person_converted_or_deleted_holds_nobody_up(people: Bench) -> None:  # noqa: F811
    people.load()
    for number in (21, 22):
        move(people, number)
    leads = _leads(people)
    org = Org(read_target(), FAST)
    (told,) = convert_leads(org, [(str(leads["21"]["Id"]), None)], "Closed - Converted")
    assert told.success, told
    call(people, "DELETE", f"Lead/{leads['22']['Id']}")
    result = people.load()
    assert (result.exit_code, _of(result, "contacts").accepted) == (0, 2)
    contacts = people.records("Contact", "Id", "LastName")
    assert contacts["21"]["Id"] == told.values["contactId"]
    assert contacts["22"]["LastName"] == "Name 22 moved"
    assert people.load().exit_code == 0


@pytest.mark.requirement("C12")
def test_contact_that_became_a_lead_always_waits_until_somebody_deleted_it(people: Bench) -> None:  # noqa: F811
    people.load()
    _policy(people, "convert")
    key = people.key("contact", 12)
    people.workspace.sql(
        "insert into marts.sf_leads select record_key, last_name, 'Their company', email from marts.sf_contacts\n"
        f"where record_key = '{key}'"
    )
    people.workspace.sql(f"delete from marts.sf_contacts where record_key = '{key}'")
    assert _of(people.load(), "leads").blocked == 1
    assert "delete the Contact" in queue()[0]["next_step"] and "12" not in _leads(people)
    call(people, "DELETE", f"Contact/{people.records('Contact', 'Id')['12']['Id']}")
    result = people.load()
    assert (_of(result, "leads").accepted, result.exit_code, queue()) == (1, 0, [])
    assert "12" in _leads(people) and "12" not in people.records("Contact")


@pytest.fixture
def lost_answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The answer to the first conversion is lost after the org has done it."""
    send, lost = session._BigBlocks.send, list[str]()

    def through(adapter: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(adapter, request, **options)
        if "convertLead" in str(request.body) and not lost:
            lost.append(str(request.url))
            raise requests.ConnectionError("dropped by the test")
        return answer

    monkeypatch.setattr(session._BigBlocks, "send", through)
    yield lost


@pytest.mark.requirement("C12")
@pytest.mark.requirement("C2")
def test_conversion_whose_answer_was_lost_is_found_by_the_next_run(
    people: Bench,  # noqa: F811
    lost_answer: list[str],
) -> None:
    people.load()
    _policy(people, "convert")
    move(people, 23)
    with pytest.raises(RemoteError) as caught:
        people.load()
    assert "resume with: load-sf --all" in str(caught.value) and len(lost_answer) == 1
    result = people.load()
    assert (result.exit_code, _of(result, "contacts").accepted) == (0, 1)
    lead, contact = _leads(people)["23"], people.records("Contact", "Id")["23"]
    assert lead["ConvertedContactId"] == contact["Id"]
    assert people.workspace.ask("select state from ledger.before_images where operation = 'convert'") == [
        ("written",)
    ]


def test_lead_that_the_org_does_not_convert_stays_held_back_with_the_orgs_words(people: Bench) -> None:  # noqa: F811
    people.load()
    _policy(people, "convert")
    move(people, 24)
    rules = [{"match": "POST /services/Soap/u/*", "action": "status", "status": 503, "times": 1}]
    faults = f"{people.org.url}/rehearsal/faults"
    requests.put(faults, json=rules, timeout=10)
    try:
        with pytest.raises(RemoteError, match="503"):
            people.load()
    finally:
        requests.put(faults, json=[], timeout=10)
    assert not _leads(people)["24"]["IsConverted"] and "24" not in people.records("Contact")
    assert people.load().exit_code == 0
    assert _leads(people)["24"]["IsConverted"]


def test_soap_meets_an_expired_session_and_refusals(people: Bench) -> None:  # noqa: F811
    people.load("leads")
    org = Org(read_target(), FAST, people.lines.append)
    request = urllib.request.Request(f"{people.org.url}/rehearsal/expire-sessions", method="POST")
    urllib.request.urlopen(request, timeout=10).close()
    (told,) = undelete(org, [str(_leads(people)["21"]["Id"])])
    assert not told.success and told.code
    assert any("logging in again" in line for line in people.lines)
    (refused,) = convert_leads(org, [(str(_leads(people)["21"]["Id"]), None)], "No such status")
    assert (refused.success, refused.code) == (False, "INVALID_STATUS")
    dead = Target("s", "session", people.org.url, settings={"access_token": people.org.login()})
    tired = Org(dead, FAST)
    urllib.request.urlopen(request, timeout=10).close()
    with pytest.raises(RemoteError, match="INVALID_SESSION_ID"):
        list(undelete(tired, ["001000000000001AAA"]))
    with pytest.raises(RemoteError, match=r"session token of target s has expired"):
        tired.identity()


def test_policy_that_is_none_is_refused(people: Bench) -> None:  # noqa: F811
    people.load()
    _policy(people, "always")
    move(people, 21)
    with pytest.raises(ConfigurationError, match="promote_leads is 'always'"):
        people.load()
