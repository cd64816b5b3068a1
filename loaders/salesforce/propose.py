"""Proposed lines for the map seeds: one for every field and value that nobody has decided (COM-04).

`propose` compares the source's registry, what landed and its values with what the org describes; propose_*.sql decides.
A proposed line has status `proposed`, a confidence and the reason in its note. It lets `dbt build` go on, and `load-sf`
refuses until a person has set it to confirmed or ignored. Nothing is sent; the org is only asked for its describe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from loaders.errors import ConfigurationError
from loaders.project import manifest_path, project_dir, warehouse_path
from loaders.salesforce import propose_inputs as inputs
from loaders.salesforce.describe import read_objects
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.session import Org, Report
from loaders.salesforce.targets import read_target

STEPS = ("open", "fields", "names", "lines", "values")
_NOTE = "printf('%.2f', confidence) || ': ' || reason"
_FIELDS = (
    "select source_system, source_entity, source_field, sf_object, sf_field, sf_type, length, precision, scale, "
    f"label, status, {_NOTE} as note from proposed_fields "
    "order by source_system, source_entity, source_field, sf_object"
)
_VALUES = (
    "select source_system, source_field, source_value, sf_object, sf_field, sf_value, "
    f"{_NOTE} || '; ' || format('{{:,}}', records) || if(records = 1, ' record', ' records') as note, "
    "'proposed' as status from proposed_values order by source_system, source_field, source_value"
)
_LEFT = "select source_system, subject, next_step from without_proposal order by all"


@dataclass(frozen=True)
class Proposals:
    """The proposed lines by the columns of their seeds, with `source_system`; and what no line could be made for."""

    fields: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    without: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """All of it for machines."""
        return {"fields": self.fields, "values": self.values, "without_proposal": self.without}


def propose(
    target: str | None = None, sources: Sequence[str] = (), *, report: Report = lambda _: None
) -> Proposals:
    """The proposals for these sources (all if none is named) against the target's describe (COM-04).

    Raises ConfigurationError before `dbt build` has run, RemoteError when the org does not answer.
    """
    project, manifest = project_dir(), inputs.read_manifest(manifest_path())
    chosen = inputs.mapped_sources(project, manifest, sources)
    if not warehouse_path().is_file():
        raise ConfigurationError(f"{warehouse_path()} is not there.", "run `refresh-raw`, then `dbt build`")
    contracts = project_contracts()
    with duckdb.connect(str(warehouse_path()), read_only=True) as con:
        con.execute("set TimeZone = 'UTC'")
        inputs.fill_seeds(con, project)
        inputs.fill_sources(con, manifest, chosen)
        org = Org(read_target(target), report=report)
        report(f"Fields of {org.identity().line()}.")
        inputs.fill_org(con, read_objects(org, inputs.wanted_objects(con)), contracts)
        for step in STEPS:
            con.execute(step_sql(step))
            if step == "open":
                inputs.fill_values(con, manifest, chosen)
                inputs.fill_open_values(con, manifest, chosen, report)
        return Proposals(_rows(con, _FIELDS), _rows(con, _VALUES), _rows(con, _LEFT))


def step_sql(step: str) -> str:
    """The SQL of one step of STEPS."""
    return files("loaders.salesforce").joinpath(f"propose_{step}.sql").read_text(encoding="utf-8")


def _rows(con: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    """Rows of a query by column."""
    result = con.execute(select)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def write(proposals: Proposals) -> list[Path]:
    """Appends the lines to the seeds of their sources; the files that grew.

    What the files hold stays as it is. Raises ConfigurationError, before any file is touched, for a seed without a column
    that the lines need.
    """
    grown: dict[Path, str] = {}
    for rows, ending in ((proposals.fields, inputs.FIELDS), (proposals.values, inputs.VALUES)):
        for source in sorted({str(row["source_system"]) for row in rows}):
            path = project_dir() / inputs.MAPS / f"{source}{ending}"
            mine = [row for row in rows if row["source_system"] == source]
            grown[path] = _appended(path, mine)
    for path, text in grown.items():
        path.write_text(text, encoding="utf-8", newline="")
    return list(grown)


def _appended(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    """The file with the rows behind what it has, in the order of its own header."""
    if not path.is_file():
        raise ConfigurationError(f"{path} is not there.", "restore it from git")
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    header = next(csv.reader(io.StringIO(text)), [])
    missing = sorted(set(rows[0]) - {"source_system", *header})
    if missing:
        raise ConfigurationError(f"{path} has no column {', '.join(missing)}.", "add it to the header")
    lines = io.StringIO()
    ending = "\r\n" if "\r\n" in text else "\n"
    writer = csv.DictWriter(lines, header, extrasaction="ignore", lineterminator=ending)
    writer.writerows(rows)
    return text + ("" if text.endswith("\n") else ending) + lines.getvalue()
