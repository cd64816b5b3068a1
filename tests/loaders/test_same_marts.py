"""The same Mautic in SQLite and in MariaDB gives the same marts, byte for byte."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from mautic_fixtures import MariaDB

from loaders.pipeline import refresh
from loaders.rehearsal.twin.mautic import write_mautic

PROJECT = Path(__file__).resolve().parents[2]
MARTS = (
    *("sf_accounts", "sf_contacts", "sf_leads", "sf_users", "sf_account_contact_relations", "sf_campaigns"),
    *("sf_campaign_member_statuses", "sf_campaign_members", "sf_tasks", "sf_email_messages"),
    *("sf_email_message_relations", "sf_file_links", "sf_topics", "sf_custom_records"),
)
# what SQL databases and CSV files trip over, in columns that reach the marts
SPOILED = (
    "update leads set firstname = '𝓐da 🚀', city = 'تل أبيب', address1 = 'Line 1\r\nLine \"2\", left' where id = 3",
    "update leads set lastname = 'O''Brien; \"Bo\"', position = 'Chief\tOfficer' where id = 5",
    "update companies set companyname = '株式会社 \"Acme\", Ltd.' where id = 2",
    "update leads set points = -7, last_active = '1999-12-31 23:59:59' where id = 8",
)


def build(
    folder: Path, url: str, point: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> dict[str, bytes]:
    """Land `url`, build the marts, and give each as CSV in key order."""
    folder.mkdir()
    monkeypatch.setenv("SFM_DATA_DIR", str(folder))
    point(url, window=70)
    refresh(["mautic"])
    environment = {
        **os.environ,
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    command = [Path(sys.executable).with_name("dbt"), "--quiet", "build", "--select", "+path:models/marts"]
    types = ["--resource-type", "seed", "--resource-type", "model"]
    built = subprocess.run([*command, *types], cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-3000:]
    files = {}
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        for mart in MARTS:
            warehouse.execute(
                f"copy (from marts.{mart} order by record_key) to '{folder / mart}.csv' (header, force_quote *)"
            )
            files[mart] = (folder / f"{mart}.csv").read_bytes()
    return files


@pytest.mark.mariadb
def test_sqlite_and_mariadb_give_byte_identical_marts(
    mariadb: MariaDB, tmp_path: Path, mautic_from: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = mariadb.create("same_marts")
    write_mautic(mariadb.url(database, user="writer"), 300)
    mariadb.run(*(statement.replace("\\", "\\\\") for statement in SPOILED), database=database)
    twin = tmp_path / "mautic.sqlite"
    write_mautic(f"sqlite:///{twin}", 300)
    _spoil(twin)
    from_sqlite = build(tmp_path / "sqlite", f"sqlite:///{twin}", mautic_from, monkeypatch)
    from_mariadb = build(tmp_path / "mariadb", mariadb.url(database), mautic_from, monkeypatch)
    assert from_sqlite == from_mariadb
    people = from_sqlite["sf_contacts"] + from_sqlite["sf_leads"]
    for expected in ("🚀", "تل أبيب", 'Line ""2"", left', "O'Brien"):
        assert expected.encode() in people
    assert '株式会社 ""Acme"", Ltd.'.encode() in from_sqlite["sf_accounts"]


def _spoil(path: Path) -> None:
    with sqlite3.connect(path) as twin:
        for statement in SPOILED:
            twin.execute(statement)
