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
from loaders.salesforce.session import Org
from loaders.salesforce.targets import read_target

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


ENTITIES = (
    "leads", "companies", "companies_leads", "campaigns", "campaign_leads", "lead_lists", "custom_item", "email_stats",
    "lead_notes", "assets",
)  # fmt: skip


@pytest.mark.requirement("COM-03")
def test_demo_ends_with_every_record_accounted_for(demo: tuple[Path, dict[str, str], str]) -> None:
    folder, _, printed = demo
    assert re.search(r"Object .* Loaded .* Refused .* Differing cells", printed)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        landed = sum(
            warehouse.execute(f"select count(*) from raw_mautic.{table}").fetchall()[0][0]
            for table in ENTITIES
        )
        fates = warehouse.execute(
            "select count(*), count(distinct record_key) from audit.audit_record_fate"
        ).fetchall()
        assert fates == [(landed, landed)]
        assert warehouse.execute("select count(*) from audit.audit_field_diffs").fetchall() == [(0,)]
        waiting = "select count(*) from audit.audit_record_fate where fate like 'awaiting%' or fate like 'rejected%'"
        assert warehouse.execute(waiting).fetchall() == [(0,)]
    assert "All accounted for" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "inventory" / "campaign.md").is_file()


@pytest.mark.requirement("C7")
def test_every_compared_cell_has_a_reason_and_none_is_unexplained(
    demo: tuple[Path, dict[str, str], str],
) -> None:
    with duckdb.connect(str(demo[0] / "warehouse.duckdb"), read_only=True) as warehouse:
        reasons = dict(
            warehouse.execute(
                "select split_part(reason, ':', 1), sum(cells) from audit.audit_cell_reasons group by 1"
            ).fetchall()
        )
        (cells,) = warehouse.execute(
            "select sum(counts.rows_in_org * fields.fields) from audit.audit_counts as counts inner join (\n"
            "    select mart, count(distinct field) as fields from audit.audit_cell_reasons group by 1\n"
            ") as fields on counts.mart = fields.mart"
        ).fetchall()[0]
    assert reasons.keys() == {"exact", "rule", "defaulted", "lossy"}
    assert sum(reasons.values()) == cells


def _run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / arguments[0], *arguments[1:]], cwd=PROJECT, capture_output=True, text=True, env=environment
    )


@pytest.mark.requirement("C7")
def test_second_load_sends_nothing_and_one_changed_cell_in_the_org_is_found_exactly(
    demo: tuple[Path, dict[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, environment, _ = demo
    monkeypatch.setenv("SFM_DATA_DIR", str(folder))
    monkeypatch.setenv("DBT_TARGET_PATH", environment["DBT_TARGET_PATH"])
    assert manifest_path().is_file()
    with start_org(**project_org()) as org:
        environment = {**environment, "REHEARSAL_URL": org.https_url, "REHEARSAL_CA": str(org.ca_file)}
        again = _run(["load-sf", "--all"], environment)
        assert again.returncode == 0, again.stderr
        plans = re.findall(r": ([\d,]+) new, ([\d,]+) changed, [\d,]+ same", again.stderr)
        assert len(plans) >= 15
        assert set(plans) == {("0", "0")}
        assert "sent (" not in again.stderr

        for name in ("REHEARSAL_URL", "REHEARSAL_CA"):
            monkeypatch.setenv(name, environment[name])
        session = Org(read_target("rehearsal"))
        key = next(
            row["Source_System_ID__c"]
            for row in session.query(
                "SELECT Source_System_ID__c FROM Contact ORDER BY Source_System_ID__c LIMIT 1"
            )
        )
        session.request(
            "PATCH", f"sobjects/Contact/Source_System_ID__c/{key}", json={"Title": "Somebody else's title"}
        )
        found = _run(["load-sf", "reconcile", "--json"], environment)
        assert found.returncode == 1, found.stdout + found.stderr
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        assert warehouse.execute(
            "select mart, record_key, field from audit.audit_field_diffs"
        ).fetchall() == [("contacts", key, "Title")]
        unexplained = (
            "select mart, field, reason, cells from audit.audit_cell_reasons where reason = 'unexplained'"
        )
        assert warehouse.execute(unexplained).fetchall() == [("contacts", "Title", "unexplained", 1)]
