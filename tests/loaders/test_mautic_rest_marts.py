"""The same Mautic by database and by REST API gives the same marts, byte for byte, if both can tell it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from mautic_rest_support import configure, running

from loaders.mautic.rest_settings import ENDPOINTS
from loaders.pipeline import refresh
from loaders.rehearsal.twin.mautic import write_mautic

PROJECT = Path(__file__).resolve().parents[2]
# the registry of the twin forgets one field and hides another, which only the database shows
REGISTERED = (
    "update lead_fields set is_published = 1 where alias = 'legacy_crm_id'",
    "insert into lead_fields (id, alias, label, type, object, field_group, is_published, properties)"
    " values (9001, 'import_reference', 'Import Reference', 'text', 'lead', 'core', 1, 'a:0:{}')",
)
HIDDEN = ("update email_stats set tokens = null, copy_id = null",)
ODD = (
    "update leads set firstname = '𝓐da 🚀', address1 = 'Line 1\r\nLine \"2\", left' where id = 3",
    "update leads set points = -7, last_active = '1999-12-31 23:59:59' where id = 8",
    "update companies set companyname = '株式会社 \"Acme\", Ltd.' where id = 2",
)


def prepare(path: Path) -> None:
    """Empties what the API cannot tell, declared table by declared table, and adds odd values."""
    with sqlite3.connect(path) as twin:
        names = {name for (name,) in twin.execute("select name from sqlite_master where type = 'table'")}
        gaps = {name for name, endpoint in ENDPOINTS.items() if endpoint.way == "gap"}
        results = {name for name in names if name.startswith("form_results_")}
        for table in sorted((gaps | results) & names):
            twin.execute(f'delete from "{table}"')
        for statement in (*REGISTERED, *HIDDEN, *ODD):
            twin.execute(statement)


def marts(folder: Path) -> dict[str, bytes]:
    """Builds the marts of what has landed in `folder`; each as CSV, rows in order."""
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
        tables = warehouse.execute("select table_name from duckdb_tables() where schema_name = 'marts'")
        for (mart,) in tables.fetchall():
            target = folder / f"{mart}.csv"
            warehouse.execute(f"copy (from marts.{mart} order by all) to '{target}' (header, force_quote *)")
            files[mart] = target.read_bytes()
    return files


@pytest.mark.requirement("MAU-20", "MAU-27", "COM-13")
def test_the_database_and_a_throttling_api_give_byte_identical_marts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = tmp_path / "served" / "twin" / "mautic.sqlite"
    write_mautic(f"sqlite:///{twin}", 120)
    prepare(twin)
    built = {}
    with running(tmp_path / "served") as stand_in:
        for way in ("database", "api"):
            folder = tmp_path / way
            folder.mkdir()
            monkeypatch.setenv("SFM_DATA_DIR", str(folder))
            configure(monkeypatch, stand_in.url, page_rows=40)
            if way == "database":
                monkeypatch.delenv("SOURCES__MAUTIC__BASE_URL")
                monkeypatch.setenv("SOURCES__MAUTIC__DATABASE_URL", f"sqlite:///{twin}")
            else:
                stand_in.told(throttled=0.1, retry_after="always", cut=0.05, dropped=0.05, offset="+02:00")
            refresh(["mautic"])
            built[way] = marts(folder)
    assert set(built["database"]) >= {
        "sf_accounts",
        "sf_contacts",
        "sf_leads",
        "sf_campaign_members",
        "sf_tasks",
    }
    differing = [name for name, rows in built["database"].items() if rows != built["api"][name]]
    assert differing == []
    people = built["api"]["sf_contacts"] + built["api"]["sf_leads"]
    assert "🚀".encode() in people
    assert people.count(b"\n") > 50
