"""Landing: repeatable, counted, names and types kept, and honest about what changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pytest

from loaders import pipeline, project
from loaders.errors import ConfigurationError, RefusedError, RemoteError

KILLED_WHILE_LOADING = """
import os, signal
from dlt.destinations.impl.duckdb import duck
from loaders import pipeline
jobs = []
run = duck.DuckDbCopyJob.run
def dies(self):
    jobs.append(self)
    if len(jobs) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    run(self)
duck.DuckDbCopyJob.run = dies
pipeline.refresh(["mautic"])
"""


class Fake(ModuleType):
    """A source whose tables a test sets; `counts` is what the system itself says."""

    def __init__(self) -> None:
        super().__init__("loaders.fake")
        self.tables: dict[str, Any] = {}
        self.counts: list[dict[str, int]] = []

    def source(self) -> Any:
        """The dlt source over `tables`."""

        @dlt.source(name="fake")
        def fake() -> Iterator[Any]:
            for name, data in self.tables.items():
                yield dlt.resource([data], name=name, write_disposition="replace")

        return fake()

    def row_counts(self) -> dict[str, int]:
        """The next counts."""
        return self.counts.pop(0) if self.counts else {}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    module = Fake()
    monkeypatch.setitem(sys.modules, "loaders.fake", module)
    monkeypatch.setattr(pipeline, "source_names", lambda: ["fake"])
    return module


def rows(query: str) -> list[tuple[Any, ...]]:
    """What the warehouse holds."""
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


def test_every_package_with_a_source_is_offered() -> None:
    assert "mautic" in pipeline.source_names()
    assert "commands" not in pipeline.source_names()


def test_an_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no source 'zoho'[\s\S]*choose from: .*mautic"):
        pipeline.refresh(["zoho"])


def test_names_stay_as_the_source_has_them(fake: Fake) -> None:
    fake.tables = {"Odd__Table": pa.table({"mobileSettings": [1], "a__b": ["x"], "über fluss": [True]})}
    pipeline.refresh(["fake"])
    assert rows("select table_name, column_name from duckdb_columns() where table_name = 'Odd__Table'") == [
        ("Odd__Table", "mobileSettings"),
        ("Odd__Table", "a__b"),
        ("Odd__Table", "über fluss"),
    ]


def test_landing_twice_gives_the_same_tables(fake: Fake) -> None:
    fake.tables = {"things": pa.table({"id": [1, 2]}), "empty": pa.schema([("id", pa.int64())]).empty_table()}
    pipeline.refresh(["fake"])
    landed = pipeline.refresh(["fake"])
    assert {table.table: (table.rows_landed, table.new_columns) for table in landed} == {
        "things": (2, ()),
        "empty": (0, ()),
    }


def test_a_new_column_lands_and_is_reported(fake: Fake) -> None:
    fake.tables = {"things": pa.table({"id": [1]})}
    pipeline.refresh(["fake"])
    fake.tables = {"things": pa.table({"id": [1], "brand_new": ["x"]})}
    (landed,) = pipeline.refresh(["fake"])
    assert landed.new_columns == ("brand_new",)
    assert rows("select brand_new from raw_fake.things") == [("x",)]


def test_a_vanished_column_stays_empty_and_is_reported(fake: Fake) -> None:
    fake.tables = {"things": pa.table({"id": [1], "old": ["x"]})}
    pipeline.refresh(["fake"])
    fake.tables = {"things": pa.table({"id": [1]})}
    (landed,) = pipeline.refresh(["fake"])
    assert landed.notes == ("things.old: no longer in the source; null from now on",)
    assert rows("select id, old from raw_fake.things") == [(1, None)]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (pa.table({"id": [1], "size": [1]}), pa.table({"id": [1], "size": ["big"]})),
        ({"id": 1, "size": 1}, {"id": 1, "size": "big"}),
    ],
)
def test_a_changed_type_stops_before_anything_is_written(fake: Fake, first: Any, then: Any) -> None:
    fake.tables = {"things": first}
    pipeline.refresh(["fake"])
    fake.tables = {"things": then}
    with pytest.raises(ConfigurationError, match=r"The type of things\.size changed[\s\S]*--full"):
        pipeline.refresh(["fake"])
    assert rows("select id, size from raw_fake.things") == [(1, 1)]
    (landed,) = (table for table in pipeline.refresh(["fake"], full=True) if table.table == "things")
    assert landed.rows_landed == 1
    assert rows("select id, size from raw_fake.things") == [(1, "big")]


@pytest.mark.requirement("MAU-14")
def test_fewer_rows_than_the_source_counts_fail_the_run(fake: Fake) -> None:
    fake.tables = {"things": pa.table({"id": [1, 2]})}
    fake.counts = [{"things": 3}, {"things": 3}]
    with pytest.raises(RefusedError, match=r"fake\.things: 2 of 3 rows arrived"):
        pipeline.refresh(["fake"])


def test_a_source_that_moves_while_it_is_read_is_noted(fake: Fake) -> None:
    fake.tables = {"things": pa.table({"id": [1, 2]})}
    fake.counts = [{"things": 2}, {"things": 5}]
    (landed,) = pipeline.refresh(["fake"])
    assert landed.rows_in_source == 2
    assert landed.notes == ("things: the source went from 2 to 5 rows while it was read",)


def test_stand_ins_of_tables_not_landed_yet_are_replaced(fake: Fake) -> None:
    project.data_dir().mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(project.warehouse_path())) as warehouse:
        warehouse.execute("create schema raw_fake; create table raw_fake.things (other varchar)")
        warehouse.execute("comment on table raw_fake.things is 'not landed yet'")
    fake.tables = {"things": pa.table({"id": [1]})}
    pipeline.refresh(["fake"])
    assert rows("select * from raw_fake.things") == [(1,)]
    assert rows("select comment from duckdb_tables() where table_name = 'things'") == [(None,)]


@pytest.mark.parametrize("loss", ["drop table", "delete warehouse"])
def test_what_was_deleted_by_hand_comes_back(fake: Fake, loss: str) -> None:
    fake.tables = {"things": pa.table({"id": [1]}), "others": pa.table({"id": [2]})}
    pipeline.refresh(["fake"])
    if loss == "drop table":
        with duckdb.connect(str(project.warehouse_path())) as warehouse:
            warehouse.execute("drop table raw_fake.things")
    else:
        project.warehouse_path().unlink()
    pipeline.refresh(["fake"])
    assert rows("select (select count(*) from raw_fake.things), (select count(*) from raw_fake.others)") == [
        (1, 1)
    ]


def test_a_failure_inside_a_source_keeps_its_message_and_next_step(fake: Fake) -> None:
    def fails() -> Iterator[Any]:
        raise RuntimeError("https://user:secret@host/ is down")
        yield

    fake.tables = {"things": fails()}
    with pytest.raises(RemoteError, match=r"Landing fake failed: .*user:\*\*\*@host") as caught:
        pipeline.refresh(["fake"])
    assert "secret" not in str(caught.value)


def test_a_locked_warehouse_says_what_to_do(fake: Fake) -> None:
    project.data_dir().mkdir(parents=True, exist_ok=True)
    path = str(project.warehouse_path())
    holder = f"import duckdb, sys; c = duckdb.connect({path!r}); print(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        fake.tables = {"things": pa.table({"id": [1]})}
        with pytest.raises(RemoteError, match=r"warehouse\.duckdb cannot be opened[\s\S]*Next: wait"):
            pipeline.refresh(["fake"])
        process.communicate(b"")


def test_a_killed_landing_is_repeated_as_if_nothing_had_happened(
    twin_file: Path, mautic_from: Callable[..., None]
) -> None:
    mautic_from(twin_file)
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_LOADING], env=os.environ, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    landed = {table.table: table.rows_landed for table in pipeline.refresh(["mautic"])}
    assert landed["leads"] == 300
    assert landed["users"] == 12


def test_dlts_own_command_finds_the_pipeline_without_flags(
    twin_file: Path, mautic_from: Callable[..., None]
) -> None:
    mautic_from(twin_file)
    pipeline.refresh(["mautic"])
    assert not list(
        project.data_dir().glob("dlt/**/*.parquet")
    )  # no second copy of personal data stays behind
    for folder in (project.project_dir(), project.project_dir() / "loaders"):
        info = subprocess.run(
            [str(Path(sys.executable).with_name("dlt")), "pipeline", "mautic", "info"],
            cwd=folder,
            env=os.environ,
            capture_output=True,
            text=True,
        )
        assert info.returncode == 0, info.stderr
        assert "dataset_name: raw_mautic" in info.stdout
        assert str(project.data_dir()) in info.stdout
