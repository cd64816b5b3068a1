"""Mautic's real database types on a real MariaDB: nothing is lost, and SQLite lands the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from mautic_fixtures import MariaDB

from loaders import pipeline, project
from loaders.errors import ConfigurationError, RefusedError, RemoteError
from loaders.mautic import connection, extract, live
from loaders.mautic.notes import Notes
from loaders.mautic.settings import TABLES
from loaders.rehearsal.twin.mautic import write_mautic

pytestmark = pytest.mark.mariadb

FIXTURE = Path(__file__).parents[1] / "fixtures" / "mautic" / "nasty.sql"


def rows(query: str) -> list[tuple[object, ...]]:
    """What the warehouse holds."""
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


def landed() -> dict[str, tuple[list[tuple[object, ...]], list[tuple[object, ...]]]]:
    """Columns with types and all rows of every landed table."""
    tables = rows(
        "select table_name from duckdb_tables()"
        " where schema_name = 'raw_mautic' and table_name not like '%dlt%'"
    )
    return {
        str(table): (
            rows(f"describe raw_mautic.{table}"),
            rows(f"select * from raw_mautic.{table} order by all"),
        )
        for (table,) in tables
    }


@pytest.fixture(scope="session")
def nasty(mariadb: MariaDB) -> str:
    """A small database in Mautic's own types with the rows that break extractors; returns its name."""
    database = mariadb.create("nasty")
    statements = [part for part in FIXTURE.read_text(encoding="utf-8").split(";\n") if part.strip()]
    mariadb.run(
        "set names utf8mb4", "set sql_mode = ''", "set time_zone = '+00:00'", *statements, database=database
    )
    return database


@pytest.mark.requirement("MAU-20")
def test_sqlite_and_mariadb_land_identical_tables_whatever_the_prefix(
    mariadb: MariaDB, tmp_path: Path, mautic_from: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, file = mariadb.create("same"), f"sqlite:///{tmp_path / 'twin.sqlite'}"
    written = write_mautic(mariadb.url(server, "writer"), 400, prefix="mautic_")
    assert written == write_mautic(file, 400)
    found, hashes = [], []
    for url, prefix in ((mariadb.url(server), "mautic_"), (file, "")):
        monkeypatch.setenv("SFM_DATA_DIR", str(tmp_path / f"data{prefix}"))
        mautic_from(url, prefix, window=70)
        pipeline.refresh(["mautic"])
        found.append(landed())
        hashes.append(rows("select table_name, content_hash from raw_mautic.landing_snapshots order by 1"))
        found[-1].pop("landing_snapshots")  # has the moment of the landing
    assert hashes[0] == hashes[1] != []
    assert found[0].keys() == found[1].keys() >= {"leads", "companies", "companies_leads", "landing_notes"}
    for table, (columns, content) in found[0].items():
        assert columns == found[1][table][0], table
        assert content == found[1][table][1], table


def extracted(url: str, window: int) -> dict[str, pa.Table]:
    """Every table as the source reads it, in key order, and the notes."""
    there = connection.Connection(connection.parse_url(url), window_rows=window)
    notes, tables = Notes(), {}
    with connection.open_engine(there) as engine, engine.connect() as session:
        present = live.table_names(session)
        for table in (table for table in TABLES if table.name in present):
            columns = live.columns(session, there, table)
            batches = pa.concat_tables(extract.read_table(engine, there, table, columns, notes))
            tables[table.name] = batches.sort_by([(key, "ascending") for key in table.primary_key])
    return tables | {"notes": notes.to_arrow()}


@pytest.mark.requirement("MAU-20")
@pytest.mark.requirement("MAU-16")
def test_connectorx_the_fallback_and_a_socket_read_the_same(
    mariadb: MariaDB, nasty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    real = extract.connectorx.read_sql
    monkeypatch.setattr(extract.connectorx, "read_sql", lambda *a, **k: used.append(a[1]) or real(*a, **k))
    fast = extracted(mariadb.url(nasty), 2)
    assert len([query for query in used if "from `leads`" in query]) >= 4  # windows of two rows
    assert len([query for query in used if "from `companies_leads`" in query]) >= 3
    assert not [query for query in used if " order by " in query or " offset " in query]

    def broken(*_: object, **__: object) -> None:
        raise BaseException("a panic is no Exception")

    monkeypatch.setattr(extract.connectorx, "read_sql", broken)
    assert extracted(mariadb.url(nasty), 2) == fast
    socket = f"mysql+pymysql://root@localhost/{nasty}?unix_socket={mariadb.socket}"
    assert extract.connectorx_url(connection.parse_url(socket)) is None
    assert extracted(socket, 3) == fast


@pytest.mark.requirement("MAU-16")
def test_a_table_with_few_gaps_is_read_in_ranges_of_its_key(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = mariadb.create("dense")
    mariadb.run(
        "create table lead_tags (id int unsigned not null primary key, tag varchar(191))",
        "insert into lead_tags select seq, concat('tag ', seq) from seq_5_to_1400",
        "delete from lead_tags where id in (5, 6, 250, 251, 800) or id % 7 = 0",
        "analyze table lead_tags",
        database=database,
    )
    used: list[str] = []
    real = extract.connectorx.read_sql
    monkeypatch.setattr(extract.connectorx, "read_sql", lambda *a, **k: used.append(a[1]) or real(*a, **k))
    there = connection.Connection(connection.parse_url(mariadb.url(database)), window_rows=100)
    table = next(table for table in TABLES if table.name == "lead_tags")
    with connection.open_engine(there) as engine, engine.connect() as session:
        columns = live.columns(session, there, table)
        batches = list(extract.read_table(engine, there, table, columns, Notes()))
    expected = [n for n in range(5, 1401) if n not in (5, 6, 250, 251, 800) and n % 7]
    assert pa.concat_tables(batches).column("id").to_pylist() == expected
    assert max(batch.num_rows for batch in batches) <= 100
    assert all("where `id` >= " in query for query in used)
    assert len([query for query in used if " and `id` < " in query]) == len(used) - 1 == 13


@pytest.mark.requirement("SRC-02")
@pytest.mark.requirement("SRC-04")
def test_nasty_rows_arrive_unchanged_or_are_reported(
    mariadb: MariaDB, nasty: str, mautic_from: Callable[..., None]
) -> None:
    mautic_from(mariadb.url(nasty), window=3)
    tables = {table.table: table for table in pipeline.refresh(["mautic"])}
    for file in project.data_dir().rglob("*"):  # dlt keeps traces of its configuration
        content = file.read_bytes() if file.is_file() else b""
        assert b"p@ss" not in content and b"p%40ss" not in content, file
    lead = dict(rows("select id, lastname from raw_mautic.leads"))
    assert lead[1] == "nul\0byte"
    assert lead[2] == "emoji 🌟 and ‏עברית"
    assert lead[3] == "line\r\nbreak \"double\" 'single' \\ back`tick"
    assert lead[4] == "x" * 300
    assert lead[5] == ""
    assert lead[6] is None
    assert rows("select id, is_published, points from raw_mautic.leads where id in (1, 2, 7) order by 1") == [
        (1, 1, -5),
        (2, 2, 2147483647),  # tinyint(1) holds more than yes and no
        (7, -1, 0),
    ]
    assert rows("select max(id), min(id) from raw_mautic.leads") == [(9007199254740993, 1)]
    assert rows("select clock, price, small_number from raw_mautic.leads where id = 1") == [
        ("-12:30:00", "12345678901234567890.123456789012", 0.10000000149011612)
    ]
    assert rows("select clock from raw_mautic.leads where id = 2") == [("838:59:59",)]
    assert rows(
        "select typeof(clock), typeof(price), typeof(flags), typeof(uploaded) from raw_mautic.leads limit 1"
    ) == [("VARCHAR", "VARCHAR", "BIGINT", "VARCHAR")]
    assert rows("select flags, uploaded, level from raw_mautic.leads where id = 1") == [(1, "00FF10", "gold")]
    assert rows(
        "select code, seen::varchar, width, biggest, ratio, settings from raw_mautic.leads where id = 1"
    ) == [("BiN ü", "2024-07-01 12:00:00", 16777215, 4294967295, 1e300, '{"a": "ü"}')]
    assert rows("select generated_email_domain from raw_mautic.leads where id = 2") == [("example.com",)]
    assert rows("select count(*) from raw_mautic.leads where date_added is null") == [(3,)]
    assert "leads.date_added: zero date read as null in 2 rows (for example 1, 2)" in tables["leads"].notes
    assert "leads.birthday: zero date read as null in 1 rows (for example 3)" in tables["leads"].notes
    assert rows("select companyname from raw_mautic.companies order by id") == [
        ("Café Ångström",),
        ("Latin £ ½",),
    ]
    assert rows("select properties from raw_mautic.lead_fields where id = 2") == [
        ('{"list": ["Mr", "Ms 🌟"]}',)
    ]
    raw = rows("select properties from raw_mautic.lead_fields where id = 3")[0][0]
    assert str(raw).startswith('O:13:"ArrayIterator"')
    assert (
        "lead_fields.properties: undecodable PHP serialization landed as it is in 1 rows (for example 3)"
        in tables["lead_fields"].notes
    )


@pytest.mark.requirement("MAU-14")
def test_a_shortfall_fails_the_run(
    mariadb: MariaDB, nasty: str, mautic_from: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mautic_from(mariadb.url(nasty), window=3)
    real = extract._Mysql._windows
    monkeypatch.setattr(extract._Mysql, "_windows", lambda self: list(real(self))[:1])
    with pytest.raises(RefusedError, match=r"mautic\.leads: 3 of 8 rows arrived"):
        pipeline.refresh(["mautic"])


@pytest.mark.requirement("MAU-20")
def test_the_source_is_never_written_to(mariadb: MariaDB, nasty: str) -> None:
    there = connection.Connection(connection.parse_url(mariadb.url(nasty, "writer")))
    with (
        pytest.raises(RemoteError, match="READ ONLY"),
        connection.open_engine(there) as engine,
        engine.connect() as session,
    ):
        session.execute(sa.text("delete from leads"))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda m: m.url("nasty", password="wr@ng"), ConfigurationError, "refuses the user 'reader'"),
        (lambda m: m.url("no_such"), ConfigurationError, "There is no database 'no_such'"),
        (
            lambda m: m.url("nasty").replace(str(m.port), "1"),
            RemoteError,
            "127.0.0.1:1/nasty does not answer",
        ),
        (
            lambda m: m.url("nasty").replace("127.0.0.1", "no-such-host.invalid"),
            RemoteError,
            "does not answer",
        ),
        (lambda m: m.url("mysql"), ConfigurationError, "has no table leads, nor another pair"),
    ],
)
def test_what_cannot_be_reached_says_so_without_the_password(
    mariadb: MariaDB,
    nasty: str,
    mautic_from: Callable[..., None],
    change: Callable[[MariaDB], str],
    error: type[Exception],
    message: str,
) -> None:
    mautic_from(change(mariadb))
    with pytest.raises(error, match=message) as caught:
        pipeline.refresh(["mautic"])
    assert "Next: " in str(caught.value)
    for secret in ("p@ss", "wr@ng", "p%40ss", "wr%40ng"):
        assert secret not in str(caught.value)


def test_a_user_without_select_is_told_to_ask_for_it(
    mariadb: MariaDB, nasty: str, mautic_from: Callable[..., None]
) -> None:
    mariadb.run(
        "create or replace user narrow@'127.0.0.1' identified by 'x'",
        "grant select on nasty.users to narrow@'127.0.0.1'",
    )
    mautic_from(mariadb.url("nasty", "narrow", "x"))
    with pytest.raises(ConfigurationError, match="has no table leads"):
        pipeline.refresh(["mautic"])


def test_an_empty_database_says_so(mariadb: MariaDB, mautic_from: Callable[..., None]) -> None:
    mautic_from(mariadb.url(mariadb.create("void")))
    with pytest.raises(ConfigurationError, match="/void has no tables at all"):
        pipeline.refresh(["mautic"])


@pytest.mark.requirement("C14")
def test_the_twin_refuses_to_replace_a_real_mautic(mariadb: MariaDB, nasty: str) -> None:
    with pytest.raises(ConfigurationError, match="no synthetic twin"):
        write_mautic(mariadb.url(nasty, "writer"), 10)
