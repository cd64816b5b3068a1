"""The commands as a user meets them: exit codes, messages on stderr, results on stdout."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loaders import cli
from loaders.commands.ui import with_exit_codes
from loaders.errors import ConfigurationError, MigrationError, RefusedError, RemoteError, without_password


def run(command: str, *arguments: str) -> Result:
    return CliRunner().invoke(getattr(cli, command.replace("-", "_")), arguments)


@pytest.mark.parametrize("error, code", [(RefusedError, 1), (ConfigurationError, 2), (RemoteError, 3)])
def test_errors_become_a_message_with_the_next_step_and_their_exit_code(
    error: type[MigrationError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    @with_exit_codes
    def command() -> None:
        raise error("Lead mautic:contact:41 was refused.", "load-sf why mautic:contact:41")

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == code
    assert capsys.readouterr().err == (
        "Error: Lead mautic:contact:41 was refused.\nNext: load-sf why mautic:contact:41\n"
    )


def test_an_interrupt_ends_with_130_and_says_how_to_resume(capsys: pytest.CaptureFixture[str]) -> None:
    @with_exit_codes
    def command() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 130
    assert "resumes" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--mart", "accounts", "--all"]])
def test_load_wants_either_marts_or_all(arguments: list[str]) -> None:
    result = run("load-sf", *arguments)
    assert result.exit_code == 2
    assert "--mart NAME, or --all" in result.stderr


def test_an_unknown_source_is_named_with_the_known_ones() -> None:
    result = run("refresh-raw", "--source", "hubspot")
    assert result.exit_code == 2
    assert "hubspot" in result.stderr and "mautic" in result.stderr


def test_seeding_and_landing_give_json_for_machines(own_data_folder: Path) -> None:
    seeded = run("rehearse", "seed", "--contacts", "20", "--json")
    assert json.loads(seeded.stdout)["rows"]["leads"] == 20
    landed = run("refresh-raw", "--source", "mautic", "--json")
    assert landed.exit_code == 0, landed.stderr
    tables = {table["table"]: table["rows_landed"] for table in json.loads(landed.stdout)}
    with sqlite3.connect(own_data_folder / "twin" / "mautic.sqlite") as twin:
        for table in ("leads", "companies", "companies_leads", "lead_fields", "stages", "users", "roles"):
            assert tables[table] == twin.execute(f"select count(*) from {table}").fetchone()[0]


def test_a_password_never_reaches_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SOURCES__MAUTIC__DATABASE_URL", "mysql+pymysql://reader:s3cret-Pass@127.0.0.1:1/mautic"
    )
    result = run("refresh-raw", "--source", "mautic")
    assert result.exit_code in (2, 3)
    assert "127.0.0.1:1" in result.stderr
    assert "s3cret-Pass" not in result.output
    assert without_password(os.environ["SOURCES__MAUTIC__DATABASE_URL"]) == (
        "mysql+pymysql://reader:***@127.0.0.1:1/mautic"
    )


def test_comparing_mappings_before_anything_is_landed_says_what_to_do() -> None:
    result = run("diff-marts", "--base", "HEAD")
    assert result.exit_code == 2
    assert "refresh-raw --source mautic" in result.stderr


def test_status_before_anything_was_loaded_says_what_to_do() -> None:
    result = run("load-sf", "status")
    assert result.exit_code == 1
    assert "load-sf --all --dry-run" in result.stderr


def test_dumping_an_org_that_is_not_there_says_how_to_start_one(own_data_folder: Path) -> None:
    result = run("rehearse", "dump")
    assert result.exit_code == 2
    assert "rehearse serve" in result.stderr
