"""Parts are cut so that no two jobs in flight lock the same parent, in hardly more jobs than without that care (C5)."""

from __future__ import annotations

import csv
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from load_fixtures import FAST, KEY, USERS, Workspace, column, model, standard_models

from loaders.rehearsal.process import start_org
from loaders.salesforce import lock_parts, parts, send
from loaders.salesforce.export import cut_for
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.load import load

LIMIT = 20_000  # bytes of a part in these tests
ALL = ("new",)


def _tasks() -> dict[str, Any]:
    """Tasks with two lookups; the second ties parts together that the first does not."""
    return model(
        "sf_tasks",
        [
            column("record_key", KEY, constraints=[{"type": "not_null"}]),
            column("subject", {"field": "Subject", "type": "Text", "length": 255}),
            column("who_key", {"field": "WhoId", "type": "Lookup", "references": ["sf_contacts"]}),
            column("what_key", {"field": "WhatId", "type": "Lookup", "references": ["sf_accounts"]}),
        ],
        object="Task",
        mode="upsert",
        key="Source_System_ID__c",
        partition_by="who_key",
    )


@pytest.fixture
def locking(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace and an org whose jobs lock parents; a company in three of the contacts is the same."""
    users = tmp_path / "users.csv"
    users.write_text(USERS, encoding="utf-8")
    workspace.standard(accounts=30, contacts=600)
    workspace.sql(
        "update marts.sf_contacts set account_key = 'mautic:company:1' where day(birthdate) % 3 = 0"
    )
    workspace.declare([*standard_models(), _tasks()])
    workspace.mart(
        "sf_tasks",
        "select 'mautic:hit:' || i as record_key, 'Visit ' || i as subject, "
        "'mautic:contact:' || (1 + i * 7 % 600) as who_key, 'mautic:company:' || (1 + i % 30) as what_key "
        "from range(1, 901) as numbers(i)",
    )
    with start_org(declare=workspace.manifest, users=users, row_locks=True, batch_rows=50) as org:
        monkeypatch.setenv("REHEARSAL_URL", org.url)
        monkeypatch.setenv("REHEARSAL_CA", str(org.ca_file))
        assert load(["accounts"], pace=FAST, preflight=False).exit_code == 0
        monkeypatch.setattr(parts, "PART_LIMIT", LIMIT)
        monkeypatch.setattr(parts, "cut_for", lambda widest: cut_for(widest, LIMIT, LIMIT))
        yield workspace


def _lock_errors(workspace: Workspace, mart: str) -> int:
    """Rows that the org could not lock, over all rounds."""
    count = 0
    for file in (workspace.path / "data" / "outbox").rglob(f"{mart}/**/*failedResults.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            count += sum(row["sf__Error"].startswith("UNABLE_TO_LOCK_ROW") for row in csv.DictReader(stream))
    return count


def _jobs(workspace: Workspace, mart: str) -> list[int]:
    """Bytes of the jobs of a mart."""
    return [size for (size,) in workspace.ask(f"select bytes from ledger.jobs where mart = '{mart}'")]


@pytest.mark.requirement("C5")
@pytest.mark.parametrize("mart", ["contacts", "tasks"])
def test_planned_order_meets_no_lock(locking: Workspace, mart: str) -> None:
    assert load(["contacts"], pace=FAST, preflight=False).exit_code == 0
    assert load([mart], pace=FAST, preflight=False).exit_code == 0
    sizes = _jobs(locking, mart)
    assert _lock_errors(locking, mart) == 0
    assert len(sizes) > 2 and max(sizes) <= LIMIT
    assert len(sizes) <= lock_parts.SLACK * -(-sum(sizes) // (0.95 * LIMIT))


@pytest.mark.requirement("C5")
def test_order_by_key_alone_meets_locks(locking: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    models = standard_models()
    del models[0]["config"]["meta"]["salesforce"]["partition_by"]
    locking.declare(models)
    monkeypatch.setattr(parts, "lock_columns", lambda _: [])
    load(["contacts"], pace=FAST, preflight=False)
    assert len(_jobs(locking, "contacts")) > 2
    assert _lock_errors(locking, "contacts") > 0, "else the test above shows nothing"


# -- the cut


def _cut(ledger: Ledger, rows: list[tuple[str, str | None, str | None, int]], limit: int) -> None:
    """Cuts rows of (key, parent, second parent, width); fills `decided` and `part_locks`."""
    ledger.con.execute(
        "create or replace temp table decided (record_key varchar, partition_value varchar, other varchar, "
        "width bigint, decision varchar, part integer)"
    )
    ledger.con.executemany("insert into decided values (?, ?, ?, ?, 'new', 0)", rows)
    ledger.con.execute(lock_parts.atoms_sql(ALL, limit))
    totals = ledger.rows("select zone, sum(bytes)::bigint from part_atoms group by 1")
    ledger.con.execute(lock_parts.parts_sql(totals, limit))
    ledger.con.execute(lock_parts.number_sql(ALL))
    ledger.con.execute(lock_parts.LOCKS)
    for (part,) in ledger.rows("select distinct part from decided order by 1"):
        ledger.con.execute(lock_parts.locks_sql(part, ["partition_value", "other"], ALL, part))


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger(tmp_path_factory.mktemp("ledger") / "ledger.duckdb") as opened:
        yield opened


PARENTS = st.one_of(
    st.none(), st.integers(1, 12).map(lambda n: f"001{n}"), st.integers(1, 400).map(lambda n: f"003{n}")
)


@pytest.mark.requirement("C5")
@settings(max_examples=40, deadline=None)
@given(
    given_rows=st.lists(st.tuples(PARENTS, PARENTS, st.integers(20, 400)), min_size=1, max_size=400),
    limit=st.integers(3_000, 30_000),
)
def test_what_two_parts_share_is_known_and_the_number_of_parts_is_small(
    ledger: Ledger, given_rows: list[tuple[str | None, str | None, int]], limit: int
) -> None:
    rows = [(f"k{number}", *row) for number, row in enumerate(given_rows)]
    _cut(ledger, rows, limit)
    placed = dict(ledger.rows("select record_key, part from decided"))
    clashes = set(ledger.rows(lock_parts.CLASHES))
    parts_of, bytes_of, size_of = defaultdict(set), defaultdict(int), defaultdict(int)
    for key, parent, other, width in rows:
        bytes_of[parent] += width
        size_of[placed[key]] += width
        for lock in filter(None, (parent, other)):
            parts_of[lock].add(placed[key])
    expected = {(one, two) for shared in parts_of.values() for one in shared for two in shared if one != two}
    assert clashes == expected
    for parent, size in bytes_of.items():
        if parent and size <= limit * lock_parts.LARGE:
            assert len({placed[key] for key, mine, _, _ in rows if mine == parent}) == 1, parent
    total = sum(bytes_of.values())
    assert len(size_of) <= max(1, lock_parts.SLACK * -(-total // limit))
    assert max(size_of.values()) <= limit * (1 + lock_parts.LARGE) + limit // lock_parts.PIECES + 400


@pytest.mark.requirement("C5")
def test_a_very_large_parent_has_parts_of_its_own(ledger: Ledger) -> None:
    large = [(f"l{n}", "001large", None, 100) for n in range(500)]
    small = [(f"s{n}", f"001s{n % 300}", None, 100) for n in range(1_500)]
    _cut(ledger, large + small, 20_000)
    found = dict(ledger.rows("select part, count(distinct partition_value) from decided group by 1"))
    alone = {
        part
        for (part,) in ledger.rows("select distinct part from decided where partition_value = '001large'")
    }
    assert len(alone) == 3 and {found[part] for part in alone} == {1}
    assert len(found) == 3 + 8
    assert {one for pair in ledger.rows(lock_parts.CLASHES) for one in pair} == alone


def test_users_and_record_types_are_not_locked(ledger: Ledger) -> None:
    rows = [(f"k{n}", f"001p{n}", kind + "1", 100) for n in range(40) for kind in ("005", "012")]
    _cut(ledger, rows, 2_000)
    assert len(ledger.rows("select distinct part from decided")) > 2
    assert ledger.rows(lock_parts.CLASHES) == []


# -- the order of sending


def _job(number: int, clashes: tuple[int, ...] = ()) -> Job:
    return Job(
        f"job {number}", "run", "contacts", "Contact", "upsert", (), Path("part.csv"), "", 0, job_no=number,
        clashes=frozenset(clashes),
    )  # fmt: skip


class _Org:
    """Notes which jobs are under way at once."""

    pace = FAST

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: set[int] = set()
        self.together: set[frozenset[int]] = set()
        self.most = 0

    def carry(self, job: Job) -> tuple[Job, Any]:
        with self.lock:
            self.together |= {frozenset((job.job_no, other)) for other in self.running}
            self.running.add(job.job_no)
            self.most = max(self.most, len(self.running))
        threading.Event().wait(0.02)
        with self.lock:
            self.running.remove(job.job_no)
        return job, None


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that sends jobs to an org that only takes notes, and returns it with the outcomes."""

    def run(jobs: list[Job]) -> tuple[_Org, list[Any]]:
        org = _Org()
        monkeypatch.setattr(send._Sending, "_carry", lambda _, job: org.carry(job))
        outcome = lambda *arguments: SimpleNamespace(job=arguments[3], failure=None, line=str)  # noqa: E731
        monkeypatch.setattr(send, "settle", outcome)
        sender = SimpleNamespace(org=org, ledger=None, org_id="", run_id="run", report=lambda _: None)
        return org, send.send(sender, jobs, None)  # type: ignore[arg-type]

    return run


@pytest.mark.requirement("C5")
def test_jobs_that_share_a_parent_are_never_under_way_at_once(sent: Any) -> None:
    chain = [_job(n, tuple({n - 1, n + 1} & set(range(12)))) for n in range(12)]
    org, outcomes = sent(chain)
    assert [outcome.job.job_no for outcome in outcomes] == list(range(12))
    assert not any(abs(one - other) == 1 for one, other in map(tuple, org.together))
    assert 1 < org.most <= FAST.jobs_in_flight


def test_jobs_that_share_nothing_fill_the_bound(sent: Any) -> None:
    org, outcomes = sent([_job(n) for n in range(12)])
    assert len(outcomes) == 12
    assert org.most == FAST.jobs_in_flight
