"""The report of a migration, from warehouse and ledger: what was landed, where it went, what is owed, what differs.

Each section is a SELECT in `sections/`; nothing is counted here. Texts that can hold personal data are shown as a short hash
unless asked for, so that the same value can still be recognised in two places (C14).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, select_autoescape

from loaders.errors import ConfigurationError
from loaders.reports.cells import as_cell
from loaders.reports.flow import draw
from loaders.salesforce.contract import CUSTOM_FIELDS, RECORD_KEY, Contract
from loaders.salesforce.registry import kind_of

SECTIONS = (
    "fates",
    "reasons",
    "counts",
    "refusals",
    "blocked",
    "differences",
    "differing_cells",
    "cell_reasons",
    "rules",
    "edits",
    "runs",
    "jobs",
    "spot_checks",
)
PERSONAL = ("text", "expected", "actual", "owner")  # columns whose cells can name a person
PLAIN_TYPES = frozenset(
    {"Checkbox", "Currency", "Date", "DateTime", "Lookup", "Number", "Percent", "Picklist"}
)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class LoadReport:
    """Everything a report shows; `sections` by name, each a list of rows."""

    target: str
    org_id: str
    personal_data: bool
    sections: Mapping[str, Rows]
    owners: Rows

    @property
    def totals(self) -> dict[str, int]:
        """Records landed, loaded, refused and held back; cells that differ."""
        fates = self.sections["fates"]
        return {
            "landed": sum(row["records"] for row in fates),
            "loaded": sum(row["records"] for row in fates if row["fate"].startswith("loaded")),
            "refused": sum(row["records"] for row in self.sections["refusals"]),
            "held_back": sum(row["records"] for row in self.sections["blocked"]),
            "differing_cells": sum(row["cells"] for row in self.sections["differences"]),
        }

    @property
    def is_clean(self) -> bool:
        """Whether nothing is owed, nothing differs and every count is within the tolerance."""
        totals = self.totals
        return not (totals["refused"] or totals["held_back"] or totals["differing_cells"]) and all(
            row["within_tolerance"] for row in self.sections["counts"]
        )

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "target": self.target,
            "org_id": self.org_id,
            "is_clean": self.is_clean,
            "totals": self.totals,
            **self.sections,
            "owners": self.owners,
        }


def read_report(
    warehouse: Path,
    ledger: Path,
    target: str,
    contracts: Mapping[str, Contract],
    personal_data: bool = False,
) -> LoadReport:
    """The report on the org that `target` last meant. Raises ConfigurationError when there is nothing to report on yet."""
    with _opened(warehouse, ledger) as connection:
        org_id = _org_of(connection, target)
        sections = {name: _section(connection, name, org_id) for name in SECTIONS}
        owners = _rows(connection, _owners_sql(contracts)) if _owned(contracts) else []
    for row in sections["refusals"]:
        kind = kind_of(row["code"])
        row |= {"meaning": kind.meaning, "next_step": kind.next_step}
    sections["spot_checks"] = [_side_by_side(row, contracts) for row in sections["spot_checks"]]
    report = LoadReport(target, org_id, personal_data, sections, owners)
    return report if personal_data else _masked(report)


def render(report: LoadReport, ending: str) -> str:
    """The report as `html`, one file that needs nothing else, or as `md`."""
    environment = Environment(
        loader=PackageLoader("loaders.reports"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=select_autoescape(("html.jinja",)),
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    flow = draw([(row["entity"], row["fate"], row["records"]) for row in report.sections["fates"]])
    return environment.get_template(f"load_report.{ending}.jinja").render(
        report=report, flow=flow, **report.sections
    )


def spot_check_list(report: LoadReport) -> str:
    """The spot checks as CSV, one line a field, with empty columns for the person who compares and signs (QON-23)."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("mart", "record_key", "sf_id", "field", "in_mart", "in_org", "is_right", "remark"))
    for check in report.sections["spot_checks"]:
        for cell in check["cells"]:
            values = (cell["field"], cell["mart"], cell["org"], "", "")
            writer.writerow((check["mart"], check["record_key"], check["sf_id"], *map(as_cell, values)))
    return buffer.getvalue()


def mask(value: object) -> str:
    """A short hash that stands for the value; nothing stays nothing."""
    text = "" if value is None else str(value)
    return f"#{hashlib.sha256(text.encode()).hexdigest()[:10]}" if text else ""


@contextmanager
def _opened(warehouse: Path, ledger: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with both files attached for reading."""
    for path, step in ((warehouse, "run `refresh-raw`, then `dbt build`"), (ledger, "run `load-sf --all`")):
        if not path.exists():
            raise ConfigurationError(f"{path} is not there.", step)
    with duckdb.connect() as connection:
        for name, path in (("warehouse", warehouse), ("ledger_file", ledger)):
            quoted = str(path).replace("'", "''")
            connection.execute(f"attach '{quoted}' as {name} (read_only)")
        # the sections name tables as the ledger does, so that they read like the rest of the project
        connection.execute("create schema ledger")
        for table in ("runs", "jobs", "records", "blocked", "edits"):
            connection.execute(f"create view ledger.{table} as select * from ledger_file.main.{table}")
        yield connection


def _org_of(connection: duckdb.DuckDBPyConnection, target: str) -> str:
    """The org that the last run against `target` wrote to."""
    row = connection.execute(
        "select arg_max(org_id, started_at) from ledger.runs where target = ?", [target]
    ).fetchone()
    if not row or not row[0]:
        raise ConfigurationError(
            f"Nothing was loaded to target {target} yet.", f"run `load-sf --all --target {target}`"
        )
    return str(row[0])


def _section(connection: duckdb.DuckDBPyConnection, name: str, org_id: str) -> Rows:
    """Rows of one section. Raises ConfigurationError when its tables were not built."""
    sql = files("loaders.reports").joinpath("sections", f"{name}.sql").read_text(encoding="utf-8")
    try:
        return _rows(connection, sql, {"org_id": org_id} if "$org_id" in sql else None)
    except duckdb.CatalogException as error:
        raise ConfigurationError(
            f"The audit was not built: {str(error).splitlines()[0]}", f"run `load-sf reconcile` ({name})"
        ) from error


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any] | None = None) -> Rows:
    """Rows of a small answer as dicts."""
    cursor = connection.execute(sql, values) if values else connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _owned(contracts: Mapping[str, Contract]) -> list[tuple[Contract, str]]:
    """Marts with the column that names the owner."""
    return [
        (contract, field.column)
        for contract in contracts.values()
        for field in contract.fields
        if field.column and "users" in field.references
    ]


def _owners_sql(contracts: Mapping[str, Contract]) -> str:
    """Records by owner over all marts."""
    selects = "\nunion all\n".join(
        f"select '{contract.mart}' as mart, \"{column}\" as owner from warehouse.{contract.relation}"
        for contract, column in _owned(contracts)
    )
    return (
        f"select owner, count(*) as records, count(distinct mart) as marts from ({selects}) as owned "
        "where owner is not null group by owner order by records desc, owner limit 100"
    )


def _side_by_side(row: Mapping[str, Any], contracts: Mapping[str, Contract]) -> dict[str, Any]:
    """One spot check: what the source had, and field by field what the mart and the org have."""
    mart_row = json.loads(row["mart_row"] or "{}")
    org_row = json.loads(row["org_row"] or "{}")
    custom = json.loads(mart_row.get(CUSTOM_FIELDS) or "{}")
    cells = []
    for field in contracts[row["mart"]].fields:
        ours = mart_row.get(field.column) if field.column else custom.get(field.name)
        theirs = org_row.get(field.name)
        if ours is not None or theirs not in (None, ""):
            is_plain = field.type in PLAIN_TYPES and "users" not in field.references
            cells.append(
                {
                    "field": field.name,
                    "is_plain": is_plain or field.column == RECORD_KEY,
                    "mart": ours,
                    "org": theirs,
                }
            )
    source = {
        name: value
        for name, value in json.loads(row["source_row"] or "{}").items()
        if value not in (None, "")
    }
    return {name: row[name] for name in ("mart", "sf_object", "record_key", "sf_id")} | {
        "source": source,
        "cells": cells,
    }


def _masked(report: LoadReport) -> LoadReport:
    """The report with every text that can name a person as a hash."""
    sections = {
        name: [_mask_row(row) for row in rows]
        for name, rows in report.sections.items()
        if name != "spot_checks"
    }
    sections["spot_checks"] = [
        row
        | {
            "source": {name: mask(value) for name, value in row["source"].items()},
            "cells": [_mask_cell(cell) for cell in row["cells"]],
        }
        for row in report.sections["spot_checks"]
    ]
    return LoadReport(
        report.target, report.org_id, False, sections, [_mask_row(row) for row in report.owners]
    )


def _mask_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: mask(value) if name in PERSONAL else value for name, value in row.items()}


def _mask_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    if cell["is_plain"]:
        return dict(cell)
    return dict(cell) | {"mart": mask(cell["mart"]), "org": mask(cell["org"])}
