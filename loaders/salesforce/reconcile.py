"""Reads the org back, lets the audit models compare it with the marts, and says whether all is as it should.

The comparison itself is SQL in models/audit; this module runs it and reads its answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from loaders.errors import ConfigurationError, RefusedError
from loaders.project import data_dir, project_dir, warehouse_path
from loaders.salesforce.readback import TARGET_VARIABLE
from loaders.salesforce.session import Report
from loaders.salesforce.targets import read_target

# Unit tests are about the rules, not about this org.
AUDIT = ("build", "--select", "path:models/audit", "--exclude-resource-type", "unit_test")
DBT = "from dbt.cli.main import cli; cli()"
SAMPLES = 20
FATES = """
select source_system, source_entity, fate, count(*) as rows
from (
    select
        source_system,
        source_entity,
        regexp_replace(fate, '^merged into .*', 'merged into another') as fate
    from audit.audit_record_fate
) as fates
group by all
order by 1, 2, 4 desc, 3
"""


@dataclass(frozen=True)
class Reconciliation:
    """What the audit found; `counts` are rows of the audit table, `diffs` the first differing cells."""

    target: str
    counts: list[dict[str, Any]]
    fates: list[dict[str, Any]]
    differing_cells: int
    diffs: list[dict[str, Any]]
    failed_tests: list[str] = field(default_factory=list)

    @property
    def out_of_tolerance(self) -> list[str]:
        """Marts whose counts differ by more than the tolerance."""
        return [str(row["mart"]) for row in self.counts if not row["within_tolerance"]]

    @property
    def exit_code(self) -> int:
        """1 if a count is out of tolerance, a cell differs or an audit test fails."""
        return 1 if self.out_of_tolerance or self.differing_cells or self.failed_tests else 0

    def lines(self) -> list[str]:
        """What to tell, and where to look; one line if all is well."""
        if not self.exit_code:
            rows = sum(int(row.get("rows_in_org") or 0) for row in self.counts)
            return [f"The org holds what the marts say: {rows:,} records, no differing cell."]
        told = [
            f"{mart}: the number of records is out of tolerance; see audit.audit_counts"
            for mart in self.out_of_tolerance
        ]
        told += [
            f"{row['mart']} {row['record_key']} ({row['sf_id']}): {row['field']} is {row['actual']!r}, "
            f"should be {row['expected']!r} ({row['finding']})"
            for row in self.diffs[:10]
        ]
        if self.differing_cells:
            told.append(
                f"{self.differing_cells:,} cell(s) differ; all are in audit.audit_field_diffs of "
                f"{warehouse_path()}. Correct the org or the mart, load again, and reconcile again."
            )
        return told + [f"audit test failed: {name}" for name in self.failed_tests]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**asdict(self), "exit_code": self.exit_code}


def reconcile(target: str | None = None, report: Report = lambda _: None) -> Reconciliation:
    """The state of the org against the marts. Raises as logging in, landing and dbt do."""
    from loaders.pipeline import refresh  # late: dlt takes a second to import, and the load has no use for it

    aim = read_target(target)
    report(f"Reading the org of target {aim.name} back")
    with _environment(TARGET_VARIABLE, aim.name):
        refresh(["salesforce"], report=report)
    report("Comparing it with the marts (dbt build)")
    failed = run_dbt(AUDIT, report)
    return read_audit(aim.name, warehouse_path(), failed)


def read_audit(target: str, warehouse: Path, failed_tests: Sequence[str] = ()) -> Reconciliation:
    """What the audit tables of the warehouse say. Raises ConfigurationError when they are not there."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        try:
            return Reconciliation(
                target=target,
                counts=_dicts(con, "select * from audit.audit_counts order by mart"),
                fates=_dicts(con, FATES),
                differing_cells=len_of(con, "audit.audit_field_diffs"),
                diffs=_dicts(con, f"select * from audit.audit_field_diffs order by 1, 2, 4 limit {SAMPLES}"),
                failed_tests=list(failed_tests),
            )
        except duckdb.CatalogException as error:
            raise ConfigurationError(
                f"The audit tables are not in {warehouse}: {str(error).splitlines()[0]}", "run `dbt build`"
            ) from error


def len_of(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Rows of a relation."""
    row = con.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0


def run_dbt(arguments: Sequence[str], report: Report) -> list[str]:
    """Names of the tests that failed. Raises RefusedError when a model could not be built.

    A process of its own: dbt in this one would keep the warehouse open for writing.
    """
    command = [sys.executable, "-c", DBT, "--no-use-colors", "--quiet", *arguments]
    environment = {**os.environ, "SFM_DATA_DIR": str(data_dir())}
    _results_file().unlink(missing_ok=True)  # else an early failure would show the last command's results
    done = subprocess.run(
        command, cwd=project_dir(), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return []
    results = _run_results()
    broken = [name for name, status in results if status in ("error", "runtime error")]
    failed = [name for name, status in results if status == "fail"]
    if broken or not failed:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise RefusedError(
            f"`dbt {' '.join(arguments)}` failed{': ' + ', '.join(broken) if broken else ''}.\n{tail}",
            f"run `dbt {' '.join(arguments)}` and correct what it names",
        )
    for name in failed:
        report(f"dbt test failed: {name}")
    return failed


def _results_file() -> Path:
    """Where dbt says how its last command went."""
    return project_dir() / os.environ.get("DBT_TARGET_PATH", "target") / "run_results.json"


def _run_results() -> list[tuple[str, str]]:
    """(node, status) of the last dbt command, if it came so far."""
    if not _results_file().exists():
        return []
    results = json.loads(_results_file().read_text(encoding="utf-8"))["results"]
    return [(str(result["unique_id"]).split(".")[2], str(result["status"])) for result in results]


def _dicts(con: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    """Rows of a small answer as dicts."""
    answer = con.execute(select)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable of the environment, for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
