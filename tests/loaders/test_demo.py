"""From nothing to a reconciled load, with the commands that a user types; then all of it again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from loaders.project import manifest_path
from loaders.rehearsal.local_org import project_org
from loaders.rehearsal.process import start_org

PROJECT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str], str]]:
    """The data folder, the environment and the printed table of a demo with 300 contacts."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SOURCES__", "REHEARSAL_"))},
        "SFM_DATA_DIR": str(folder), "DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs"),
    }  # fmt: skip
    ended = subprocess.run([BIN / "rehearse", "demo", "--contacts", "300"], cwd=PROJECT, env=environment,
                           capture_output=True, text=True)  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-6000:]
    yield folder, environment, ended.stdout


@pytest.mark.requirement("COM-03")
def test_demo_ends_with_every_record_accounted_for(demo: tuple[Path, dict[str, str], str]) -> None:
    folder, _, printed = demo
    assert re.search(r"Object .* Loaded .* Refused .* Differing cells", printed)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        landed = warehouse.execute(
            "select (select count(*) from raw_mautic.leads) + (select count(*) from raw_mautic.companies)"
        ).fetchall()
        assert landed == warehouse.execute("select count(*) from audit.audit_record_fate").fetchall()
        assert (
            landed
            == warehouse.execute("select count(distinct record_key) from audit.audit_record_fate").fetchall()
        )
        assert warehouse.execute("select count(*) from audit.audit_field_diffs").fetchall() == [(0,)]
        waiting = "select count(*) from audit.audit_record_fate where fate like 'awaiting%' or fate like 'rejected%'"
        assert warehouse.execute(waiting).fetchall() == [(0,)]


def test_second_load_into_the_same_org_sends_nothing(
    demo: tuple[Path, dict[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, environment, _ = demo
    monkeypatch.setenv("SFM_DATA_DIR", str(folder))
    monkeypatch.setenv("DBT_TARGET_PATH", environment["DBT_TARGET_PATH"])
    assert manifest_path().is_file()
    with start_org(**project_org()) as org:
        again = subprocess.run(
            [BIN / "load-sf", "--all"], cwd=PROJECT, capture_output=True, text=True,
            env={**environment, "REHEARSAL_URL": org.https_url, "REHEARSAL_CA": str(org.ca_file)},
        )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert len(re.findall(r": 0 new, 0 changed, [\d,]+ same", again.stderr)) == 3
    assert "sent (" not in again.stderr
