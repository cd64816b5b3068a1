"""Discovery tells the release, what is missing and how much there is; releases old and new land alike."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from mautic_fixtures import MariaDB

from loaders import cli, mautic, pipeline, project
from loaders.errors import ConfigurationError
from loaders.mautic import discovery, release
from loaders.mautic.discovery import Discovery
from loaders.mautic.settings import CORE, TABLES
from loaders.rehearsal.twin.mautic import write_mautic
from loaders.rehearsal.twin.mautic_schema import Shape

SHAPES = {
    "4.4": Shape("4.4"),
    "5.0": Shape("5.0"),
    "5.1 without plugins": Shape("5.1", plugins=False),
    "5.2": Shape("5.2"),
    "6.0": Shape("6.0"),
    "6.0 without uuid": Shape("6.0", uuid=False),
}


@pytest.fixture
def discovered(tmp_path: Path, mautic_from: Callable[..., None]) -> Callable[..., Discovery]:
    """Writes a twin of a shape, after which a function may spoil it, and discovers it."""

    def make(shape: Shape, *spoil: str, contacts: int = 60) -> Discovery:
        path = tmp_path / "mautic.sqlite"
        write_mautic(f"sqlite:///{path}", contacts, shape=shape)
        with sqlite3.connect(path) as session:
            for statement in spoil:
                session.execute(statement)
        mautic_from(path)
        return pipeline.discover("mautic")

    return make


def rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


@pytest.mark.requirement("MAU-19")
@pytest.mark.parametrize("name", SHAPES)
def test_the_release_is_told_from_the_schema_and_lands(
    name: str, discovered: Callable[..., Discovery]
) -> None:
    found = discovered(SHAPES[name])
    assert found.release.version == name.split()[0]
    assert found.errors == ()
    landed = {table.table: table for table in pipeline.refresh(["mautic"])}
    for table in TABLES:
        has = SHAPES[name].has_table(table)
        assert (landed[table.name].rows_in_source is not None) == has, table.name
        missing = [note for note in landed[table.name].notes if "models read is missing" in note]
        assert all(note.split(":")[0].endswith(".uuid") for note in missing), missing
    assert rows("select count(*) from raw_mautic.campaigns where name = 'Win back'") == [(1,)]
    assert rows("select count(deleted) from raw_mautic.campaigns") == [(int(name >= "5.1"),)]
    assert rows("select count(*) > 0 from raw_mautic.point_groups") == [(name >= "5.0",)]
    assert rows("select count(*) > 0 from raw_mautic.custom_item") == [("plugins" not in name,)]


@pytest.mark.requirement("MAU-18")
def test_a_half_migrated_schema_fails_and_names_what_is_missing(
    discovered: Callable[..., Discovery],
) -> None:
    found = discovered(Shape("6.0", half_migrated=True))
    whats = " ".join(finding.what for finding in found.errors)
    for name in (
        "email_list_excluded",
        "campaigns.deleted",
        "emails.preheader_text",
        "lead_fields.char_length_limit",
    ):
        assert name in whats
    assert len(found.errors) == 4
    result = CliRunner().invoke(cli.refresh_raw, ["--source", "mautic", "--discover", "--json"])
    assert result.exit_code == 1
    assert "must have the table email_list_excluded" in result.stderr
    assert json.loads(result.stdout)["complete"] is False


@pytest.mark.requirement("MAU-15")
def test_broken_plugins_are_warnings_and_do_not_stop_the_landing(
    discovered: Callable[..., Discovery],
) -> None:
    found = discovered(
        Shape("5.2"), "drop table custom_item_xref_company", "drop table focus", "drop table focus_stats"
    )
    texts = [finding.what for finding in found.findings]
    assert found.errors == ()
    assert "The plugin custom_objects lacks tables: custom_item_xref_company." in texts
    assert "The plugin focus has no tables." in texts
    assert "The plugin Lost plugin is missing on the disk." in texts
    landed = {table.table: table for table in pipeline.refresh(["mautic"])}
    assert landed["focus"].notes == ("focus: table of a plugin that is not installed; landed empty",)
    assert landed["custom_item"].rows_landed > 0


@pytest.mark.requirement("MAU-16")
def test_tables_near_the_index_limit_are_flagged(discovered: Callable[..., Discovery]) -> None:
    def indexes(count: int) -> list[str]:
        return [f"create index i{number} on leads (firstname, id)" for number in range(count)]

    assert not [f for f in discovered(Shape(), *indexes(59)).findings if "indexes" in f.what]
    found = discovered(Shape(), *indexes(60))
    assert [f.what for f in found.findings if "indexes" in f.what] == ["leads has 60 of at most 64 indexes."]


@pytest.mark.requirement("MAU-17")
@pytest.mark.requirement("MAU-19")
def test_the_report_counts_what_the_database_holds(
    discovered: Callable[..., Discovery], tmp_path: Path
) -> None:
    sections = discovered(Shape(), contacts=400).sections
    with sqlite3.connect(tmp_path / "mautic.sqlite") as session:

        def count(query: str) -> int:
            return int(session.execute(query).fetchone()[0])

        objects = {row["alias"]: row for row in sections["custom_objects"]}
        for alias, number in (("product", 1), ("contract", 2), ("enrolment", 3)):
            item = f"custom_item_id in (select id from custom_item where custom_object_id = {number})"
            assert objects[alias]["contact_links"] == count(
                f"select count(*) from custom_item_xref_contact where {item}"
            )
            assert objects[alias]["company_links"] == count(
                f"select count(*) from custom_item_xref_company where {item}"
            )
        assert objects["enrolment"]["kind"] == "relationship"
        assert objects["contract"]["item_links"] > 0
        assert {row["state"]: row["users"] for row in sections["users"]} == {"active": 11, "disabled": 1}
        assert sum(row["memberships"] for row in sections["campaigns"]) == count(
            "select count(*) from campaign_leads"
        )
        welcome = sections["campaigns"][0]
        assert welcome["active"] + welcome["exited"] + welcome["removed"] == welcome["memberships"]
        volumes = {row["table"]: row["rows"] for row in sections["volumes"]}
        assert volumes["email_stats"] == count("select count(*) from email_stats")
        expected = {row["salesforce_object"]: row["expected"] for row in sections["expected_rows"]}
        assert expected["Account"] == 50
        assert expected["Contract"] == objects["contract"]["items"]
        assert expected["Lead or Contact"] == count(
            "select count(*) from leads where coalesce(firstname, '') <> ''"
        )
        filters = {row["id"]: row["filters"] for row in sections["segments"]}
        assert (filters[1], filters[4], filters[12]) == (0, 2, None)
        assert (
            sum(row["with_company"] + row["without_company"] for row in sections["people_by_stage"])
            == expected["Lead or Contact"]
        )


def test_every_question_names_tables_that_are_listed() -> None:
    questions = list(discovery._questions())
    text = (Path(discovery.__file__).parent / "discovery.sql").read_text(encoding="utf-8")
    assert len(questions) == text.count("\n-- section: ")
    listed = {table.name for table in release.LISTED}
    for section, needs, query in questions:
        assert needs <= listed, section
        assert needs <= {
            word.removeprefix("{p}") for word in query.replace("(", " ").replace(")", " ").split()
        }, section


def test_the_command_shows_every_section(discovered: Callable[..., Discovery]) -> None:
    discovered(Shape())
    result = CliRunner().invoke(cli.refresh_raw, ["--source", "mautic", "--discover"])
    assert result.exit_code == 0, result.output
    for section in ("instance", "custom objects", "expected rows", "volumes", "findings"):
        assert section in result.stdout


def test_a_source_without_discovery_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no source 'zoho'"):
        pipeline.discover("zoho")
    monkeypatch.delattr(mautic, "discover")
    with pytest.raises(ConfigurationError, match="mautic has no discovery"):
        pipeline.discover("mautic")


@pytest.mark.mariadb
@pytest.mark.requirement("MAU-18")
def test_discovery_on_mariadb_with_a_prefix_and_old_character_sets(
    mariadb: MariaDB, mautic_from: Callable[..., None]
) -> None:
    name = mariadb.create("discovered")
    write_mautic(mariadb.url(name, "writer"), 60, prefix="mtc_", shape=Shape("5.1"))
    mariadb.run(
        *(f"alter table mtc_{table} convert to character set utf8mb3" for table in ("lead_tags", "stages")),
        database=name,
    )
    mariadb.run(*(f"create index i{number} on mtc_leads (firstname)" for number in range(61)), database=name)
    mautic_from(mariadb.url(name), "mtc_")
    found = mautic.discover()
    assert found.release.version == "5.1"
    assert found.errors == ()
    assert "leads has 61 of at most 64 indexes." in [finding.what for finding in found.findings]
    assert {row["kind"] for row in found.sections["contacts"]} == {"contacts", "anonymous visitors"}
    assert all(isinstance(row["active"], int) for row in found.sections["campaigns"])
    landed = {table.table: table.rows_landed for table in pipeline.refresh(["mautic"])}
    assert landed["lead_tags"] == 45
    assert rows("select tag from raw_mautic.lead_tags where id = 6") == [("café & co",)]
    mariadb.run("alter table mtc_campaign_events drop column failed_count", database=name)
    assert [f.what for f in mautic.discover().errors] == [
        "A Mautic 5.1 must have the column campaign_events.failed_count."
    ]


def test_parts_of_the_listings_are_known() -> None:
    assert {table.part for table in release.LISTED} == {CORE, "focus", "custom_objects"}
    assert release.of({}).version == "4.4"
    assert release.of({"campaigns": ["republish_behavior"]}).version == "4.4"  # no release of its own yet
