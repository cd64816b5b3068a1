"""Mautic by its REST API: the same raw tables as from the database, whatever the API does on the way."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mautic_rest_support import StandIn, configure, ids, land, landing, running

from loaders import pipeline, rest_limiter
from loaders.errors import ConfigurationError, MigrationError, RemoteError
from loaders.mautic import rest, rest_settings
from loaders.mautic.rest_settings import ENDPOINTS
from loaders.mautic.settings import LISTED, TABLES
from loaders.pipeline import LandedTable
from loaders.rehearsal.twin.mautic import write_mautic

# columns and tables that only the database tells and the landing cannot know of: a column without a row in
# the registry, and a registered field whose column Mautic has not created
ONLY_IN_DATABASE = {("leads", "import_reference")}
ONLY_BY_API = {("leads", "loyalty_level")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the stand-in, with a twin of 400 contacts."""
    folder = tmp_path_factory.mktemp("rest")
    write_mautic(f"sqlite:///{folder / 'twin' / 'mautic.sqlite'}", 400)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[StandIn]:
    """One stand-in for the whole module."""
    with running(folder) as stand_in:
        yield stand_in


@pytest.fixture
def api(served: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The stand-in without faults, configured; a limiter that has learned nothing."""
    monkeypatch.setattr(rest_limiter, "_limiters", {})
    served.told()
    configure(monkeypatch, served.url, page_rows=25)
    return served


@pytest.fixture(scope="module")
def both(served: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both landings of the same twin, as the catalogues `db` and `api`."""
    with pytest.MonkeyPatch.context() as patch, duckdb.connect() as engine:
        served.told(offset="-05:00")
        for name in ("db", "api"):
            data = tmp_path_factory.mktemp(name)
            patch.setenv("SFM_DATA_DIR", str(data))
            configure(patch, served.url, page_rows=37)
            if name == "db":
                patch.delenv("SOURCES__MAUTIC__BASE_URL")
                patch.setenv("SOURCES__MAUTIC__DATABASE_URL", f"sqlite:///{served.database}")
            pipeline.refresh(["mautic"])
            engine.execute(f"attach '{data / 'warehouse.duckdb'}' as {name} (read_only)")
        yield engine


def columns(engine: duckdb.DuckDBPyConnection, catalogue: str) -> dict[tuple[str, str], str]:
    """Table and column to type, of the source's tables."""
    found = engine.execute(
        "select table_name, column_name, data_type from duckdb_columns()"
        " where database_name = ? and schema_name = 'raw_mautic'",
        [catalogue],
    ).fetchall()
    landed = {table.name for table in TABLES} | {"form_results", "files"}
    return {(table, column): kind for table, column, kind in found if table in landed}


@pytest.mark.requirement("MAU-20", "COM-12")
def test_both_ways_in_land_the_same_columns_in_the_same_types(both: duckdb.DuckDBPyConnection) -> None:
    from_database, from_api = columns(both, "db"), columns(both, "api")
    assert set(from_database) - set(from_api) == ONLY_IN_DATABASE
    assert set(from_api) - set(from_database) == ONLY_BY_API
    common = set(from_database) & set(from_api)
    assert {place: from_database[place] for place in common} == {place: from_api[place] for place in common}


@pytest.mark.requirement("MAU-20", "SRC-05")
def test_both_ways_in_land_the_same_values_but_for_declared_gaps(both: duckdb.DuckDBPyConnection) -> None:
    noted = set(both.execute("select table_name, column_name from api.raw_mautic.landing_notes").fetchall())
    gaps = {name for name, endpoint in ENDPOINTS.items() if endpoint.way == "gap"}
    compared = 0
    for table in sorted({table for table, _ in columns(both, "db")} - gaps):
        shared = [c for t, c in columns(both, "db") if t == table and (t, c) in columns(both, "api")]
        names = ", ".join(f'"{column}"' for column in shared if (table, column) not in noted)
        one, other = f"from db.raw_mautic.{table}", f"from api.raw_mautic.{table}"
        for left, right in ((one, other), (other, one)):
            lost = both.execute(f"select {names} {left} except all select {names} {right}").fetchall()
            assert lost == [], f"{table}: {lost[:2]}"
        rows = both.execute(f"select count(*) {one}").fetchone()
        assert rows is not None
        compared += rows[0]
    assert compared > 3000


@pytest.mark.requirement("SRC-05")
def test_what_the_api_does_not_give_is_an_empty_table_and_a_note(both: duckdb.DuckDBPyConnection) -> None:
    gaps = {name: end.gap for name, end in ENDPOINTS.items() if end.way == "gap"}
    landed = {table.name for table in TABLES} | {"form_results", "files"}
    told = dict(
        both.execute(
            "select table_name, note from api.raw_mautic.landing_notes where column_name is null"
        ).fetchall()
    )
    for table in landed & set(gaps):
        assert both.execute(f"select count(*) from api.raw_mautic.{table}").fetchone() == (0,)
        assert told[table] == gaps[table]
    assert {"custom_item_xref_contact", "custom_item_xref_custom_item", "contact_merge_records"} <= set(told)


@pytest.mark.requirement("SRC-05")
def test_a_hidden_column_is_null_and_noted(both: duckdb.DuckDBPyConnection) -> None:
    notes = both.execute(
        "select table_name || '.' || column_name from api.raw_mautic.landing_notes where column_name is not null"
    ).fetchall()
    assert {"assets.path", "email_stats.tokens", "leads.legacy_crm_id"} <= {name for (name,) in notes}
    assert both.execute("select count(path) from api.raw_mautic.assets").fetchone() == (0,)


def test_every_listed_table_has_a_way_or_a_declared_gap() -> None:
    for table in LISTED:
        endpoint = ENDPOINTS[table.name]
        assert (endpoint.way == "gap") == bool(endpoint.gap), table.name
        if endpoint.way == "nested":
            assert ENDPOINTS[endpoint.path].way == "list"


@pytest.mark.requirement("MAU-14", "MAU-17")
def test_counts_are_the_apis_own_and_no_export_or_custom_object_is_asked_for(api: StandIn) -> None:
    counts = rest.row_counts()
    for table in ("leads", "companies_leads", "email_stats", "lead_fields", "campaign_leads"):
        assert counts[table] == api.rows(f"select count(*) from {table}")[0][0], table
    run = landing()
    for table in TABLES:
        if ENDPOINTS[table.name].way != "nested":
            list(run.read(table))
    asked = set(api.shown()["paths"])
    assert "contacts" in asked
    assert "stats/email_stats" in asked
    assert not [path for path in asked if "export" in path or "custom" in path]


@pytest.mark.requirement("COM-12")
def test_a_large_table_is_read_by_several_requests_at_once(api: StandIn) -> None:
    api.told(slow_seconds=0.05)
    run = landing()
    active = most = 0
    send = run.client._send

    def counting(*given: Any) -> Any:
        nonlocal active, most
        active += 1
        most = max(most, active)
        try:
            return send(*given)
        finally:
            active -= 1

    run.client._send = counting  # type: ignore[method-assign]
    assert len(ids(land("email_stats", run))) == api.rows("select count(*) from email_stats")[0][0]
    assert 2 <= most <= rest_limiter.AT_ONCE


FAULTS: dict[str, dict[str, Any]] = {
    "throttled at random": {"throttled": 0.4},
    "throttled with Retry-After": {"throttled": 0.3, "retry_after": "always", "retry_seconds": 0},
    "throttled without Retry-After": {"throttled": 0.3, "retry_after": "never"},
    "an error every now and then": {"failing": 0.2},
    "broken connections": {"dropped": 0.2},
    "pages cut in the middle": {"cut": 0.3},
    "half a page lost": {"halved": 0.3},
    "everything at once": {"throttled": 0.1, "failing": 0.1, "dropped": 0.1, "cut": 0.1, "halved": 0.1},
    "containers the other way round": {"other_containers": True, "total_as_text": False},
}


@pytest.mark.requirement("COM-13", "MAU-27")
@pytest.mark.parametrize("fault", FAULTS)
def test_every_row_lands_once_whatever_happens(api: StandIn, fault: str) -> None:
    api.told(**FAULTS[fault])
    run = landing(attempts=30)
    expected = [number for (number,) in api.rows("select id from leads order by id")]
    assert ids(land("leads", run)) == expected
    pairs = land("companies_leads", run).select(["company_id", "lead_id"]).to_pylist()
    assert sorted((pair["company_id"], pair["lead_id"]) for pair in pairs) == sorted(
        api.rows("select company_id, lead_id from companies_leads")
    )
    tags = land("lead_tags_xref", run).select(["lead_id", "tag_id"]).to_pylist()
    assert sorted((tag["lead_id"], tag["tag_id"]) for tag in tags) == sorted(
        api.rows("select lead_id, tag_id from lead_tags_xref")
    )


@pytest.mark.requirement("COM-13", "MAU-27")
def test_the_pace_follows_a_limit_that_nobody_published(api: StandIn) -> None:
    api.told(requests_a_second=20, retry_after="always", retry_seconds=1)
    run = landing()
    assert len(ids(land("leads", run))) == 400
    assert run.client.limiter.refusals > 0
    assert api.shown()["requests"] < 3 * 400 / 25  # it waits, and does not ask again and again


@pytest.mark.requirement("COM-13")
def test_a_host_that_refuses_everything_ends_with_its_own_words(
    api: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = landing()
    run.client.limiter.patience = 0.3
    api.told(throttled=1.0, retry_after="always", retry_seconds=3600)
    with pytest.raises(RemoteError, match="3600 seconds") as caught:
        land("leads", run)
    assert caught.value.exit_code == 3


def test_a_token_that_expires_is_renewed(api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, api.url, client_id="rehearsal", client_secret="rehearsal", page_rows=25)
    api.told(token_seconds=0.2, slow_seconds=0.03)
    assert len(ids(land("leads"))) == 400


def test_a_contact_that_vanishes_meanwhile_shifts_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(folder / "twin", tmp_path / "twin")
    with running(tmp_path) as stand_in:
        configure(monkeypatch, stand_in.url, page_rows=25)
        run = landing()
        stand_in.told(delete_contacts=[1, 2, 3, 60, 61, 399], delete_after=8)
        landed = ids(land("leads", run))
        left = [number for (number,) in stand_in.rows("select id from leads order by id")]
    assert len(left) == 394
    assert len(landed) == len(set(landed))
    assert set(left) <= set(landed)


@pytest.mark.requirement("MAU-14")
def test_a_page_that_stays_short_stops_the_landing(api: StandIn) -> None:
    run = landing(attempts=3)
    api.told(halved=1.0)
    with pytest.raises(RemoteError, match="rows instead of"):
        land("leads", run)


@pytest.mark.requirement("MAU-20")
def test_an_empty_instance_lands_all_tables_with_their_columns(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(folder / "twin", tmp_path / "twin")
    with running(tmp_path) as stand_in:
        kept = ("users", "roles", "lead_fields")
        _empty(stand_in, [table.name for table in TABLES if table.name not in kept])
        configure(monkeypatch, stand_in.url)
        landed: dict[str, LandedTable] = {t.table: t for t in pipeline.refresh(["mautic"])}
    assert {table.name for table in TABLES} <= set(landed)
    assert {name: t.rows_landed for name, t in landed.items() if name in ("leads", "emails", "users")} == {
        "leads": 0, "emails": 0, "users": 12,
    }  # fmt: skip


def _empty(stand_in: StandIn, tables: list[str]) -> None:
    with sqlite3.connect(stand_in.database) as database:
        for table in tables:
            if database.execute("select 1 from sqlite_master where name = ?", [table]).fetchone():
                database.execute(f'delete from "{table}"')


def test_one_contact_with_more_rows_than_a_page_is_read_whole(
    api: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, api.url, page_rows=1)
    assert api.rows("select count(*) from companies_leads group by lead_id having count(*) > 1") != []
    assert land("companies_leads").num_rows == api.rows("select count(*) from companies_leads")[0][0]


REFUSALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "wrong password": ({}, {"username": "admin", "password": "s3cret!"}, "does not accept the log-in"),
    "wrong client": ({}, {"client_id": "x", "client_secret": "s3cret!"}, "gives no token"),
    "the API is off": ({"api_enabled": False}, {}, "API of .* is switched off"),
    "basic authentication is off": ({"basic_auth": False}, {}, "Basic authentication is disabled"),
    "own records only": ({"sees_others": False}, {}, "may not see all records: .*lead:leads"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_wrong_with_the_access_is_said_without_a_secret(
    api: StandIn, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    settings, login, text = REFUSALS[case]
    api.told(**settings)
    configure(monkeypatch, api.url, **login)
    with pytest.raises(ConfigurationError, match=text) as caught:
        pipeline.refresh(["mautic"])
    assert "s3cret" not in str(caught.value)
    assert caught.value.next_step


def test_a_role_that_the_api_does_not_tell_is_a_note(api: StandIn) -> None:
    api.told(tells_role=False)
    notes = landing().notes.to_arrow().to_pylist()
    assert [(note["table_name"], "without a trace" in note["note"]) for note in notes] == [("leads", True)]


def test_an_older_release_lacks_what_came_later_without_a_complaint(api: StandIn) -> None:
    api.told(version="4.4.13")
    run = landing()
    land("lead_fields", run)
    noted = {(note["table_name"], note["column_name"]) for note in run.notes.to_arrow().to_pylist()}
    assert ("lead_fields", "column_is_not_created") in noted
    assert run.caller.version == "4.4"


def test_a_page_of_a_web_server_is_no_api(api: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, api.url.removesuffix("/mautic") + "/nowhere")
    with pytest.raises(MigrationError, match="no Mautic API"):
        landing()


def test_a_host_that_does_not_answer_is_tried_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "http://127.0.0.1:9", password="s3cret!")
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1:9") as caught:
        landing(attempts=2)
    assert "s3cret" not in str(caught.value)


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "two sources": ({"database_url": "sqlite:///x"}, "both a database_url and a base_url"),
    "two log-ins": ({"client_id": "a", "client_secret": "b", "username": "c", "password": "d"}, "it has two"),
    "no password": ({"username": "admin"}, "password is missing"),
    "a page size in words": ({"page_rows": "many", "username": "a", "password": "b"}, "page_rows is 'many'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    settings, text = WRONG[case]
    configure(monkeypatch, "https://mautic.example.com", **settings)
    with pytest.raises(ConfigurationError, match=text):
        rest_settings.configured()


@pytest.mark.parametrize("url", ["ftp://mautic.example.com", "mautic", "https://u:s3cret@mautic.example.com"])
def test_an_address_that_is_none_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    configure(monkeypatch, url)
    with pytest.raises(ConfigurationError, match="no address") as caught:
        rest_settings.configured()
    assert "s3cret" not in str(caught.value)


def test_a_password_never_travels_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "http://mautic.example.com")
    with pytest.raises(ConfigurationError, match="unencrypted"):
        rest_settings.configured()


def test_the_settings_never_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, "https://mautic.example.com/api/", username="admin", password="s3cret!")
    connection = rest_settings.configured()
    assert connection.base_url == "https://mautic.example.com"
    assert "s3cret" not in repr(connection)
