"""The Mautic source on SQLite: prefix, odd rows, half-migrated schemas, findings, messages."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders import mautic, pipeline, project
from loaders.errors import ConfigurationError, RefusedError, RemoteError
from loaders.mautic import connection, extract, live
from loaders.mautic.canonical import Canonical
from loaders.mautic.settings import TABLES
from loaders.pipeline import LandedTable
from loaders.rehearsal.twin.mautic import write_mautic
from loaders.rehearsal.twin.mautic_schema import CUSTOM_FIELDS

Point = Callable[..., None]
Spoiled = tuple[Path, Callable[..., None]]
Landed = tuple[dict[str, LandedTable], Callable[[str], list[tuple[Any, ...]]]]


def rows(query: str) -> list[tuple[Any, ...]]:
    """What the warehouse holds."""
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


def land() -> dict[str, LandedTable]:
    """Lands Mautic; tables by name."""
    return {table.table: table for table in pipeline.refresh(["mautic"])}


@pytest.fixture(scope="module")
def whole(twin_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    """The twin landed once, for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SFM_DATA_DIR", str(folder))
        patch.setenv("SOURCES__MAUTIC__DATABASE_URL", f"sqlite:///{twin_file}")
        patch.setenv("SOURCES__MAUTIC__WINDOW_ROWS", "37")
        tables = land()
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        yield tables, lambda query: warehouse.execute(query).fetchall()


@pytest.mark.requirement("MAU-14")
def test_every_row_of_every_table_lands_once(whole: Landed) -> None:
    landed, rows = whole
    for table in TABLES:
        assert landed[table.name].rows_landed == landed[table.name].rows_in_source
    assert rows("select count(distinct id), min(id), max(id) from raw_mautic.leads") == [(300, 1, 300)]


@pytest.mark.requirement("MAU-14")
def test_nothing_asks_mautic_for_an_export() -> None:
    """Version 6 queues exports and mails them; without its cron job nothing arrives and nothing fails."""
    for path in Path(mautic.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
                assert "export" not in node.value.lower(), f"{path.name}: {node.value}"


@pytest.mark.requirement("SRC-04")
def test_custom_fields_land_as_the_columns_they_are(whole: Landed) -> None:
    _, rows = whole
    types = dict(rows("select column_name, data_type from duckdb_columns() where table_name = 'leads'"))
    expected = {"number": "DOUBLE", "boolean": "BIGINT", "date": "DATE", "datetime": "TIMESTAMP"}
    for field in CUSTOM_FIELDS:
        if field.object == "lead" and field.column_exists:
            assert types[field.alias] == expected.get(field.type, "VARCHAR"), field.alias
    assert types["date_added"] == "TIMESTAMP"
    assert types["id"] == types["is_published"] == "BIGINT"


def test_secrets_of_users_stay_in_mautic(whole: Landed) -> None:
    _, rows = whole
    columns = {
        name for (name,) in rows("select column_name from duckdb_columns() where table_name = 'users'")
    }
    assert {"username", "email", "first_name"} <= columns
    assert not {"password", "preferences"} & columns


@pytest.mark.requirement("SRC-02")
def test_serialized_columns_land_as_json(whole: Landed) -> None:
    _, rows = whole
    assert rows(
        "select properties ->> '$.list[1].value' from raw_mautic.lead_fields"
        " where alias = 'newsletter_frequency'"
    ) == [("weekly",)]
    assert rows("select count(*) from raw_mautic.leads where not json_valid(internal)") == [(0,)]


@pytest.mark.requirement("SRC-04")
def test_registry_and_table_that_disagree_are_findings(whole: Landed) -> None:
    notes = whole[0]["leads"].notes
    assert "leads.loyalty_level: field is registered, its column is not created yet" in notes
    assert "leads.import_reference: column has no row in lead_fields" in notes
    assert len(notes) == 2  # and none of Mautic's own columns


@pytest.mark.requirement("SRC-04")
def test_a_half_migrated_schema_lands_with_findings(twin_copy: Spoiled, mautic_from: Point) -> None:
    path, spoil = twin_copy
    spoil(
        "alter table leads drop column points",
        "alter table leads drop column favourite_colour",
        "alter table lead_fields drop column uuid",
        "alter table lead_fields drop column column_is_not_created",
    )
    mautic_from(path)
    landed = land()
    assert (
        "leads.points: column that models read is missing in the source; landed as null"
        in landed["leads"].notes
    )
    assert (
        "leads.favourite_colour: field is registered, the table has no such column" in landed["leads"].notes
    )
    assert "lead_fields.uuid: column that models read is missing in the source; landed as null" in (
        landed["lead_fields"].notes
    )
    assert rows("select count(*), count(points) from raw_mautic.leads") == [(300, 0)]


def test_new_custom_fields_are_reported_and_retyped_ones_stop_the_landing(
    twin_copy: Spoiled, mautic_from: Point
) -> None:
    path, spoil = twin_copy
    mautic_from(path)
    land()
    spoil("alter table leads add column shoe_size double")
    assert land()["leads"].new_columns == ("shoe_size",)
    spoil("alter table leads drop column seats", "alter table leads add column seats varchar(191)")
    with pytest.raises(
        ConfigurationError, match=r"leads\.seats changed: was double when last landed, is text now"
    ):
        land()


def test_odd_values_are_null_and_counted(twin_copy: Spoiled, mautic_from: Point) -> None:
    path, spoil = twin_copy
    spoil(
        "update leads set date_added = '0000-00-00 00:00:00' where id in (3, 4)",
        "update leads set birthday = 'soon' where id = 5",
        "update leads set birthday = '2001-02-03 00:00:00' where id = 6",
        "update leads set points = 'many' where id = 7",
        "update leads set seats = 'few' where id = 8",
        "update leads set lastname = cast(x'41ff42' as text) where id = 9",
        "update leads set lastname = 'nul' || char(0) || 'byte' where id = 10",
        "update leads set lastname = 42 where id = 11",
        "update lead_fields set properties = 'a:1:{i:0;broken' where id = 1",
    )
    mautic_from(path, window=50)
    landed = land()
    assert set(landed["leads"].notes) >= {
        "leads.date_added: zero date read as null in 2 rows (for example 3, 4)",
        "leads.birthday: value of another type read as null in 1 rows (for example 5)",
        "leads.points: value of another type read as null in 1 rows (for example 7)",
        "leads.seats: value of another type read as null in 1 rows (for example 8)",
        "leads.lastname: invalid UTF-8 replaced in 1 rows (for example 9)",
    }
    assert rows("select lastname from raw_mautic.leads where id in (9, 10, 11) order by id") == [
        ("A\ufffdB",),
        ("nul\0byte",),
        ("42",),
    ]
    assert rows("select birthday::varchar from raw_mautic.leads where id = 6") == [("2001-02-03",)]
    assert rows("select properties from raw_mautic.lead_fields where id = 1") == [("a:1:{i:0;broken",)]
    assert rows(
        "select table_name, column_name, row_count, sample_keys from raw_mautic.landing_notes"
        " where note like 'undecodable%' and table_name = 'lead_fields'"
    ) == [("lead_fields", "properties", 1, "1")]
    values = " ".join(note for table in landed.values() for note in table.notes)
    assert "soon" not in values and "many" not in values  # notes are shared; values are personal data


def test_empty_and_missing_optional_tables_land_empty(
    twin_copy: Spoiled, mautic_from: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, spoil = twin_copy
    spoil(*(f"delete from {table.name}" for table in TABLES), "drop table roles")
    optional = tuple(replace(table, optional=table.name == "roles") for table in TABLES)
    monkeypatch.setattr(live, "TABLES", optional)
    monkeypatch.setattr(mautic, "TABLES", optional)
    mautic_from(path)
    landed = land()
    assert {landed[table.name].rows_landed for table in TABLES} == {0}
    assert landed["roles"].notes == ("roles: table is missing in the source; landed empty",)
    types = dict(rows("select column_name, data_type from duckdb_columns() where table_name = 'leads'"))
    assert types["date_added"] == "TIMESTAMP"


def test_a_prefix_is_stripped_from_the_tables(tmp_path: Path, mautic_from: Point) -> None:
    path = tmp_path / "twin.sqlite"
    write_mautic(f"sqlite:///{path}", 20, prefix="mtc_")
    mautic_from(path, prefix="mtc_")
    assert land()["leads"].rows_landed == 20


@pytest.mark.parametrize("prefix", ["", "mautic_"])
def test_a_wrong_prefix_is_answered_with_the_right_one(
    tmp_path: Path, mautic_from: Point, prefix: str
) -> None:
    path = tmp_path / "twin.sqlite"
    write_mautic(f"sqlite:///{path}", 20, prefix="mtc_")
    mautic_from(path, prefix=prefix)
    with pytest.raises(ConfigurationError, match=r'TABLE_PREFIX.* to "mtc_"'):
        land()


def test_a_missing_table_is_named(twin_copy: Spoiled, mautic_from: Point) -> None:
    path, spoil = twin_copy
    spoil("drop table companies_leads")
    mautic_from(path)
    with pytest.raises(ConfigurationError, match="has no table companies_leads"):
        land()


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("sqlite:////no/such/file.sqlite", ConfigurationError, "No Mautic database at /no/such/file.sqlite"),
        ("not a url", ConfigurationError, "cannot be read"),
        ("mysql+pymysql://me:geheim@host:port/db", ConfigurationError, "cannot be read"),
        ("nosuchdb://me:geheim@host/db", ConfigurationError, "No driver for nosuchdb"),
        ("oracle://me:geheim@host/db", ConfigurationError, "No driver for oracle"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(
    mautic_from: Point, url: str, error: type[Exception], message: str
) -> None:
    mautic_from(url)
    with pytest.raises(error, match=message) as caught:
        land()
    assert "Next: " in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_without_a_url_the_twin_is_read_and_missing_it_says_how_to_make_it() -> None:
    with pytest.raises(ConfigurationError, match=r"twin/mautic\.sqlite[\s\S]*rehearse seed"):
        land()


def test_a_file_that_is_no_database_is_told(tmp_path: Path, mautic_from: Point) -> None:
    path = tmp_path / "notes.sqlite"
    path.write_text("these are no tables " * 100)
    mautic_from(path)
    with pytest.raises(RemoteError, match="file is not a database"):
        land()


def test_windows_must_be_a_number(
    mautic_from: Point, twin_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mautic_from(twin_file)
    monkeypatch.setenv("SOURCES__MAUTIC__WINDOW_ROWS", "lots")
    with pytest.raises(ConfigurationError, match="window_rows is 'lots'"):
        land()


@pytest.mark.requirement("MAU-20")
def test_sqlite_is_opened_read_only(twin_file: Path) -> None:
    there = connection.Connection(connection.parse_url(f"sqlite:///{twin_file}"))
    with connection.open_engine(there) as engine, engine.connect() as session:
        raw = session.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            raw.execute("delete from leads")


def test_memory_is_bounded_by_the_window(twin_file: Path) -> None:
    there = connection.Connection(connection.parse_url(f"sqlite:///{twin_file}"), window_rows=7)
    leads = next(table for table in TABLES if table.name == "leads")
    with connection.open_engine(there) as engine, engine.connect() as session:
        columns = live.columns(session, there, leads)
        batches = list(extract.read_table(engine, there, leads, columns, mautic.Notes()))
    assert max(batch.num_rows for batch in batches) == 7
    assert sum(batch.num_rows for batch in batches) == 300


def test_a_number_beyond_64_bits_is_refused_instead_of_changed() -> None:
    table = next(table for table in TABLES if table.name == "stages")
    column = [
        live.Column("id", "bigint(20) unsigned", "int"),
        live.Column("weight", "bigint(20) unsigned", "int"),
    ]
    canonical = Canonical(table, column, mautic.Notes())
    assert canonical.from_rows([(1, 2**63 - 1)]).column("weight").to_pylist() == [2**63 - 1]
    with pytest.raises(RefusedError, match=r"stages\.weight holds a number above 9223372036854775807"):
        canonical.from_rows([(1, 2**63)])
