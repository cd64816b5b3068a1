"""Rows that are new, changed or deleted since the landing before are found by their content alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders import landing_changes, pipeline, project
from loaders.landing_changes import Changed, LandedRows, Snapshot

THINGS = ("id", "part", "name", "seen")


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "create schema raw_fake; create table raw_fake.things (id int, part int, name varchar, seen timestamp)"
    )
    return connection


def landing(
    warehouse: duckdb.DuckDBPyConnection, number: int, *values: str, columns: tuple[str, ...] = THINGS
) -> Changed:
    """Replaces the table by these rows and compares it with what was there."""
    warehouse.execute("delete from raw_fake.things")
    for value in values:
        warehouse.execute(f"insert into raw_fake.things ({', '.join(THINGS)}) values {value}")
    moment = warehouse.execute(f"select timestamp '2026-01-01' + to_days({number})").fetchall()[0][0]
    table = LandedRows("things", ("id", "part"), columns, len(values))
    return landing_changes.record(warehouse, "fake", [table], Snapshot(f"landing {number}", moment))["things"]


def listed(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    query = "select landing_id, table_name, row_key, change from raw_fake.landing_changes order by all"
    return warehouse.execute(query).fetchall()


@pytest.mark.requirement("SRC-03")
@pytest.mark.requirement("MAU-25")
def test_new_changed_and_deleted_rows_are_listed_by_key(warehouse: duckdb.DuckDBPyConnection) -> None:
    first = landing(warehouse, 1, "(1, 1, 'a', null)", "(1, 2, 'b', null)", "(2, 1, 'c', '2026-01-01')")
    assert (first.new, first.changed, first.deleted, first.first) == (3, 0, 0, True)
    assert listed(warehouse) == []
    second = landing(warehouse, 2, "(1, 1, 'a', null)", "(2, 1, 'c', '2026-01-02')", "(3, 1, 'd', null)")
    assert (second.new, second.changed, second.deleted, second.first) == (1, 1, 1, False)
    assert listed(warehouse) == [
        ("landing 2", "things", "1/2", "deleted"),
        ("landing 2", "things", "2/1", "changed"),
        ("landing 2", "things", "3/1", "new"),
    ]
    again = landing(warehouse, 3, "(3, 1, 'd', null)", "(2, 1, 'c', '2026-01-02')", "(1, 1, 'a', null)")
    assert (again.new, again.changed, again.deleted) == (0, 0, 0)
    assert again.content_hash == second.content_hash  # the order of rows is no content


@pytest.mark.requirement("MAU-20")
def test_every_landing_leaves_a_line_with_the_hash_of_its_content(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    hashes = [
        landing(warehouse, 1, "(1, 1, 'a', null)").content_hash,
        landing(warehouse, 2, "(1, 1, 'A', null)").content_hash,
        landing(warehouse, 3).content_hash,
    ]
    assert len(set(hashes)) == 3
    assert warehouse.execute(
        "select landing_id, rows_landed, rows_in_source, rows_new, rows_changed, rows_deleted, content_hash"
        " from raw_fake.landing_snapshots order by 1"
    ).fetchall() == [
        ("landing 1", 1, 1, 1, 0, 0, hashes[0]),
        ("landing 2", 1, 1, 0, 1, 0, hashes[1]),
        ("landing 3", 0, 0, 0, 0, 1, hashes[2]),
    ]


def test_values_do_not_slip_from_one_column_to_the_next(warehouse: duckdb.DuckDBPyConnection) -> None:
    landing(warehouse, 1, "(1, 1, null, null)", "(2, 1, '', null)")
    assert landing(warehouse, 2, "(1, 1, '', null)", "(2, 1, null, null)").changed == 2


def test_a_new_column_changes_nothing_until_it_has_a_value(warehouse: duckdb.DuckDBPyConnection) -> None:
    landing(warehouse, 1, "(1, 1, 'a', null)", "(2, 1, 'b', null)")
    warehouse.execute("alter table raw_fake.things add column added varchar")
    wider = (*THINGS, "added")
    assert landing(warehouse, 2, "(1, 1, 'a', null)", "(2, 1, 'b', null)", columns=wider).changed == 0


def test_a_comparison_that_fails_keeps_what_was_known(warehouse: duckdb.DuckDBPyConnection) -> None:
    landing(warehouse, 1, "(1, 1, 'a', null)")
    with pytest.raises(duckdb.Error):
        landing(warehouse, 2, "(1, 1, 'b', null)", columns=("id", "no_such_column"))
    assert landing(warehouse, 3, "(1, 1, 'b', null)").changed == 1


@pytest.mark.requirement("SRC-03")
@pytest.mark.requirement("MAU-20")
def test_edits_and_deletes_in_mautic_are_found_whatever_its_dates_say(
    twin_copy: tuple[Path, Callable[..., None]], mautic_from: Callable[..., None]
) -> None:
    path, spoil = twin_copy
    mautic_from(path)
    first = {table.table: table for table in pipeline.refresh(["mautic"])}
    assert first["leads"].rows_new is None
    spoil(
        "update leads set points = points + 1 where id in (5, 6)",  # date_modified stays
        "delete from lead_tags_xref where lead_id = (select min(lead_id) from lead_tags_xref)",
        "insert into lead_tags (id, tag) values (1000, 'brand new')",
    )
    second = {table.table: table for table in pipeline.refresh(["mautic"])}
    counted = {name: (t.rows_new, t.rows_changed, t.rows_deleted) for name, t in second.items()}
    assert counted["leads"] == (0, 2, 0)
    assert counted["lead_tags"] == (1, 0, 0)
    assert counted["lead_tags_xref"][2]
    assert counted["companies"] == counted["files"] == (0, 0, 0)
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        changes = warehouse.execute(
            "select row_key, change from raw_mautic.landing_changes where table_name in ('leads', 'lead_tags') order by all"
        ).fetchall()
        dumps = warehouse.execute(
            "select distinct snapshot_file, length(snapshot_sha256) from raw_mautic.landing_snapshots"
        ).fetchall()
    assert changes == [("1000", "new"), ("5", "changed"), ("6", "changed")]
    assert dumps == [(str(path), 64)]
