"""Actimo, read from exports in a drop folder, or its contacts and groups from the REST API.

Actimo has no public API for most of its records, so people export files (ACT-14): one folder (or zip file) a
workspace, with CSV, XLSX or JSON files and, at best, a manifest. The API is the second mode; what it gives is
written as such a delivery and read the same way.

    SOURCES__ACTIMO__DROP_FOLDER=/exports/actimo refresh-raw --source actimo

file -> raw_actimo.<table> of `columns.csv`, each row with its workspace, file and row number:

    contacts, groups, group_members, contact_relationships
    messages, message_recipients, message_module_responses
    academies, academy_trainings, academy_enrollments
    surveys, survey_questions, survey_responses, pulse_results
    feedback, engagement_scores, admins, files, automations

and beside them other_rows (files that nobody knows), deliveries and delivered_files (what the manifest says and how
each file was read), file_contents (files and inline images in data/files), orphans, landing_notes.

Every table is replaced as a whole: a delivery is a full export and deletes leave no trace. Everything is read, typed
and checked in a DuckDB file of its own first, so a file that cannot be read leaves the last landing as it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltSource

from loaders import project
from loaders.actimo import api, binaries, checks, delivery
from loaders.actimo.delivery import Workspace
from loaders.actimo.settings import Settings, aliases, configured, file_names, tables
from loaders.actimo.stage import OTHER, Stage
from loaders.errors import RefusedError

REPORTS = ("deliveries", "delivered_files", "file_contents", "orphans")
NOTES_TABLE = "landing_notes"  # last: the notes are complete when everything else is
_SHOWN = 20


def source() -> DltSource:
    """The dlt source with one resource per table of `columns.csv` and per report.

    Raises ConfigurationError when there is nothing to read or a setting is wrong, RefusedError when a file cannot be
    read or breaks a promise of its manifest (file, row and column are named), RemoteError when the API fails.
    """
    settings = configured()
    if settings.mode == "api":
        settings = api.fetch(settings, project.data_dir() / "actimo" / "api")
    return _actimo(prepare(settings))


def prepare(settings: Settings) -> Stage:
    """Everything read, typed, checked and collected, ready to leave as Arrow. Raises as `source`."""
    stage = Stage(project.data_dir() / "actimo", settings, aliases())
    try:
        found = delivery.workspaces(settings, file_names(), stage.folder / "unpacked")
        for workspace in found:
            for file in workspace.files:
                stage.read(workspace, file)
        _stop(stage)
        stage.make_tables()
        checks.make_reports(stage, found)
        _stop(stage)
        binaries.collect(stage, found, settings, project.data_dir() / "files")
    except BaseException:
        stage.close()
        raise
    return stage


def row_counts() -> dict[str, int]:
    """Actimo's own counts in the manifests, by table, over all workspaces; empty without manifests (ACT-18)."""
    settings = configured()
    if settings.mode == "api":
        settings = api.fetched(settings, project.data_dir() / "actimo" / "api")
    with tempfile.TemporaryDirectory() as scratch:
        return _counted(delivery.workspaces(settings, file_names(), Path(scratch)))


def _counted(found: Sequence[Workspace]) -> dict[str, int]:
    """The counts of tables that every workspace with such a table has counted."""
    counts: dict[str, int] = {}
    for table in tables():
        given = [
            workspace.counts.get(table)
            for workspace in found
            if any(file.table == table for file in workspace.files)
        ]
        known = [count for count in given if count is not None]
        if known and len(known) == len(given):
            counts[table] = sum(known)
    return counts


def _stop(stage: Stage) -> None:
    """Raises RefusedError with all problems that were found, if any."""
    if stage.problems:
        more = len(stage.problems) - _SHOWN
        lines = [*stage.problems[:_SHOWN], *([f"and {more} more problems"] if more > 0 else [])]
        raise RefusedError(
            "\n".join(lines),
            "correct the export, or add a wording to seeds/maps/actimo_columns.csv; nothing was landed",
        )


@dlt.source(name="actimo", max_table_nesting=0)  # type: ignore[untyped-decorator]
def _actimo(stage: Any) -> Any:
    queries = {table.name: f'from "t_{table.name}"' for table in [*tables().values(), OTHER]}
    queries |= {name: f"from {name}" for name in REPORTS}
    queries[NOTES_TABLE] = "from notes order by table_name, column_name, note"

    def rows(name: str) -> Iterator[Any]:
        yield from stage.arrow(queries[name])
        if name == NOTES_TABLE:
            stage.close()

    for name in queries:
        yield dlt.resource(
            rows, name=name, write_disposition="replace", columns=_hints(stage, queries[name])
        )(name)


def _hints(stage: Stage, query: str) -> dict[str, Any]:
    """dlt's column hints: names and types of an empty table too, and moments that carry no zone."""
    schema = stage.session.execute(f"{query} limit 0").to_arrow_table().schema
    return {
        field.name: {"nullable": True}
        | ({"data_type": "timestamp", "timezone": False} if pa.types.is_timestamp(field.type) else {})
        for field in schema
    }


__all__ = ["row_counts", "source"]
