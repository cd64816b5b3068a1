"""What left the source is listed, deleted only on request, and comes back from the recycle bin."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from edit_fixtures import call, edit, whole_dump
from load_fixtures import FAST, Bench

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError
from loaders.salesforce import bulk, send
from loaders.salesforce.deletions import DeletionResult, delete_removed
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.status import status, unfinished
from loaders.salesforce.targets import Target, read_target


def _leave(bench: Bench, *keys: str) -> None:
    for key in keys:
        mart = "sf_contacts" if ":contact:" in key else "sf_accounts"
        bench.workspace.sql(f"delete from marts.{mart} where record_key = '{key}'")


def _delete(bench: Bench, *marts: str, yes: bool = True) -> DeletionResult:
    return delete_removed(None, marts, yes=yes, pace=FAST, report=bench.lines.append)


def _sums(result: DeletionResult) -> list[tuple[str, int, int, int, int]]:
    return [(one.mart, one.removed, one.deleted, one.gone, one.skipped) for one in result.marts]


@pytest.mark.requirement("C12")
@pytest.mark.requirement("C6")
def test_removed_records_are_listed_deleted_on_request_and_brought_back(bench: Bench) -> None:
    bench.load()
    loaded = whole_dump(bench)
    _leave(bench, *(bench.key("contact", n) for n in (2, 3, 8, 9)), bench.key("company", 3))
    assert bench.load().exit_code == 0
    assert whole_dump(bench) == loaded, "a load deletes nothing"
    told = {row["mart"]: row["rows"] for row in status().removed}
    assert told == {"contacts": 4, "accounts": 1}
    assert "load-sf delete --removed" in status().next_commands
    planned = _delete(bench, yes=False)
    assert planned.dry_run and _sums(planned) == [("contacts", 4, 4, 0, 0), ("accounts", 1, 1, 0, 0)]
    assert whole_dump(bench) == loaded
    deleted = _delete(bench)
    assert (deleted.exit_code, _sums(deleted)) == (0, _sums(planned))
    assert sorted(bench.records("Contact"), key=int) == ["1", "4", "5", "6", "7", "10", "11", "12"]
    assert "3" not in bench.records("Account")
    assert status().removed == [] and _delete(bench).lines()[0].startswith("Nothing to delete")
    assert f"load-sf rollback {deleted.run_id}" in deleted.lines()[-1]
    undone = rollback(Scope(run_id=deleted.run_id), pace=FAST)
    assert (undone.exit_code, [(one.mart, one.undeleted) for one in undone.marts]) == (
        0,
        [("contacts", 4), ("accounts", 1)],
    )
    assert whole_dump(bench) == loaded, "parents came back before their children"
    assert {row["mart"]: row["rows"] for row in status().removed} == told


@pytest.mark.requirement("C12")
def test_what_people_work_with_is_not_deleted(bench: Bench) -> None:
    bench.load()
    edit(bench, "Contact", 2, LastName="Corrected by hand")
    _leave(bench, bench.key("contact", 2), bench.key("company", 3), bench.key("contact", 4))
    call(bench, "DELETE", f"Contact/{bench.records('Contact', 'Id')['4']['Id']}")
    result = _delete(bench)
    assert _sums(result) == [("contacts", 2, 0, 1, 1), ("accounts", 1, 0, 0, 1)]
    assert {(row["record_key"], row["reason"]) for row in result.skipped} == {
        (bench.key("contact", 2), "edited"),
        (bench.key("company", 3), "has_children"),
    }
    assert result.exit_code == 1 and "3" in bench.records("Account")
    assert {row["mart"]: row["rows"] for row in status().removed} == {"contacts": 1, "accounts": 1}


def test_record_that_comes_back_in_the_source_is_made_anew(bench: Bench) -> None:
    bench.load("accounts")
    key = bench.key("company", 6)
    bench.workspace.sql("create table marts.kept as select * from marts.sf_accounts")
    _leave(bench, key)
    _delete(bench, "accounts")
    assert "6" not in bench.records("Account")
    bench.workspace.sql(f"insert into marts.sf_accounts select * from marts.kept where record_key = '{key}'")
    result = bench.load("accounts")
    assert (result.marts[0].new, result.marts[0].accepted) == (1, 1)


def test_interrupted_deletion_is_resumed_by_the_same_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.load()
    _leave(bench, bench.key("contact", 2), bench.key("contact", 3))

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for module, name in ((bulk, "create_job"), (send, "settle")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                _delete(bench)
        assert unfinished() == "load-sf delete --removed --target rehearsal --yes"
    told = CliRunner().invoke(load_sf, ["resume"])
    assert told.exit_code == 0, told.output
    assert set(bench.records("Contact")) == {str(n) for n in (1, *range(4, 13))}
    assert bench.workspace.ask("select * from ledger.sent") == []


def test_refusals_say_what_to_do(bench: Bench) -> None:
    bench.load("accounts")
    with pytest.raises(ConfigurationError, match="No such mart: nothing"):
        _delete(bench, "nothing")
    production = Target(**{**read_target().__dict__, "name": "production", "production": True})
    assert delete_removed(production, pace=FAST).dry_run, "without --yes nothing is sent"
    told = CliRunner().invoke(load_sf, ["delete"])
    assert told.exit_code == 2 and "--removed" in told.output
