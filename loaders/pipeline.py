"""Lands sources in the warehouse. The only module that knows dlt's destination.

One dlt pipeline per source, named like it, into the dataset `raw_<source>` of the warehouse file, always as
parquet (dlt's default writes SQL inserts, forty times slower). Names stay as the source has them. New
columns land and are reported; a column whose type changed stops the landing before anything is written.
Every landing can be repeated: each table is replaced as a whole, packages that an interrupted run left
behind are dropped first.

A source is a package in loaders/ that defines `source()`, which returns a dlt source, and, where the system
can tell, `row_counts()`, its own count per table. A table `landing_notes` (see loaders/mautic/notes.py)
becomes the report's notes. A source with `KEEPS_CHANGES = True` has its rows compared with the landing before
(loaders/landing_changes.py); `snapshot_file()` may name the dump that was taken before.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.common.libs.pyarrow import get_column_type_from_py_arrow
from dlt.common.schema.exceptions import DataValidationError
from dlt.common.schema.typing import TSchemaContract

from loaders import landing_changes, project
from loaders.errors import ConfigurationError, MigrationError, RefusedError, RemoteError, without_password

NOT_LANDED = "not landed yet"  # comment of the empty tables that dbt's hook makes for sources.yml
NOTES_TABLE = "landing_notes"
COMPARE_MEMORY = "800MB"  # more is spilled to disk
CONTRACT: TSchemaContract = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}

Report = Callable[[str], None]


@dataclass(frozen=True)
class LandedTable:
    """One landed table: rows in the warehouse, the source's own count (None if it has none), what was new
    or odd, and which rows are new, changed or deleted since the landing before (None for the first one).
    """

    source: str
    table: str
    rows_landed: int
    rows_in_source: int | None
    new_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows_new: int | None = None
    rows_changed: int | None = None
    rows_deleted: int | None = None


def source_names() -> list[str]:
    """The packages in loaders/ that define `source`, by name; found without importing them."""
    packages = Path(__file__).parent.glob("*/__init__.py")
    return sorted(path.parent.name for path in packages if _defines_source(path))


def refresh(names: Sequence[str], full: bool = False, report: Report = lambda _: None) -> list[LandedTable]:
    """Lands the named sources one after the other and returns what arrived, table by table.

    `full` forgets the tables and types of earlier landings and builds them anew. `report` gets one line of
    progress at a time. Raises ConfigurationError for an unknown source, a wrong setting or a changed type,
    RemoteError when the source or the warehouse cannot be reached, RefusedError when fewer rows arrived
    than the source counts (MAU-14).
    """
    known = source_names()
    for name in names:
        if name not in known:
            raise ConfigurationError(f"There is no source {name!r}.", f"choose from: {', '.join(known)}")
    landed: list[LandedTable] = []
    for name in names:
        landed.extend(_land(name, full, report))
    return landed


def discover(name: str) -> Any:
    """What a source is like, before anything is landed: the object that its `discover()` returns.

    Raises ConfigurationError for an unknown source or one without discovery, else what the source raises.
    """
    if name not in source_names():
        raise ConfigurationError(f"There is no source {name!r}.", f"choose from: {', '.join(source_names())}")
    module = importlib.import_module(f"loaders.{name}")
    if not hasattr(module, "discover"):
        raise ConfigurationError(f"{name} has no discovery.", f"land it with refresh-raw --source {name}")
    return module.discover()


def _land(name: str, full: bool, report: Report) -> list[LandedTable]:
    module = importlib.import_module(f"loaders.{name}")
    report(f"{name}: reading")
    with _translated(name):
        snapshot = _snapshot(module, report)
        source = module.source()
        before = _counts(module)
        _make_room(name)
        pipeline = _pipeline(name)
        known = {} if full else _known_columns(pipeline)
        watched = {
            resource.name: _Watch(resource.name, known.get(resource.name, {}))
            for resource in source.resources.values()
        }
        for resource in source.resources.values():
            resource.add_map(watched[resource.name])
        _run(pipeline, source, full or _lost_tables(name, known))
        after = _counts(module)
        gone = {table: watch.gone for table, watch in watched.items()}
        landed = _landed(name, _known_columns(pipeline), known, gone, _Counts(before, after))
    for table in landed:
        report(f"{name}: {table.table}: {table.rows_landed} rows")
    _check_counts(landed)
    if getattr(module, "KEEPS_CHANGES", False):
        with _translated(name):
            landed = _compared(name, pipeline, landed, snapshot)
    return landed


def _snapshot(module: ModuleType, report: Report) -> landing_changes.Snapshot:
    """The id and moment of this landing, and the hash of the dump that the source names (MAU-20)."""
    moment = datetime.now(UTC).replace(tzinfo=None)
    path = module.snapshot_file() if hasattr(module, "snapshot_file") else None
    if path is None:
        return landing_changes.Snapshot(f"{moment:%Y%m%dT%H%M%S.%fZ}", moment)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    report(f"snapshot before the landing: {path} has SHA-256 {digest}")
    return landing_changes.Snapshot(f"{moment:%Y%m%dT%H%M%S.%fZ}", moment, str(path), digest)


def _compared(
    name: str, pipeline: dlt.Pipeline, landed: Sequence[LandedTable], snapshot: landing_changes.Snapshot
) -> list[LandedTable]:
    """The landed tables with what changed in them since the landing before."""
    schema = {str(table["name"]): table["columns"] for table in pipeline.default_schema.data_tables()}
    rows = [
        landing_changes.LandedRows(
            table.table,
            [column for column, hints in schema[table.table].items() if hints.get("primary_key")],
            [column for column in _known_columns(pipeline)[table.table] if _is_content(column)],
            table.rows_in_source,
        )
        for table in landed
    ]
    with duckdb.connect(str(project.warehouse_path()), config={"memory_limit": COMPARE_MEMORY}) as warehouse:
        found = landing_changes.record(warehouse, name, rows, snapshot)
    return [
        replace(
            table,
            rows_new=found[table.table].new,
            rows_changed=found[table.table].changed,
            rows_deleted=found[table.table].deleted,
        )
        if table.table in found and not found[table.table].first
        else table
        for table in landed
    ]


def _is_content(column: str) -> bool:
    """Whether a column tells about the record, not about the landing."""
    return not column.startswith("_dlt_") and column != "landed_at"


def _pipeline(name: str) -> dlt.Pipeline:
    """The dlt pipeline of a source, its state beside the warehouse (see loaders/dlt_context.py)."""
    destination = dlt.destinations.duckdb(
        str(project.warehouse_path()), naming_convention="direct", preferred_loader_file_format="parquet"
    )
    return dlt.pipeline(
        name,
        pipelines_dir=str(project.data_dir() / "dlt" / "pipelines"),
        destination=destination,
        dataset_name=f"raw_{name}",
    )


def _run(pipeline: dlt.Pipeline, source: Any, rebuild: bool) -> None:
    if pipeline.has_pending_data:
        pipeline.abort_packages()  # dlt would finish the old package and ignore the new rows
    if rebuild:
        pipeline.run(source, schema_contract=CONTRACT, refresh="drop_sources")
    else:
        pipeline.run(source, schema_contract=CONTRACT)


def _make_room(name: str) -> None:
    """Creates the data folder and drops the empty tables that stand in for ones that were not landed yet."""
    project.warehouse_path().parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(project.warehouse_path())) as warehouse:
        stand_ins = warehouse.execute(
            "select table_name from duckdb_tables() where schema_name = ? and comment = ?",
            [f"raw_{name}", NOT_LANDED],
        ).fetchall()
        for (table,) in stand_ins:
            warehouse.execute(f'drop table "raw_{name}"."{table}"')


def _known_columns(pipeline: dlt.Pipeline) -> dict[str, dict[str, str]]:
    """Table to column to dlt type, as earlier landings left them."""
    if not pipeline.default_schema_name:
        return {}
    return {
        str(table["name"]): {
            str(key): str(column["data_type"])
            for key, column in table["columns"].items()
            if "data_type" in column
        }
        for table in pipeline.default_schema.data_tables()
    }


def _lost_tables(name: str, known: Mapping[str, Any]) -> bool:
    """Whether the warehouse lacks a table that dlt believes to be there, because someone dropped it or
    deleted the file.
    """
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        rows = warehouse.execute(
            "select table_name from duckdb_tables() where schema_name = ?", [f"raw_{name}"]
        ).fetchall()
    return bool(set(known) - {table for (table,) in rows})


class _Watch:
    """Looks at each Arrow table on its way: a column of another type than before stops the landing (dlt
    itself checks that for rows, not for Arrow), and columns that no longer arrive are remembered.
    """

    def __init__(self, table: str, known: Mapping[str, str]) -> None:
        self.table = table
        self.known = known
        self.gone: list[str] = []

    def __call__(self, item: Any) -> Any:
        if isinstance(item, pa.Table | pa.RecordBatch):
            for field in item.schema:
                arriving = get_column_type_from_py_arrow(field.type)["data_type"]
                landed = self.known.get(field.name, arriving)
                if arriving != landed:
                    raise _frozen(self.table, field.name, f"was {landed} when last landed, is {arriving} now")
            self.gone = sorted(set(self.known) - set(item.schema.names))
        return item


def _frozen(table: str, column: str, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"The type of {table}.{column} changed: {what}.",
        "check the source and the models that read the column, then run refresh-raw with --full",
    )


@dataclass(frozen=True)
class _Counts:
    """The source's own row counts by table, before and after it was read; empty if it has none."""

    before: Mapping[str, int]
    after: Mapping[str, int]

    def expected(self, table: str) -> int | None:
        """What must have arrived: the smaller of the two, as rows come and go in a live source."""
        return min(self.before[table], self.after.get(table, 0)) if table in self.before else None

    def moved(self, table: str) -> list[str]:
        """A note if the source changed while it was read."""
        if table not in self.before or self.after.get(table) == self.before[table]:
            return []
        counts = f"{self.before[table]} to {self.after.get(table, 0)}"
        return [f"{table}: the source went from {counts} rows while it was read"]


def _counts(module: ModuleType) -> dict[str, int]:
    """The source's own row counts; empty for a source that has none."""
    return dict(module.row_counts()) if hasattr(module, "row_counts") else {}


def _landed(
    name: str,
    current: Mapping[str, Mapping[str, str]],
    known: Mapping[str, Mapping[str, str]],
    gone: Mapping[str, Sequence[str]],
    counts: _Counts,
) -> list[LandedTable]:
    """What the warehouse holds now, table by table."""
    landed = []
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        notes = _notes(warehouse, name) if NOTES_TABLE in current else {}
        for table, columns in current.items():
            rows = warehouse.execute(f'select count(*) from "raw_{name}"."{table}"').fetchone()
            new = tuple(sorted(set(columns) - set(known[table]))) if table in known else ()
            lines = notes.get(table, []) + counts.moved(table)
            lines += [
                f"{table}.{column}: no longer in the source; null from now on"
                for column in gone.get(table, ())
            ]
            landed.append(
                LandedTable(name, table, rows[0] if rows else 0, counts.expected(table), new, tuple(lines))
            )
    return landed


def _notes(warehouse: duckdb.DuckDBPyConnection, name: str) -> dict[str, list[str]]:
    """The source's landing notes as one line each, by table."""
    lines: dict[str, list[str]] = {}
    rows = warehouse.execute(
        f'select table_name, column_name, note, row_count, sample_keys from "raw_{name}"."{NOTES_TABLE}"'
        " order by table_name, column_name, note"
    ).fetchall()
    for table, column, note, count, keys in rows:
        where = f"{table}.{column}" if column else table
        amount = f" in {count} rows" if count is not None else ""
        sample = f" (for example {keys})" if keys else ""
        lines.setdefault(table, []).append(f"{where}: {note}{amount}{sample}")
    return lines


def _check_counts(landed: Sequence[LandedTable]) -> None:
    """Raises RefusedError if a table has fewer rows than its source counts."""
    short = [
        f"{table.source}.{table.table}: {table.rows_landed} of {table.rows_in_source} rows arrived"
        for table in landed
        if table.rows_in_source is not None and table.rows_landed < table.rows_in_source
    ]
    if short:
        sources = " ".join(sorted({table.source for table in landed}))
        raise RefusedError(
            "\n".join(short), f"read from a source at rest and run refresh-raw --source {sources} again"
        )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Unwraps our own errors from dlt's and gives the others a next step; dlt's log of failures is not
    repeated.
    """
    logging.getLogger("dlt").setLevel(logging.CRITICAL)
    try:
        yield
    except MigrationError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MigrationError):
                raise cause from error
            if isinstance(cause, DataValidationError):
                # dlt would have put values of another type into a column of their own, `<name>▶v_<type>`
                column = str(cause.column_name).split("▶")[0]
                raise _frozen(str(cause.table_name), column, "the new one does not fit") from error
            if isinstance(cause, duckdb.IOException):
                raise RemoteError(
                    f"{project.warehouse_path()} cannot be opened: {str(cause).splitlines()[0]}",
                    "wait for the other program that has it open, such as dbt or a DuckDB shell, or close it",
                ) from error
            last, cause = cause, cause.__cause__ or cause.__context__
        text = without_password(str(last).splitlines()[0] if str(last) else type(last).__name__)
        raise RemoteError(
            f"Landing {name} failed: {text}", f"run refresh-raw --source {name} again"
        ) from error


def _defines_source(path: Path) -> bool:
    """Whether the module has a top-level name `source` that is a function or an import."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "source":
            return True
        if isinstance(node, ast.ImportFrom) and any(
            (name.asname or name.name) == "source" for name in node.names
        ):
            return True
    return False
