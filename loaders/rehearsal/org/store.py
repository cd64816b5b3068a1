"""Where the rehearsal org keeps its records: one DuckDB table per object in schema `org`, bookkeeping
in schema `meta`.

One writer at a time, any number of readers: `write()` hands out the only connection that changes
anything, inside a transaction; `reader()` gives a cursor that sees the last committed state. Nothing
here knows a rule of Salesforce.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from loaders.rehearsal.org.catalogue import Catalogue, ObjectInfo
from loaders.rehearsal.org.prepared import Statements, literal, sql_text

RESERVED = 1_000  # numbers that a counter is ahead of itself on disk, so that few writes have to move it
IDLE_READERS = 8
SESSION = "use state; set TimeZone = 'UTC'"
META = """
create schema if not exists org;
create schema if not exists meta;
create table if not exists meta.settings (name varchar primary key, value varchar);
create table if not exists meta.counters (object varchar primary key, next bigint);
create table if not exists meta.jobs (id varchar primary key, document varchar);
create table if not exists meta.v1_jobs (id varchar primary key, document varchar);
create table if not exists meta.v1_batches (id varchar primary key, job varchar, document varchar);
create table if not exists meta.sessions (token varchar, user_id varchar, expires_at double);
create table if not exists meta.recycle_bin (
    id varchar, object varchar, deletion bigint, deleted_at timestamp
);
create table if not exists meta.cleared (
    deletion bigint, object varchar, field varchar, id varchar, value varchar
);
"""

__all__ = ["Store", "insert_row", "literal", "quote", "storage_columns", "table"]


def quote(name: str) -> str:
    """The name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def table(name: str) -> str:
    """The quoted table of an object's records."""
    return f"org.{quote(name)}"


class Store:
    """The database of one org. Close it, or use it as a context manager."""

    def __init__(self, path: Path | None = None, memory_limit: str = "1GB") -> None:
        self._temporary = None if path else Path(tempfile.mkdtemp(prefix="rehearsal-"))
        self.path = path or Path(str(self._temporary)) / "org.duckdb"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.files = self.path.with_name(self.path.name + ".files")
        self.files.mkdir(exist_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": str(self.files / "spill"),
            "checkpoint_threshold": "256MB",
            "force_compression": "uncompressed",  # compressing took half of the time of a bulk load
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # Prepared plans outlive one run. The first bakes in what a table holds when the plan is made, the
            # second lets a run now and then see the join keys of the run before it.
            "disabled_optimizers": "statistics_propagation,join_filter_pushdown",
        }
        # Attached under a fixed name: a file called org.duckdb would otherwise be a catalogue that hides
        # schema org.
        self._root = duckdb.connect(config=config)
        # A temporary org lives in memory, which spills into the folder when it must: nothing has to
        # outlast a commit.
        self._root.execute(f"attach {literal(str(path) if path else ':memory:')} as state")
        self._connection = self._cursor()
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._fitting = False
        self.lost_columns = (
            False  # true when a rollback took back tables or columns that the catalogue counts on
        )
        self._connection.execute(META)
        self.statements = Statements(self._connection)
        self.plans: dict[Any, Any] = {}  # what callers work out once for a catalogue
        self._idle: deque[Statements] = deque()
        self._counters: dict[str, int] = dict(
            self._connection.execute("select object, next from meta.counters").fetchall()
        )
        self._reserved = dict(self._counters)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Writes everything to the file and lets go of it; a temporary store disappears."""
        with self._lock:
            for name, number in self._counters.items():
                self._save_counter(name, number)
            while self._idle:
                self._idle.pop().connection.close()
            self._connection.close()
            self._root.close()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The writing connection inside a transaction; an exception leaves the store as it was."""
        with self._lock:
            if self._owner is not None:
                yield self._connection
                return
            counters, reserved = dict(self._counters), dict(self._reserved)
            self._connection.execute("begin transaction")
            self._owner = threading.get_ident()
            try:
                yield self._connection
                self._save_counters()
                self._connection.execute("commit")
            except BaseException:
                self._counters, self._reserved = counters, reserved
                self.lost_columns = self.lost_columns or self._fitting
                self._connection.execute("rollback")
                raise
            finally:
                self._owner = None
                self._fitting = False

    @contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that sees the last committed state; inside `write` of the same thread, what it
        has written."""
        with self.reading() as statements:
            yield statements.connection

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        """The same with statements that were prepared before."""
        if self._owner == threading.get_ident():
            yield self.statements
            return
        try:
            found = self._idle.pop()
        except IndexError:
            found = Statements(self._cursor())
        try:
            yield found
        finally:
            if len(self._idle) < IDLE_READERS:
                self._idle.append(found)
            else:
                found.connection.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._root.cursor()
        cursor.execute(SESSION)
        return cursor

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of one read; inside `write` it sees what has been written so far."""
        with self.reader() as cursor:
            return cursor.execute(sql, parameters or []).fetchall()

    def take_numbers(self, name: str, count: int) -> int:
        """Reserves `count` consecutive numbers of a counter and returns the first. Call inside `write`."""
        first = self._counters.get(name, 1)
        self._counters[name] = first + count
        return first

    def setting(self, name: str) -> str | None:
        """A remembered setting, or None."""
        found = self.rows("select value from meta.settings where name = ?", [name])
        return str(found[0][0]) if found else None

    def remember(self, name: str, value: str) -> None:
        """Keeps a setting."""
        with self.write() as connection:
            connection.execute("insert or replace into meta.settings values (?, ?)", [name, value])

    def fit(self, catalogue: Catalogue) -> None:
        """Creates missing tables and columns; never drops any, so that no data is lost."""
        self.lost_columns = False
        present: dict[str, set[str]] = {}
        for name, column in self.rows(
            "select table_name, column_name from information_schema.columns where table_schema = 'org'"
        ):
            present.setdefault(name.lower(), set()).add(column.lower())
        with self.write() as connection:
            self._fitting = True
            for info in catalogue.objects.values():
                columns = storage_columns(info)
                known = present.get(info.name.lower())
                if known is None:
                    spec = ", ".join(f"{quote(column)} {kind}" for column, kind in columns)
                    connection.execute(f"create table {table(info.name)} ({spec})")
                    continue
                for column, kind in columns:
                    if column.lower() not in known:
                        default = " default false" if kind == "BOOLEAN" else ""
                        connection.execute(
                            f"alter table {table(info.name)} add column {quote(column)} {kind}{default}"
                        )

    def _save_counters(self) -> None:
        for name, number in self._counters.items():
            if number > self._reserved.get(name, 0):
                self._save_counter(name, number + RESERVED)
                self._reserved[name] = number + RESERVED

    def _save_counter(self, name: str, number: int) -> None:
        self._connection.execute(f"insert or replace into meta.counters values ({literal(name)}, {number})")


def storage_columns(info: ObjectInfo) -> list[tuple[str, str]]:
    """Name and DuckDB type of every stored column; every table has IsDeleted, described or not."""
    columns = [(field.name, str(field.storage_type)) for field in info.columns()]
    if not info.has("IsDeleted"):
        columns.append(("IsDeleted", "BOOLEAN"))
    return columns


def insert_row(connection: duckdb.DuckDBPyConnection, info: ObjectInfo, values: Mapping[str, Any]) -> None:
    """Stores one record past all rules; columns without a value stay null."""
    given = {
        name: (values[name], kind) for name, kind in storage_columns(info) if values.get(name) is not None
    }
    listed = ", ".join(f"{sql_text(value)}::{kind}" for value, kind in given.values())
    connection.execute(f"insert into {table(info.name)} ({', '.join(map(quote, given))}) values ({listed})")
