"""A rollback leaves the org as it was before the load, except what people edited since, and lists that (C6)."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from edit_fixtures import call, edit, whole_dump
from load_fixtures import FAST, Bench

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError, RefusedError
from loaders.salesforce import bulk, results, send
from loaders.salesforce.rollback import RollbackResult, rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.status import unfinished
from loaders.salesforce.targets import Target, read_target

CHANGES = (
    "update marts.sf_accounts set employees = employees + 1, website = case when employees < 40 then website end",
    "update marts.sf_contacts set last_name = last_name || ' changed', birthdate = null, description = 'new'",
)


def _undo(bench: Bench, *, dry_run: bool = False, hard: bool = False, **scope: Any) -> RollbackResult:
    return rollback(Scope(**scope), dry_run=dry_run, hard=hard, pace=FAST, report=bench.lines.append)


def _sums(result: RollbackResult) -> list[tuple[str, int, int, int]]:
    return [(mart.mart, mart.deleted, mart.restored, mart.skipped) for mart in result.marts]


def _change(bench: Bench) -> str:
    """A second load that changes every row; returns its run."""
    for statement in CHANGES:
        bench.workspace.sql(statement)
    changed = bench.load()
    assert [mart.accepted for mart in changed.marts] == [6, 12]
    return changed.run_id


@pytest.mark.requirement("C6")
@pytest.mark.requirement("COM-01")
@pytest.mark.requirement("Z24")
def test_rollback_of_a_run_brings_the_org_back_to_what_it_was(bench: Bench) -> None:
    empty = whole_dump(bench)
    first = bench.load().run_id
    loaded = whole_dump(bench)
    second = _change(bench)
    assert whole_dump(bench) != loaded
    undone = _undo(bench, run_id=second)
    assert (undone.exit_code, _sums(undone)) == (0, [("contacts", 0, 12, 0), ("accounts", 0, 6, 0)])
    assert whole_dump(bench) == loaded, "emptied fields are empty again, and filled ones have their old value"
    undone = _undo(bench, run_id=first)
    assert (undone.exit_code, _sums(undone)) == (0, [("contacts", 12, 0, 0), ("accounts", 6, 0, 0)])
    assert whole_dump(bench) == empty
    again = bench.load()
    assert [mart.new for mart in again.marts] == [6, 12], "what is gone is sent as new"
    assert again.exit_code == 0


@pytest.mark.requirement("C6")
def test_rollback_keeps_and_lists_exactly_what_a_person_edited(bench: Bench) -> None:
    bench.load()
    loaded = whole_dump(bench)
    run_id = _change(bench)
    edit(bench, "Contact", 5, Title="Boss")
    edited = {line for line in whole_dump(bench) if bench.key("contact", 5) in line}
    undone = _undo(bench, run_id=run_id)
    assert (undone.exit_code, _sums(undone)) == (1, [("contacts", 0, 11, 1), ("accounts", 0, 6, 0)])
    ((key, reason),) = [(row["record_key"], row["reason"]) for row in undone.skipped]
    assert (key, reason) == (bench.key("contact", 5), "edited")
    assert set(whole_dump(bench)) ^ set(loaded) == edited | {
        line for line in loaded if bench.key("contact", 5) in line
    }
    with Path(undone.skipped_file).open(newline="") as file:
        assert [row["record_key"] for row in csv.DictReader(file)] == [key]


@pytest.mark.requirement("C6")
def test_parent_of_a_record_that_stays_is_not_deleted_under_it(bench: Bench) -> None:
    empty = whole_dump(bench)
    run_id = bench.load().run_id
    edit(bench, "Contact", 1, Title="Boss")
    account = str(bench.records("Account", "Id")["5"]["Id"])
    opportunity = {
        "Name": "Deal",
        "AccountId": account,
        "StageName": "Prospecting",
        "CloseDate": "2026-12-31",
    }
    made = call(bench, "POST", "Opportunity", opportunity)
    undone = _undo(bench, run_id=run_id)
    stays = {(row["record_key"], row["reason"]) for row in undone.skipped}
    assert stays == {
        (bench.key("contact", 1), "edited"),
        (bench.key("company", 2), "has_children"),
        (bench.key("company", 5), "has_children"),
    }
    left = set(whole_dump(bench)) - set(empty)
    assert sum(line.startswith(("Account ", "Contact ", "Opportunity ")) for line in left) == 4, left
    call(bench, "DELETE", f"Opportunity/{made['id']}")
    after = _undo(bench, marts=("accounts",))
    assert [(row["record_key"], row["reason"]) for row in after.skipped] == [
        (bench.key("company", 2), "has_children")
    ]


def test_rollback_by_mart_takes_all_loads_back_and_by_record_one(bench: Bench) -> None:
    bench.load()
    _change(bench)
    one = _undo(bench, record_key=bench.key("contact", 3))
    assert (one.exit_code, _sums(one)) == (0, [("contacts", 1, 0, 0)])
    assert "3" not in bench.records("Contact")
    rest = _undo(bench, marts=("contacts",))
    assert (rest.exit_code, _sums(rest)) == (0, [("contacts", 11, 0, 0)])
    assert bench.records("Contact") == {}
    assert _undo(bench, marts=("contacts",)).lines()[0].startswith("Nothing to roll back")


def test_record_that_was_there_before_gets_its_old_values_back(bench: Bench) -> None:
    token = bench.org.login()
    key = bench.key("company", 1)
    before = {"Name": "Old name", "Website": "https://old.example", "Source_System_ID__c": key}
    call(bench, "POST", "Account", before, token)
    dump = whole_dump(bench)
    run_id = bench.load("accounts").run_id
    assert bench.records("Account", "Name")["1"]["Name"] == "Company 1"
    undone = _undo(bench, run_id=run_id)
    assert _sums(undone) == [("accounts", 5, 1, 0)]
    assert whole_dump(bench) == dump
    assert bench.load("accounts").marts[0].new == 6


def test_earlier_run_waits_for_the_later_one_and_the_gone_are_forgotten(bench: Bench) -> None:
    first = bench.load("accounts").run_id
    bench.workspace.sql("update marts.sf_accounts set employees = 7 where employees = 10")
    bench.load("accounts")
    sf_id = str(bench.records("Account", "Id")["2"]["Id"])
    call(bench, "DELETE", f"Account/{sf_id}")
    undone = _undo(bench, run_id=first)
    assert [(row["record_key"], row["reason"]) for row in undone.skipped] == [
        (bench.key("company", 1), "written_again")
    ]
    assert (undone.marts[0].deleted, undone.marts[0].gone, undone.exit_code) == (4, 1, 1)


def test_edit_by_the_user_of_the_load_counts_when_a_value_differs(bench: Bench) -> None:
    run_id = bench.load("accounts").run_id
    time.sleep(1.1)  # the org's clock has seconds
    token = bench.org.login()
    edit(bench, "Account", 2, token, Name="Corrected by hand")
    edit(bench, "Account", 3, token, Name="Company 3")
    undone = _undo(bench, run_id=run_id)
    assert [(row["record_key"], row["reason"]) for row in undone.skipped] == [
        (bench.key("company", 2), "edited")
    ]
    assert "Name is Corrected by hand" in undone.skipped[0]["detail"]
    assert undone.marts[0].deleted == 5


def test_dry_run_prints_the_plan_and_changes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = bench.load().run_id
    loaded = whole_dump(bench)
    edit(bench, "Contact", 5, LastName="Name 5")
    planned = _undo(bench, dry_run=True, run_id=run_id)
    assert _sums(planned) == [("contacts", 11, 0, 1), ("accounts", 6, 0, 0)]
    assert whole_dump(bench) == loaded
    assert bench.workspace.ask("select count(*) from ledger.runs") == [(1,)]
    shown = CliRunner().invoke(load_sf, ["rollback", run_id, "--dry-run"])
    assert shown.exit_code == 1 and "Plan for" in shown.output and bench.key("contact", 5) in shown.output


@pytest.mark.requirement("C6")
@pytest.mark.requirement("C2")
def test_interrupted_rollback_is_resumed_by_the_same_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = whole_dump(bench)
    run_id = bench.load().run_id

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    for module, name in ((send, "settle"), (bulk, "create_job")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                _undo(bench, run_id=run_id)
        assert unfinished() == f"load-sf rollback {run_id} --target rehearsal"
    told = CliRunner().invoke(load_sf, ["resume"])
    assert told.exit_code == 0, told.output
    assert f"$ load-sf rollback {run_id}" in told.output
    assert whole_dump(bench) == empty
    assert bench.workspace.ask("select * from ledger.sent") == []
    assert "Nothing to resume" in CliRunner().invoke(load_sf, ["resume"]).output


def test_hard_rollback_leaves_nothing_in_the_recycle_bin(bench: Bench) -> None:
    before = whole_dump(bench, with_bin=True)
    run_id = bench.load("accounts").run_id
    undone = _undo(bench, hard=True, run_id=run_id)
    assert (undone.exit_code, undone.marts[0].deleted) == (0, 6)
    assert whole_dump(bench, with_bin=True) == before


def test_refusals_of_scope_and_production(bench: Bench) -> None:
    run_id = bench.load("accounts").run_id
    with pytest.raises(ConfigurationError, match="no run nowhere"):
        _undo(bench, run_id="nowhere")
    with pytest.raises(ConfigurationError, match="No such mart"):
        _undo(bench, marts=("nothing",))
    with pytest.raises(ConfigurationError, match="does not know x:1"):
        _undo(bench, record_key="x:1")
    production = Target(**{**read_target().__dict__, "name": "production", "production": True})
    with pytest.raises(RefusedError, match="Nothing was sent"):
        rollback(Scope(run_id=run_id), production, pace=FAST)
    undone = _undo(bench, run_id=run_id)
    with pytest.raises(ConfigurationError, match="is a rollback itself"):
        _undo(bench, run_id=undone.run_id)
    assert CliRunner().invoke(load_sf, ["rollback"]).exit_code == 2


def test_restore_whose_answer_was_lost_is_no_edit_of_a_person(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.load("accounts")
    loaded = whole_dump(bench)
    bench.workspace.sql("update marts.sf_accounts set account_name = account_name || ' new'")
    run_id = bench.load("accounts").run_id
    time.sleep(1.1)  # the org's clock has seconds
    download = results.bulk.download_results
    lost: list[str] = []

    def forgetful(org: Any, job_id: str, stem: Path) -> dict[str, Path]:
        files = download(org, job_id, stem)
        if not lost:
            lost.append(job_id)
            files["successfulResults"].write_text("")
        return files

    monkeypatch.setattr(results.bulk, "download_results", forgetful)
    undone = _undo(bench, run_id=run_id)
    assert (undone.exit_code, undone.skipped, len(lost)) == (0, [], 1)
    assert whole_dump(bench) == loaded
