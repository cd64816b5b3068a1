"""A load that is killed anywhere and started again ends as if nothing had happened (C2).

An ordinary run kills loads at 50 points and rollbacks at 22; SFM_CRASH_POINTS=100 (or `all`) tries more.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import crash_worker
import pytest
from load_fixtures import Bench, Workspace

POINTS = os.environ.get("SFM_CRASH_POINTS", "12")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["loaders.salesforce.load"])  # else every process imports it anew


@dataclass(frozen=True)
class Reference:
    """What an uninterrupted run leaves behind."""

    steps: list[str]
    dump: list[str]
    ledger: list[tuple[Any, ...]]
    again: list[str]


def _prepare(bench: Bench) -> None:
    """Rows of every kind: accepted, refused, blocked."""
    bench.workspace.standard(accounts=6, contacts=24, source=bench.source)
    key = bench.key("contact", 7)
    too_long = "last_name = repeat('x', 100)"
    bench.workspace.sql(f"update marts.sf_contacts set {too_long} where record_key = '{key}'")
    key = bench.key("contact", 8)
    bench.workspace.sql(f"update marts.sf_contacts set account_key = 'nobody' where record_key = '{key}'")


def _run(bench: Bench, last: int | None = None, undo: str | None = None) -> tuple[int | None, dict[str, Any]]:
    """(exit code of the process, what it told) of a load, or of the rollback of a run."""
    answer = bench.workspace.path / "answer.json"
    answer.unlink(missing_ok=True)
    environment = {name: os.environ[name] for name in ("REHEARSAL_URL", "REHEARSAL_CA")}
    environment["SFM_DATA_DIR"] = str(bench.workspace.path / "data")
    arguments = (bench.workspace.path, environment, last, answer)
    process = (
        _CONTEXT.Process(target=crash_worker.undo, args=(*arguments, undo))
        if undo
        else _CONTEXT.Process(target=crash_worker.run, args=arguments)
    )
    process.start()
    process.join(60)
    return process.exitcode, json.loads(answer.read_text()) if answer.exists() else {}


def _copy(bench: Bench, number: int) -> Bench:
    """The same rows under other keys, in a folder of their own."""
    folder = bench.workspace.path / f"copy_{number}"
    for name in ("target", "seeds/maps", "data"):
        (folder / name).mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: test\n", encoding="utf-8")
    (folder / "profiles").symlink_to(bench.workspace.path / "profiles")
    copied = replace(bench, workspace=Workspace(Path(folder)), source=f"{bench.source}x{number}", lines=[])
    _prepare(copied)
    return copied


def _chosen(steps: int, least: int = 1) -> list[int]:
    """The steps at which to kill, at least so many, spread evenly from the first to the last."""
    count = steps if POINTS == "all" else min(max(int(POINTS), least), steps)
    return sorted({1 + round(number * (steps - 1) / max(count - 1, 1)) for number in range(count)})


def _at_once(steps: list[str]) -> int:
    """The most jobs that were uploaded and not collected yet."""
    under_way, most = 0, 0
    for step in steps:
        under_way += (step == "after PUT jobs/ingest") - (step == "after collect")
        most = max(most, under_way)
    return most


@pytest.mark.requirement("C2")
def test_load_that_was_killed_anywhere_ends_as_if_nothing_had_happened(bench: Bench) -> None:
    _prepare(bench)
    code, told = _run(bench)
    assert (code, told["exit_code"]) == (0, 1), "one row is refused and one blocked"
    reference = Reference(told["steps"], bench.dump(), bench.ledger(), told["again"])
    assert len(reference.dump) == 6 + 22
    assert any("closed" in step or "PATCH" in step for step in reference.steps)
    assert _at_once(reference.steps) > 1, (
        "jobs must be under way side by side, else their crashes are not covered"
    )
    for point in _chosen(len(reference.steps), least=50):
        where = f"killed at step {point} of {len(reference.steps)}: {reference.steps[point - 1]}"
        copy = _copy(bench, point)
        assert _run(copy, point) == (crash_worker.KILLED, {}), where
        code, told = _run(copy)
        assert (code, told["exit_code"]) == (0, 1), where
        assert copy.dump() == reference.dump, where
        assert copy.ledger() == reference.ledger, where
        assert told["again"] == reference.again, where
        assert copy.workspace.ask("select * from ledger.sent") == [], where
        open_jobs = "select * from ledger.jobs where state in ('prepared', 'created', 'closed')"
        assert copy.workspace.ask(open_jobs) == [], where


@pytest.mark.requirement("C6")
@pytest.mark.requirement("C2")
def test_rollback_that_was_killed_anywhere_ends_as_if_nothing_had_happened(bench: Bench) -> None:
    def loaded_twice(copy: Bench) -> str:
        """A load of all rows, then one that changes some and adds some; returns the second run."""
        copy.workspace.sql("delete from marts.sf_contacts where birthdate > date '1980-01-18'")
        assert copy.load().exit_code == 1
        _prepare(copy)
        copy.workspace.sql(
            "update marts.sf_contacts set email = 'x' || email where birthdate < date '1980-01-06'"
        )
        return copy.load("accounts", "contacts").run_id

    _prepare(bench)
    run_id = loaded_twice(bench)
    code, told = _run(bench, undo=run_id)
    assert (code, told["exit_code"]) == (0, 0)
    steps, dump = told["steps"], [line for line in bench.dump() if "IsDeleted: true" not in line]
    assert len(dump) == 6 + 15
    killed, points = 0, _chosen(len(steps), least=22)
    for point in points:
        where = f"killed at step {point} of {len(steps)}: {steps[point - 1]}"
        copy = _copy(bench, 100 + point)
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(copy.workspace.path)
            patched.setenv("SFM_DATA_DIR", str(copy.workspace.path / "data"))
            run_id = loaded_twice(copy)
        code, _ = _run(copy, point, run_id)
        assert code in (crash_worker.KILLED, 0), where
        killed += code == crash_worker.KILLED  # a run with fewer polls ends before the last points
        code, told = _run(copy, undo=run_id)
        assert (code, told["exit_code"]) == (0, 0), where
        assert [line for line in copy.dump() if "IsDeleted: true" not in line] == dump, where
        assert copy.workspace.ask("select * from ledger.sent") == [], where
    assert killed >= len(points) / 2
