"""The whole way of a record on synthetic data, with the commands that a user types, in the order that a user types them.

Running it again changes nothing: the twin is the same, the ledger knows every record, the org keeps its state.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from loaders.errors import ConfigurationError, MigrationError
from loaders.project import data_dir, project_dir, rehearsal_dir, twin_dir, warehouse_path
from loaders.rehearsal.local_org import project_org
from loaders.rehearsal.process import start_org

REFUSED = 1


@dataclass(frozen=True)
class DemoSummary:
    """The closing table, what to look at next, and 1 if the load refused rows or the org differs, else 0."""

    columns: Sequence[str]
    rows: list[tuple[object, ...]]
    closing: str
    exit_code: int


def run_demo(contacts: int, report: Callable[[str], None]) -> DemoSummary:
    """Seed, serve, land, build, load, reconcile, report, list what is rebuilt by hand, stop.

    Raises ConfigurationError when a real Mautic is configured, since the demo would replace what was landed from it, and
    MigrationError when a step other than the load ends with an error.
    """
    _keep_off_real_data()
    started = time.monotonic()
    twin = {
        "SOURCES__MAUTIC__DATABASE_URL": f"sqlite:///{twin_dir() / 'mautic.sqlite'}",
        "SOURCES__MAUTIC__TABLE_PREFIX": "",
    }
    _step(["rehearse", "seed", "--contacts", str(contacts)], twin, report)
    report("$ rehearse serve --http-port 0 --https-port 0 &")
    with start_org(**project_org()) as org:
        report(f"  rehearsal org {org.org_id} on {org.https_url}")
        environment = {**twin, "REHEARSAL_URL": org.https_url, "REHEARSAL_CA": str(org.ca_file)}
        _step(["refresh-raw", "--source", "mautic"], environment, report)
        _step(["dbt", "--quiet", "build"], environment, report)
        exit_code = 0
        for command in (["--all"], ["reconcile"], ["report"], ["inventory"]):
            exit_code |= _step(["load-sf", *command], environment, report, may_end_with=(0, REFUSED))
    report(f"  rehearsal org stopped; its data stays in {_shown(rehearsal_dir())}")
    columns, rows = _summary()
    return DemoSummary(columns, rows, _closing(time.monotonic() - started), exit_code)


def _keep_off_real_data() -> None:
    configured = (
        os.environ.get("SOURCES__MAUTIC__DATABASE_URL") or (project_dir() / ".dlt/secrets.toml").exists()
    )
    if configured and "SFM_DATA_DIR" not in os.environ:
        raise ConfigurationError(
            "A Mautic database is configured, and the demo would replace what is landed from it.",
            "SFM_DATA_DIR=data/demo rehearse demo",
        )


def _step(
    command: list[str],
    environment: dict[str, str],
    report: Callable[[str], None],
    may_end_with: tuple[int, ...] = (0,),
) -> int:
    report(f"\n$ {' '.join(command)}")
    executable = Path(sys.executable).with_name(command[0])
    ended = subprocess.run(
        [str(executable), *command[1:]],
        cwd=project_dir(),
        env={**os.environ, **environment},
        stdout=sys.stderr,
    )
    if ended.returncode not in may_end_with:
        raise MigrationError(
            f"`{' '.join(command)}` ended with exit code {ended.returncode}.", "its message stands above"
        )
    return ended.returncode


def _summary() -> tuple[Sequence[str], list[tuple[object, ...]]]:
    """One row per Salesforce object and source entity; `landed` counts the whole entity, so Lead and Contact share it."""
    query = Path(__file__).with_name("demo_summary.sql").read_text(encoding="utf-8")
    with duckdb.connect(str(warehouse_path()), read_only=True) as connection:
        rows = connection.execute(query).fetchall()
        return [column[0] for column in connection.description or ()], rows


def _closing(seconds: float) -> str:
    return f"""
{seconds:.0f} s. What to look at next:
  {_shown(data_dir() / "report.html")}  what was landed, where it went, what is open: open it in a browser
  {_shown(data_dir() / "inventory")}  what has to be rebuilt by hand, one document per kind
  {_shown(warehouse_path())}  schema audit: audit_record_fate (why each record is where it is), audit_field_diffs
  seeds/maps/mautic_values.csv     change a line, `diff-marts --base HEAD`: who moves, and what else changes
  rehearse serve &                 the same org again; then `load-sf --all`: 0 rows to send
  dbt docs generate                every column, its rule and its Salesforce field"""


def _shown(path: Path) -> Path:
    return path.relative_to(project_dir()) if path.is_relative_to(project_dir()) else path
