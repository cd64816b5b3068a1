"""Reads one table of Mautic in bounded memory and yields Arrow tables of one shape, whatever the database.

MySQL and MariaDB tables with a whole-number key are read in windows of the primary key by
connectorx, two in flight; each window that connectorx cannot read is read again through SQLAlchemy.
Everything else streams through SQLAlchemy. No order by a secondary index, no offset paging: only ranges of
the primary key (MAU-16). A window has as many rows as fit in a fixed amount of memory: a table of whole
e-mails is read in smaller steps than one of numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import connectorx
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from loaders.mautic.canonical import ZERO_DATE, Canonical, Keys, arrow_column
from loaders.mautic.connection import Connection
from loaders.mautic.live import Column
from loaders.mautic.notes import Notes
from loaders.mautic.settings import Table

IN_FLIGHT = 2  # windows read at once: the next is on its way while this one is written
FIRST_ROWS = 500  # rows of the first window, which tells how wide the rows are
DENSE = 0.5  # rows per key from which on ranges of the key are windows
WINDOW_BYTES = 48 << 20  # of a window in memory; about three of them are there at once
_ZERO_BITS = (
    "zero_dates__"  # helper column with one bit per date column; its name cannot be a Mautic alias of ours
)


def read_table(
    engine: Engine, connection: Connection, table: Table, columns: list[Column], notes: Notes
) -> Iterator[pa.Table]:
    """Arrow tables in key order; at least one, empty if the table is. Database errors leave as SQLAlchemy
    raises them.
    """
    canonical = Canonical(table, columns, notes)
    yield canonical.schema.empty_table()  # so that the table is there whatever follows
    if connection.is_mysql:
        batches = _Mysql(engine, connection, canonical).batches()
    else:
        batches = _streamed(engine, connection, canonical)
    yield from batches


_GUESS = sa.text(
    "select table_rows from information_schema.tables where table_schema = database() and table_name = :name"
)


class _Pace:
    """How many rows the next window has, from the width of the rows so far."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = min(FIRST_ROWS, most)

    def saw(self, batch: pa.Table) -> None:
        """Fits the pace to a window that was read."""
        if batch.num_rows:
            fitting = int(WINDOW_BYTES * batch.num_rows / max(batch.nbytes, 1))
            # grows step by step, as the first rows of a table can be narrower than the later ones
            self.rows = max(1, min(self.most, fitting, self.rows * 10))


class _Mysql:
    """Windows over one MySQL or MariaDB table."""

    def __init__(self, engine: Engine, connection: Connection, canonical: Canonical) -> None:
        self.engine = engine
        self.connection = connection
        self.canonical = canonical
        self.existing = [column for column in canonical.columns if column.exists]
        # 63 bits fit one bigint; a table with more date columns than that has its last ones unchecked by
        # connectorx's guard
        self.dates = [c for c in self.existing if c.base_type in ("date", "datetime", "timestamp")]
        self.url = connectorx_url(connection.url)
        self.pace = _Pace(connection.window_rows)

    def batches(self) -> Iterator[pa.Table]:
        """connectorx windows where the key allows it, else one streamed query."""
        if self.url is None or not self._has_whole_number_key():
            yield from self._streamed("")
            return
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            running: list[tuple[str, Future[pa.Table]]] = []
            for where in self._windows():
                running.append((where, pool.submit(self._connectorx, where)))
                if len(running) >= IN_FLIGHT:
                    yield from self._finished(*running.pop(0))
            while running:
                yield from self._finished(*running.pop(0))

    def _has_whole_number_key(self) -> bool:
        """Whether windows can be cut: every column of the primary key is a whole number."""
        types = {column.name: column.base_type for column in self.existing}
        return all("int" in types[key] for key in self.canonical.table.primary_key)

    def _windows(self) -> Iterator[str]:
        """Conditions that cut the table into windows of at most so many rows, in key order."""
        span = self._dense_span()
        yield from self._by_rows() if span is None else self._by_range(*span)

    def _dense_span(self) -> tuple[int, int] | None:
        """The lowest and highest key of a table with few gaps, where a range of keys is a window; else None.

        How many rows there are is the server's own guess, which costs nothing.
        """
        if len(self.canonical.table.primary_key) > 1:
            return None
        name = self.connection.prefix + self.canonical.table.name
        key = _quote(self.canonical.table.primary_key[0])
        with self.engine.connect() as session:
            rows = int(session.execute(_GUESS, {"name": name}).scalar() or 0)
            if rows <= FIRST_ROWS:
                return None
            ends = session.exec_driver_sql(f"select min({key}), max({key}) from {_quote(name)}").one()
        if ends[0] is None or rows < DENSE * (int(ends[1]) - int(ends[0]) + 1):
            return None
        return int(ends[0]), int(ends[1])

    def _by_range(self, low: int, high: int) -> Iterator[str]:
        """Ranges of the key; the last one has no end, for rows that are added meanwhile."""
        key = _quote(self.canonical.table.primary_key[0])
        while low + self.pace.rows <= high:
            end = low + self.pace.rows
            yield f"{key} >= {low} and {key} < {end}"
            low = end
        yield f"{key} >= {low}"

    def _by_rows(self) -> Iterator[str]:
        """Windows of equal rows, whatever gaps the key has; the server walks the key once more for it."""
        keys = [_quote(key) for key in self.canonical.table.primary_key]
        order, table = ", ".join(keys), _quote(self.connection.prefix + self.canonical.table.name)
        after = ""
        while True:
            query = f"select {order} from {table} {'where ' + after if after else ''} order by {order}"
            with self.engine.connect() as session:
                last_of_window = f"{query} limit 1 offset {self.pace.rows - 1}"
                end = session.exec_driver_sql(last_of_window).fetchone()
            if end is None:
                yield after
                return
            bound = [int(value) for value in end]
            yield " and ".join(filter(None, (after, f"not ({_beyond(keys, bound)})")))
            after = _beyond(keys, bound)

    def _connectorx(self, where: str) -> pa.Table:
        return connectorx.read_sql(self.url, self._query(where), return_type="arrow", protocol="binary")

    def _finished(self, where: str, window: Future[pa.Table]) -> Iterator[pa.Table]:
        """The window's rows; read again through SQLAlchemy if connectorx failed, which reports every fault
        properly.
        """
        try:
            read = window.result()
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException:  # a panic inside connectorx is no Exception
            yield from self._streamed(where)
            return
        yield self._canonical(
            {name: read.column(name).combine_chunks() for name in read.column_names}, read.num_rows
        )

    def _streamed(self, where: str) -> Iterator[pa.Table]:
        names = [column.name for column in self.existing] + ([_ZERO_BITS] if self.dates else [])
        for rows in _fetched(self.engine, self._query(where), self.pace):
            cells = [arrow_column(list(values)) for values in zip(*rows, strict=True)]
            yield self._canonical(dict(zip(names, cells, strict=True)), len(rows))

    def _canonical(self, arrays: dict[str, pa.Array], rows: int) -> pa.Table:
        """The batch in its final shape, zero dates that the query's guards made null noted."""
        bits = arrays.pop(_ZERO_BITS, None)
        if bits is not None and rows:
            self._note_zero_dates(bits.cast(pa.int64()), arrays)
        batch = self.canonical.from_arrays(arrays, rows)
        self.pace.saw(batch)
        return batch

    def _note_zero_dates(self, bits: pa.Array, arrays: dict[str, pa.Array]) -> None:
        if not pc.max(bits).as_py():
            return
        keys = Keys([arrays[name] for name in self.canonical.table.primary_key])
        for position, column in enumerate(self.dates[:63]):
            mask = pc.not_equal(pc.bit_wise_and(bits, 1 << position), 0)
            self.canonical.note(column.name, ZERO_DATE, mask, keys)

    def _query(self, where: str) -> str:
        selected = [f"{_guarded(column)} as {_quote(column.name)}" for column in self.existing]
        if self.dates:
            bits = (f"(coalesce({_is_zero(c)}, 0) << {at})" for at, c in enumerate(self.dates[:63]))
            selected.append(f"cast({' | '.join(bits)} as signed) as {_quote(_ZERO_BITS)}")
        table = _quote(self.connection.prefix + self.canonical.table.name)
        return f"select {', '.join(selected)} from {table}" + (f" where {where}" if where else "")


def _beyond(keys: list[str], bound: list[int]) -> str:
    """The condition that a row comes after `bound` in key order, written so that the server uses the key."""
    if len(keys) == 1:
        return f"{keys[0]} > {bound[0]}"
    return f"({keys[0]} >= {bound[0]} and ({keys[0]} > {bound[0]} or {_beyond(keys[1:], bound[1:])}))"


def _is_zero(column: Column) -> str:
    """True for 0000-00-00 and for dates with a zero month or day, which no other system can hold."""
    return f"(month({_quote(column.name)}) = 0 or dayofmonth({_quote(column.name)}) = 0)"


_WHOLE = ("tinyint", "smallint", "mediumint", "year", "bool", "boolean")
_PLAIN = (
    "int",
    "integer",
    "bigint",
    "double",
    "real",
    "char",
    "varchar",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
)


def _guarded(column: Column) -> str:
    """The select expression of a column: what connectorx or PyMySQL would misread arrives in a type that
    both read alike.
    """
    name, base = _quote(column.name), column.base_type
    if base in _PLAIN:
        return name
    if base in _WHOLE:
        return f"cast({name} as signed)"  # tinyint(1) would arrive as boolean, where 2 and -1 are lost
    if base == "bit":
        return f"cast({name} as unsigned)"  # would arrive as bytes
    if base == "float":
        return f"{name} + 0e0"  # the text protocol rounds single precision, the binary one does not
    if base in ("date", "datetime"):
        return f"if({_is_zero(column)}, null, {name})"  # a zero date is a panic in connectorx
    if base == "timestamp":
        return f"if({_is_zero(column)}, null, convert_tz({name}, @@session.time_zone, '+00:00'))"
    if column.family == "binary":
        return f"hex({name})"
    # time beyond 24 hours, decimals beyond 10 places, json, enum, set, uuid, inet
    return f"cast({name} as char)"


def _streamed(engine: Engine, connection: Connection, canonical: Canonical) -> Iterator[pa.Table]:
    """Batches of one query in key order, through whatever driver the URL names."""
    existing = [column for column in canonical.columns if column.exists]
    quote = engine.dialect.identifier_preparer.quote_identifier
    selected = ", ".join(_portable(column, quote(column.name)) for column in existing)
    order = ", ".join(quote(key) for key in canonical.table.primary_key)
    query = f"select {selected} from {quote(connection.prefix + canonical.table.name)} order by {order}"
    pace = _Pace(connection.window_rows)
    for rows in _fetched(engine, query, pace):
        batch = canonical.from_rows(rows)
        pace.saw(batch)
        yield batch


def _portable(column: Column, name: str) -> str:
    """The select expression for SQLite and its kin."""
    if column.family == "binary":
        return f"hex({name})"
    if column.family == "decimal":
        return f"case when {name} is not null then printf('%.{column.scale}f', {name}) end"
    return name


def _fetched(engine: Engine, query: str, pace: _Pace) -> Iterator[list[Any]]:
    """Lists of at most `pace.rows` rows from a streamed cursor.

    SQLite hands out text as bytes, because its own decoding stops at the first invalid byte of the whole
    table.
    """
    with engine.connect() as session:
        raw = session.connection.dbapi_connection if engine.dialect.name == "sqlite" else None
        if raw is not None:
            raw.text_factory = bytes
        try:
            result = session.execution_options(stream_results=True).exec_driver_sql(query)
            fetch: Callable[[int], Any] = result.cursor.fetchmany if raw is not None else result.fetchmany
            while rows := fetch(pace.rows):
                yield list(rows)
            result.close()
        finally:
            if raw is not None:
                raw.text_factory = str


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def connectorx_url(url: URL) -> str | None:
    """The URL in connectorx's form, or None where connectorx cannot follow (socket, TLS files, other
    options).
    """
    if set(url.query) - {"charset"} or not url.host:
        return None
    return url.set(drivername="mysql", query={}).render_as_string(hide_password=False)
