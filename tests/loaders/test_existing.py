"""Records that the org had before the load are found by declared keys and never made a second time."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from edit_fixtures import call, whole_dump
from load_fixtures import FAST, KEY_FIELD, Bench

from loaders.errors import ConfigurationError
from loaders.salesforce.outcome import MartResult
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.session import Org
from loaders.salesforce.status import status
from loaders.salesforce.targets import read_target

PROJECT = Path(__file__).resolve().parents[2]
LINES = "sf_object,priority,sf_field,compare_as,note\n"


def _declare(bench: Bench, policy: Any, *lines: str) -> None:
    """The seed and the policy of this test's project."""
    folder = bench.workspace.path / "seeds" / "salesforce"
    folder.mkdir(exist_ok=True)
    wanted = lines or ("Account,1,Website,domain,", "Account,2,Name,name,", "Contact,1,Email,email,")
    (folder / "match_existing.csv").write_text(LINES + "\n".join(wanted) + "\n", encoding="utf-8")
    (folder / "shared_domains.csv").write_text("domain,kind\nfacebook.com,shared host\n", encoding="utf-8")
    project = bench.workspace.path / "dbt_project.yml"
    project.write_text(f"name: x\nvars: {json.dumps({'existing_records': policy})}\n", encoding="utf-8")


def _names(bench: Bench) -> None:
    """Names and websites that no other test of this org has."""
    bench.workspace.sql(
        f"update marts.sf_accounts set account_name = account_name || ' {bench.source}',\n"
        f"    website = case when website is not null then replace(website, '.example', '.{bench.source}.example') end"
    )


def _have(bench: Bench, sobject: str, **values: Any) -> str:
    """A record that the org has before the load, made by the user of the load; returns its Id."""
    return str(call(bench, "POST", sobject, values, bench.org.login())["id"])


def _get(bench: Bench, sobject: str, sf_id: str, *fields: str) -> dict[str, Any]:
    soql = f"SELECT {', '.join(fields)} FROM {sobject} WHERE Id = '{sf_id}'"
    return dict(next(Org(read_target(), FAST).query(soql)))


def _accounts(result: Any) -> MartResult:
    return next(mart for mart in result.marts if mart.mart == "accounts")


@pytest.mark.requirement("MAU-02")
def test_what_the_org_has_is_held_back_and_named_unless_somebody_says_more(bench: Bench) -> None:
    _names(bench)
    _declare(bench, "report")
    by_domain = _have(
        bench, "Account", Name="Other name", Website=f"HTTP://www.C2.{bench.source}.example/about"
    )
    by_name = _have(bench, "Account", Name=f"COMPANY 3, {bench.source}!")
    _have(bench, "Account", Name=f"Company 4 {bench.source}", Website="https://elsewhere.example")
    before = len(whole_dump(bench))
    result = _accounts(bench.load("accounts"))
    assert (result.accepted, result.blocked, len(whole_dump(bench)) - before) == (4, 2, 4)
    assert sorted(bench.records("Account")) == ["1", "4", "5", "6"], "another domain is another company"
    (problem,) = result.problems
    assert problem.reason == "blocked (in_org_already)" and by_domain in problem.text
    assert "Website (domain)" in problem.text and "existing_records" in problem.text
    held = bench.workspace.ask("select record_key, missing_key, field from ledger.blocked order by 1")
    assert held == [
        (bench.key("company", 2), by_domain, "Website (domain)"),
        (bench.key("company", 3), by_name, "Name (name)"),
    ]
    assert status().blocked[0]["reason"] == "in_org_already"


@pytest.mark.requirement("MAU-02")
@pytest.mark.requirement("C6")
def test_update_writes_key_and_fields_and_rollback_gives_the_record_back(bench: Bench) -> None:
    _names(bench)
    _declare(bench, {"accounts": "update"})
    mine = _have(
        bench, "Account", Name="Other name", Website=f"c2.{bench.source}.example", Description="kept by hand"
    )
    dump = whole_dump(bench)
    planned = _accounts(bench.load("accounts", dry_run=True))
    assert (planned.new, planned.changed, planned.blocked) == (5, 1, 0)
    assert whole_dump(bench) == dump
    loaded = bench.load("accounts")
    result = _accounts(loaded)
    assert (result.new, result.changed, result.accepted, loaded.exit_code) == (5, 1, 6, 0)
    got = _get(bench, "Account", mine, "Name", KEY_FIELD, "Description", "NumberOfEmployees")
    assert (got["Name"], got[KEY_FIELD]) == (f'Company 2, "Süß" & Co {bench.source}', bench.key("company", 2))
    assert (got["Description"], got["NumberOfEmployees"]) == ("kept by hand", 20)
    assert _accounts(bench.load("accounts")).same == 6
    undone = rollback(Scope(run_id=loaded.run_id), pace=FAST)
    assert (undone.exit_code, undone.marts[0].deleted, undone.marts[0].restored) == (0, 5, 1)
    assert whole_dump(bench) == dump


@pytest.mark.requirement("MAU-02")
def test_update_empty_fills_only_what_nobody_filled_in_this_load_and_the_next(bench: Bench) -> None:
    _names(bench)
    _declare(bench, "update_empty")
    mine = _have(bench, "Account", Name="Other name", Website=f"c2.{bench.source}.example")
    dump = whole_dump(bench)
    run = bench.load("accounts").run_id
    fields = ("Name", "Website", "NumberOfEmployees", KEY_FIELD)
    got = _get(bench, "Account", mine, *fields)
    assert [got[name] for name in fields] == [
        "Other name", f"c2.{bench.source}.example", 20, bench.key("company", 2),
    ]  # fmt: skip
    bench.workspace.sql(
        "update marts.sf_accounts set employees = employees + 1, account_name = account_name || '!'"
    )
    later = bench.load("accounts")
    assert later.exit_code == 0
    got = _get(bench, "Account", mine, *fields)
    assert (got["Name"], got["NumberOfEmployees"]) == ("Other name", 21)
    assert rollback(Scope(run_id=later.run_id), pace=FAST).exit_code == 0
    assert rollback(Scope(run_id=run), pace=FAST).exit_code == 0
    assert whole_dump(bench) == dump


def test_skip_leaves_the_record_alone_and_children_find_it(bench: Bench) -> None:
    _names(bench)
    _declare(bench, {"accounts": "skip"})
    mine = _have(bench, "Account", Name="Other name", Website=f"c2.{bench.source}.example")
    result = bench.load()
    assert (_accounts(result).accepted, _accounts(result).same, result.exit_code) == (5, 1, 0)
    assert _get(bench, "Account", mine, "Name", KEY_FIELD)[KEY_FIELD] is None
    accounts = {row["AccountId"] for row in bench.records("Contact", "AccountId").values()}
    assert mine in accounts
    bench.workspace.sql("update marts.sf_accounts set employees = 99")
    assert (_accounts(bench.load()).same, _get(bench, "Account", mine, "NumberOfEmployees")) != (0, 99)
    assert _get(bench, "Account", mine, "Name")["Name"] == "Other name"
    assert all(row["error_code"] != "skipped" for row in status().owed) and not status().owed


@pytest.mark.parametrize("policy", ["update", "skip"])
def test_ambiguous_matches_are_named_and_held_back_whatever_the_policy(bench: Bench, policy: str) -> None:
    _names(bench)
    _declare(bench, policy)
    twins = sorted(
        _have(bench, "Account", Name=f"{n}", Website=f"www.c2.{bench.source}.example") for n in "ab"
    )
    shared = _have(bench, "Account", Name="c", Website=f"c4.{bench.source}.example")
    bench.workspace.sql(
        f"update marts.sf_accounts set website = 'c4.{bench.source}.example' where employees in (10, 40)"
    )
    claimed = _have(
        bench, "Account", Name=f"company 5 {bench.source}", **{KEY_FIELD: f"other:{bench.source}"}
    )
    bench.workspace.sql(
        "update marts.sf_accounts set website = 'https://facebook.com/x' where employees in (30, 60)"
    )
    _have(bench, "Account", Name="d", Website="https://www.facebook.com/y")
    result = _accounts(bench.load("accounts"))
    assert (result.blocked, result.accepted) == (4, 2), "a host that many share says nothing"
    held = dict(bench.workspace.ask("select record_key, detail from ledger.blocked"))
    assert ", ".join(twins) in held[bench.key("company", 2)]
    assert (
        shared in held[bench.key("company", 1)] and bench.key("company", 4) in held[bench.key("company", 1)]
    )
    assert f"{claimed} with the key other:{bench.source}" in held[bench.key("company", 5)]


def test_contacts_are_matched_by_address_whatever_its_case(bench: Bench) -> None:
    _declare(bench, "update")
    mine = _have(bench, "Contact", LastName="Known", Email=f"P5@{bench.source.upper()}.example")
    result = bench.load("contacts")
    assert result.marts[0].changed == 1
    got = _get(bench, "Contact", mine, "LastName", KEY_FIELD)
    assert (got["LastName"], got[KEY_FIELD]) == ("Name 5", bench.key("contact", 5))
    assert [number for number in bench.records("Contact") if number == "5"] == ["5"]


def test_claim_that_the_org_refuses_makes_no_second_record(bench: Bench) -> None:
    """The record is locked away by a validation: its key cannot be written, so the row waits and is tried again."""
    _names(bench)
    _declare(bench, "update")
    mine = _have(bench, "Account", Name="Other name", Website=f"c2.{bench.source}.example")
    faults = [{"object": "Account", "operation": "update", "action": "lock_error", "fraction": 1.0}]
    _set_faults(bench, faults)
    try:
        result = _accounts(bench.load("accounts"))
    finally:
        _set_faults(bench, [])
    assert (result.accepted, result.blocked) == (5, 1)
    assert "2" not in bench.records("Account")
    result = _accounts(bench.load("accounts"))
    assert (result.changed, result.accepted) == (1, 1)
    assert _get(bench, "Account", mine, KEY_FIELD)[KEY_FIELD] == bench.key("company", 2)


def _set_faults(bench: Bench, rules: list[dict[str, Any]]) -> None:
    import urllib.request

    request = urllib.request.Request(
        f"{bench.org.url}/rehearsal/faults", json.dumps(rules).encode(), method="PUT"
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_policy_and_lines_that_cannot_be_used_are_refused_with_the_choices(bench: Bench) -> None:
    _declare(bench, "overwrite")
    with pytest.raises(ConfigurationError, match="'overwrite' for accounts") as caught:
        bench.load("accounts")
    assert "update_empty" in str(caught.value)
    _declare(bench, "report", "Account,1,Website,hostname,")
    with pytest.raises(ConfigurationError, match=r"line 2: .*'hostname'"):
        bench.load("accounts")


def test_org_is_matched_by_the_patterns_that_matched_the_sources() -> None:
    macros = (PROJECT / "macros/normalise.sql").read_text(encoding="utf-8").replace("\\\\", "\\")
    script = (PROJECT / "loaders/salesforce/existing.sql").read_text(encoding="utf-8")
    patterns = re.findall(r"'(\^[^']+|\[\^[^']+)'", script)
    assert len(patterns) == 3
    for pattern in patterns:
        assert pattern in macros
