"""Reads a delivery into a DuckDB file of its own, typed and checked, before anything of the warehouse is touched.

One pass over each file: DuckDB reads it, `reading.sql` types it, a value that cannot be read is a problem that names
file, row and column. Problems of all files are collected and shown together (SRC-12). The rows leave as Arrow.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from loaders.actimo.delivery import DataFile, Workspace, sha256_of
from loaders.actimo.json_files import as_json, read_json
from loaders.actimo.reading import Content, Matched, UnreadableError, match, quoted
from loaders.actimo.settings import PLAIN, Aliases, Column, Settings, Table, tables
from loaders.actimo.sheets import read_xlsx
from loaders.actimo.text_files import read_csv, rejected, with_one_line_end
from loaders.errors import RefusedError

OTHER = Table("other_rows", (Column("data", "json"),))  # rows of files that no table is known for
BATCH_ROWS = 100_000
_PREFIX = "stage-"
SHOWN = 5  # problems and sample keys of a kind that are named
_MACROS = Path(__file__).parent / "reading.sql"
_TOKENS = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_DAY_FIRST = re.compile(r"DD.?MM.?YYYY", re.I)


@dataclass(frozen=True)
class ReadFile:
    """A file in the stage: its table there, its columns, and what is known about it."""

    workspace: Workspace
    file: DataFile
    table: Table
    staged: str
    content: Content
    matched: Matched
    zone: str

    @property
    def label(self) -> str:
        """The file for messages."""
        return f"{self.workspace.key}/{self.file.name}"


class Stage:
    """The DuckDB file of one landing; `close` deletes it."""

    def __init__(self, parent: Path, settings: Settings, aliases: Aliases) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
        self._removed = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.folder, self.scratch = folder, folder / "scratch"
        self.scratch.mkdir()
        self.settings, self.aliases = settings, aliases
        self.session = duckdb.connect(
            str(folder / "stage.duckdb"),
            config={"memory_limit": settings.memory_limit, "temp_directory": str(folder / "spill")},
        )
        self.session.execute("set timezone = 'UTC'")
        self.session.execute(_MACROS.read_text(encoding="utf-8"))
        self.session.execute(
            "create table notes (table_name varchar not null, column_name varchar, note varchar not null,"
            " row_count bigint, sample_keys varchar)"
        )
        self.files: list[ReadFile] = []
        self.problems: list[str] = []

    def close(self) -> None:
        """Ends the session and deletes the folder: it holds a second copy of personal data."""
        self.session.close()
        self._removed()

    def note(
        self, table: str, column: str | None, note: str, rows: int | None = None, keys: str | None = None
    ) -> None:
        """Adds a line to raw_actimo.landing_notes."""
        self.session.execute("insert into notes values (?, ?, ?, ?, ?)", [table, column, note, rows, keys])

    def read(self, workspace: Workspace, file: DataFile) -> None:
        """Stages one file; what is wrong with it goes to `problems`."""
        try:
            found = self._read(workspace, file)
        except UnreadableError as error:
            self.problems.extend(f"{workspace.key}/{file.name}: {problem}" for problem in error.problems)
            return
        self.files.append(found)
        self._note(found)

    def columns(self, table: Table) -> list[Column]:
        """The table's columns: those that models rely on, then the new ones of its files, as text."""
        new = dict.fromkeys(name for read in self._of(table) for name in read.matched.new)
        return [*table.columns, *(Column(name, "text") for name in new)]

    def make_tables(self) -> None:
        """Makes a view per raw table, `t_<name>`, over the staged files of all workspaces; empty ones included."""
        for table in [*tables().values(), OTHER]:
            columns = self.columns(table)
            selects = [_select(read, columns) for read in self._of(table)] or [_empty_select(columns)]
            self.session.execute(f'create view "t_{table.name}" as {" union all ".join(selects)}')

    def arrow(self, query: str) -> Iterator[pa.Table]:
        """The rows of a query in batches, at least one (maybe empty) of them; all of them, or it raises.

        A session of its own: dlt reads several tables in turn, and a second query ends the first one of a session.
        """
        with self.session.cursor() as session:
            wanted = session.execute(f"select count(*) from ({query})").fetchone() or (0,)
            reader = session.execute(query).to_arrow_reader(BATCH_ROWS)
            given = 0
            for batch in reader:
                given += batch.num_rows
                yield pa.Table.from_batches([batch])
            if not given:
                yield reader.schema.empty_table()
        if given != wanted[0]:
            raise RefusedError(f"{query}: {given} of {wanted[0]} rows came out of the stage.", "run it again")

    def _of(self, table: Table) -> list[ReadFile]:
        return [read for read in self.files if read.table.name == table.name]

    def _read(self, workspace: Workspace, file: DataFile) -> ReadFile:
        table = tables()[file.table] if file.table else None
        number = len(self.files) + len(self.problems)
        content = self._content(file, table, f"raw_{number}")
        if table and file.format == "json" and not content.headers:
            matched = Matched([])  # an empty list tells no columns
        elif table:
            matched = match(table, content.headers, self.aliases, file.constants)
        else:
            table, matched = OTHER, Matched([])
        read = ReadFile(workspace, file, table, f"file_{number}", content, matched, workspace.timezone)
        return self._typed(read)

    def _content(self, file: DataFile, table: Table | None, target: str) -> Content:
        decimal, constants = file.stated("decimal") or "", list(file.constants)
        if file.format == "xlsx":
            limit = self.settings.max_unpacked_bytes
            return read_xlsx(file.path, self.session, target, table, self.aliases, limit, decimal, constants)
        if file.format == "json":
            return read_json(file.path, self.session, target, self.scratch, file.stated("encoding"))
        stated = {key: file.stated(key) for key in ("encoding", "delimiter")}
        found = read_csv(file.path, table, self.aliases, self.scratch, stated, constants)
        return replace(found, decimal=decimal)

    def _typed(self, read: ReadFile) -> ReadFile:
        """Fills the staged table and checks it. Raises UnreadableError with what cannot be read."""
        try:
            self._fill(read)
        except duckdb.Error as error:
            if read.file.format != "csv" or "state machine" not in str(error):
                raise UnreadableError(f"it cannot be read: {str(error).splitlines()[0]}") from error
            encoding = read.file.stated("encoding")
            read = replace(
                read, content=with_one_line_end(read.content, read.file.path, self.scratch, encoding)
            )
            self._fill(read)
        if read.file.format == "csv" and (problems := rejected(self.session, read.content.headers)):
            raise UnreadableError(*problems)
        if problems := self._unreadable(read):
            raise UnreadableError(*problems)
        if read.content.row:
            self.session.execute(f"drop table {read.content.relation}")
        return read

    def _fill(self, read: ReadFile) -> None:
        """Makes the staged table: typed cells, beside each the text it was read from. Raises duckdb.Error."""
        content = read.content
        parts = [f"{content.row} as row_no"] if content.row else []
        if read.table is OTHER:
            parts.append(as_json('"data"', content.headers, content.cells))
        formats = moment_order(read.file.stated("date_format"))
        for column, cell in zip(read.matched.columns, content.cells, strict=bool(read.matched.columns)):
            parts.extend(typed(column, cell, read.zone, content.decimal, formats))
        filled = ", ".join(f"bare({cell})" for cell in content.cells) or "null"
        parts.append(f'coalesce({filled}) is not null as "is_filled"')
        query = f"select {', '.join(parts)} from {content.relation}"
        self.session.execute(f"create or replace table {read.staged} as {query}")

    def _unreadable(self, read: ReadFile) -> list[str]:
        """One sentence per cell that could not be read as its column's type; the first few, and how many there are."""
        columns = [column for column in read.matched.columns if column.family not in PLAIN]
        if not columns:
            return []
        tests = {
            column: f'"{column.name}" is null and "{column.name}·text" is not null' for column in columns
        }
        tests |= {
            column: f'{test} and not is_zero_date("{column.name}·text")'
            for column, test in tests.items()
            if column.family in ("moment", "day")
        }
        counts = self.session.execute(
            f"select {', '.join(f'count(*) filter (where {test})' for test in tests.values())} from {read.staged}"
        ).fetchone()
        problems = []
        for column, bad in zip(columns, counts or (), strict=True):
            if bad:
                rows = self.session.execute(
                    f"select {row_of(read)} from {read.staged} where {tests[column]} limit {SHOWN}"
                ).fetchall()
                wording = read.matched.wordings[column.name]
                problems += [
                    f"row {row}, column {wording!r}: no {_MEANING[column.family]}" for (row,) in rows
                ]
                if bad > SHOWN:
                    problems.append(f"column {wording!r}: {bad - SHOWN} more rows like these")
        return problems

    def _note(self, read: ReadFile) -> None:
        """Notes of the reader, new columns, zero dates and odd clock times."""
        table = read.table.name
        for text, rows in read.content.notes:
            self.note(table, None, f"{read.label}: {text}", rows)
        if read.table is OTHER:
            self.note(table, None, f"{read.label}: no table is known for this file; kept as it is")
        for name in read.matched.new:
            self.note(
                table, name, f"{read.label}: new column {read.matched.wordings[name]!r}, landed as text"
            )
        for column in read.matched.columns:
            if column.family in ("moment", "day"):
                zero = f'is_zero_date("{column.name}·text")'
                self._count(read, column.name, "zero date read as null", zero)
            if column.family == "moment":
                odd = f'is_odd_local("{column.name}·local", {quoted(read.zone)})'
                self._count(read, column.name, "local time that the change of clocks skips or repeats", odd)

    def _count(self, read: ReadFile, column: str, note: str, test: str) -> None:
        found = self.session.execute(f"select count(*) from {read.staged} where {test}").fetchone()
        if found and found[0]:
            self.note(read.table.name, column, f"{read.label}: {note}", int(found[0]))


def _remove_leftovers(parent: Path) -> None:
    """Removes the stages of landings that were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        try:
            os.kill(int(owner), 0)
        except (ValueError, ProcessLookupError):
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            continue  # somebody else's, and running


_MEANING = {
    "moment": "date and time that can be read",
    "day": "date that can be read",
    "number": "number",
    "whole": "whole number",
    "flag": "yes or no",
}


def moment_order(stated: str | None) -> list[str]:
    """The macros that read local times, in order, as SQL with `{t}`; the manifest's own format comes first.

    Raises UnreadableError for a date_format that is none.
    """
    usual = ["iso_local({t})", "day_first_local({t})", "serial_local({t})"]
    if not stated or stated.lower() in ("iso", "iso8601", "iso 8601", "excel_serial", "serial"):
        return usual
    tokens = re.sub("|".join(_TOKENS), lambda found: _TOKENS[found[0]], stated)
    if re.search(r"[A-Za-z]{2}", re.sub(r"%[A-Za-z]", "", tokens).replace("T", "")) or "%Y" not in tokens:
        raise UnreadableError(
            f"the manifest's date_format {stated!r} is none; write it like DD-MM-YYYY HH:mm"
        )
    date_only = re.split(r"[ T]+%H", tokens)[0]
    formats = list(dict.fromkeys([f"{tokens}:%S", tokens, date_only]))
    listed = ", ".join(quoted(one) for one in formats)
    stated_first = [f"try_strptime({{t}}, [{listed}])"]
    if _DAY_FIRST.search(stated):
        return [*stated_first, *usual]
    return [*stated_first, "iso_local({t})", "serial_local({t})"]  # a day-first guess would contradict it


def typed(column: Column, cell: str, zone: str, decimal: str, formats: Sequence[str]) -> list[str]:
    """The SQL of a column's staged cells: its value, and for typed ones the text (and local time) behind it."""
    name = column.name
    if column.family == "id":
        return [f'bare({cell}) as "{name}"']
    if column.family in PLAIN:
        return [f'case when bare({cell}) is not null then {cell} end as "{name}"']
    text = f'bare({cell}) as "{name}·text"'
    if column.family in ("moment", "day"):
        local = f"coalesce({', '.join(one.format(t=f'{name_text(name)}') for one in formats)})"
        utc = f'coalesce(iso_zoned({name_text(name)}), local_to_utc("{name}·local", {quoted(zone)}))'
        if column.family == "day":
            there = f"timezone({quoted(zone)}, timezone('UTC', iso_zoned({name_text(name)})))"
            return [text, f'cast(coalesce({local}, {there}) as date) as "{name}"']
        return [text, f'{local} as "{name}·local"', f'{utc} as "{name}"']
    sign = quoted(decimal)
    value = {
        "number": f"number_of({name_text(name)}, {sign})",
        "whole": f"whole_of({name_text(name)}, {sign})",
        "flag": f"flag_of({name_text(name)})",
    }[column.family]
    return [text, f'{value} as "{name}"']


def name_text(name: str) -> str:
    """The staged text of a typed column, as SQL."""
    return f'"{name}·text"'


def row_of(read: ReadFile) -> str:
    """The number of a row in its file, as SQL."""
    return "row_no" if read.content.row else f"rowid + {read.content.first_row}"


def facts(read: ReadFile, session: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
    """A row of raw_actimo.delivered_files: how the file was read, its size, hash, rows and range of moments."""
    moments = [f'"{column.name}"' for column in read.matched.columns if column.family == "moment"]
    low = f"min(least({', '.join(moments)}))" if moments else "null"
    high = f"max(greatest({', '.join(moments)}))" if moments else "null"
    rows, first, last = session.execute(
        f"select count(*), {low}, {high} from {read.staged} where is_filled"
    ).fetchone() or (0, None, None)
    stated = read.file.stated("rows")
    return {
        "workspace": read.workspace.key,
        "source_file": read.file.name,
        "table_name": read.table.name,
        "format": read.file.format,
        "encoding": read.content.encoding or None,
        "delimiter": read.content.delimiter or None,
        "row_count": rows,
        "rows_promised": int(stated) if stated and stated.isdigit() else None,
        "size_bytes": read.file.path.stat().st_size,
        "sha256": sha256_of(read.file.path),
        "first_moment": _moment(first),
        "last_moment": _moment(last),
    }


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _select(read: ReadFile, columns: Sequence[Column]) -> str:
    present = {column.name for column in (columns if read.table is OTHER else read.matched.columns)}
    constants = read.file.constants
    cells = [
        f'"{column.name}"' if column.name in present
        else f'cast({quoted(constants[column.name]) if column.name in constants else "null"}'
             f' as {column.sql_type}) as "{column.name}"'
        for column in columns
    ]  # fmt: skip
    return (
        f"select {quoted(read.workspace.key)} as workspace, {quoted(read.file.name)} as source_file,"
        f" cast({row_of(read)} as bigint) as source_row, {', '.join(cells)} from {read.staged} where is_filled"
    )


def _empty_select(columns: Sequence[Column]) -> str:
    cells = ", ".join(f'cast(null as {column.sql_type}) as "{column.name}"' for column in columns)
    return (
        "select cast(null as varchar) as workspace, cast(null as varchar) as source_file,"
        f" cast(null as bigint) as source_row, {cells} where false"
    )
