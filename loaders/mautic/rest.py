"""Mautic, read from its REST API, where its database is out of reach: the same raw tables, with declared gaps.

    SOURCES__MAUTIC__BASE_URL=https://mautic.example.com
    SOURCES__MAUTIC__USERNAME=... SOURCES__MAUTIC__PASSWORD=...       basic authentication, or
    SOURCES__MAUTIC__CLIENT_ID=... SOURCES__MAUTIC__CLIENT_SECRET=... OAuth2 client credentials

Lists and statistics tables are paged by key, several pages at once, at the pace that the server allows
(COM-12, COM-13, MAU-27). Counts are compared with the API's own (MAU-14); the CSV export is never asked.
What the API does not give lands as an empty table or a null column, and each is a landing note (SRC-05).
`rest_tables.csv` says how each table is read.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.sources import DltSource

from loaders.mautic import _resource, assets, form_results, registry, rest_settings
from loaders.mautic.canonical import arrow_schema
from loaders.mautic.live import Column
from loaders.mautic.notes import SCHEMA as NOTES_SCHEMA
from loaders.mautic.rest_check import ROLE_UNKNOWN, Caller, check, client_of
from loaders.mautic.rest_pages import Listing, NotThereError, Row, count, listing_of, pages
from loaders.mautic.rest_rows import Rows, SafeNotes, columns_of
from loaders.mautic.rest_settings import ENDPOINTS, Connection, Endpoint
from loaders.mautic.settings import FIELD_OBJECTS, FORM_RESULTS, TABLES, Table
from loaders.rest_client import RestClient

BATCH_ROWS = 5_000  # rows that go on to dlt at once
NOTES_TABLE = "landing_notes"
NO_LIST = "the REST API of this instance has no such list; landed empty"
# what the database mode makes beside Mautic's tables, and no list of the API can give
BESIDE: Mapping[str, tuple[pa.Schema, tuple[str, ...]]] = {
    FORM_RESULTS: (form_results.SCHEMA, form_results.PRIMARY_KEY),
    assets.FILES: (assets.SCHEMA, assets.PRIMARY_KEY),
}
FIELDS = tuple(
    Listing(f"fields/{kind}", "fields", ("id",)) for kind in ("contact", "company")
)  # each with the fields of its kind


def is_configured() -> bool:
    """Whether the settings name an API."""
    return bool(rest_settings.base_url())


def source() -> DltSource:
    """The dlt source with one resource per table of `settings.TABLES` and one for the notes.

    Raises ConfigurationError or RemoteError when the API cannot be read, or its user does not see everything.
    """
    connection = rest_settings.configured()
    client = client_of(connection)
    caller = check(client, connection)
    return _mautic(_Landing(connection, client, caller))


def row_counts() -> dict[str, int]:
    """The API's own number of rows per table that has one (MAU-14). Raises as `source` does."""
    connection = rest_settings.configured()
    client = client_of(connection)
    counts: dict[str, int] = {}
    with closing(client), ThreadPoolExecutor(connection.requests_at_once) as workers:
        asked = {
            table.name: workers.submit(_counted, client, ENDPOINTS[table.name], table) for table in TABLES
        }
        for name, answer in asked.items():
            if (number := answer.result()) is not None:
                counts[name] = number
    return counts


def _counted(client: RestClient, endpoint: Endpoint, table: Table) -> int | None:
    try:
        if endpoint.way == "fields":
            numbers = [count(client, listing) for listing in FIELDS]
            return None if None in numbers else sum(number or 0 for number in numbers)
        return count(client, listing_of(endpoint, table)) if endpoint.way in ("list", "stats") else None
    except NotThereError:
        return None


@dataclass
class _Landing:
    """One run: the registry of fields, the notes, and the nested rows that wait for their turn."""

    connection: Connection
    client: RestClient
    caller: Caller
    notes: SafeNotes = field(default_factory=SafeNotes)
    done: set[str] = field(default_factory=set)
    fields: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workers = ThreadPoolExecutor(self.connection.requests_at_once, "mautic-rest")
        self.folder = tempfile.TemporaryDirectory(prefix="mautic-rest-")
        for listing in FIELDS:
            for page in pages(self.client, listing, self.connection, self.workers, list):
                self.fields.extend(page)
        if not self.caller.role_is_known:
            self.notes.add("leads", None, ROLE_UNKNOWN)
        tables = {table.name: table for table in TABLES}
        self.nested = {
            name: _Spool(self._rows(tables[name]), Path(self.folder.name) / name, endpoint)
            for name, endpoint in ENDPOINTS.items()
            if endpoint.way == "nested"
        }

    def columns(self, table: Table) -> list[Column]:
        """The columns in which a table lands."""
        return columns_of(table, self.fields)

    def read(self, table: Table) -> Iterator[pa.Table]:
        """Arrow tables of one table; at least one, empty if the table is."""
        endpoint = ENDPOINTS[table.name]
        yield arrow_schema(table, self.columns(table)).empty_table()
        try:
            yield from _merged(self._batches(endpoint, table))
        except NotThereError:
            if table.since > self.caller.version:
                registry.note_missing_table(table, self.caller.version, self.notes)
            else:
                self.notes.add(table.name, None, NO_LIST)
        except BaseException:
            self.close()  # nobody reads on, so no worker need wait for the host
            raise
        self.done.add(table.name)

    def _batches(self, endpoint: Endpoint, table: Table) -> Iterator[pa.Table | None]:
        if endpoint.way == "gap":
            self.notes.add(table.name, None, endpoint.gap)
        elif endpoint.way == "nested":
            while endpoint.path not in self.done:
                yield None  # dlt reads the tables in turn; the records around these rows come first
            yield from self.nested[table.name].batches()
            self.nested[table.name].rows.note_missing(self.caller.version)
        else:
            rows = self._rows(table)
            if endpoint.way == "fields":
                yield rows.to_arrow(self.fields)
            else:
                yield from self._paged(endpoint, table, rows)
            rows.note_missing(self.caller.version, self._unpublished(table))

    def _paged(self, endpoint: Endpoint, table: Table, rows: Rows) -> Iterator[pa.Table]:
        inner = [spool for spool in self.nested.values() if spool.endpoint.path == table.name]

        def make(records: Sequence[Row]) -> pa.Table:
            for spool in inner:
                spool.take(records)
            return rows.to_arrow(records)

        listing = listing_of(endpoint, table)
        yield from pages(self.client, listing, self.connection, self.workers, make)

    def _rows(self, table: Table) -> Rows:
        endpoint = ENDPOINTS[table.name]
        return Rows(table, self.columns(table), self.notes, endpoint.way == "stats")

    def _unpublished(self, table: Table) -> list[str]:
        """Fields of the table that the registry has and the API hides."""
        return [
            str(row.get("alias"))
            for row in self.fields
            if FIELD_OBJECTS.get(str(row.get("object"))) == table.name
            and row.get("isPublished") in (False, 0, "0")
        ]

    def finished(self) -> Iterator[pa.Table | None]:
        """The notes, when all tables have been read."""
        while len(self.done) < len(TABLES):
            yield None
        for name in BESIDE:
            self.notes.add(name, None, ENDPOINTS[name].gap)
        self.close()
        yield self.notes.to_arrow()

    def close(self) -> None:
        """Lets go of workers, connections and files."""
        self.client.close()
        self.workers.shutdown(wait=False, cancel_futures=True)
        self.folder.cleanup()


class _Spool:
    """Rows that come inside the records of another table, kept on disk until it is their turn."""

    def __init__(self, rows: Rows, file: Path, endpoint: Endpoint) -> None:
        self.rows = rows
        self.file = file
        self.endpoint = endpoint
        self._writer: Any = None
        self._lock = threading.Lock()

    def take(self, records: Sequence[Row]) -> None:
        """Keeps the nested rows of these records."""
        inside = [(_members(record.get(self.endpoint.inside)), record) for record in records]
        pairs = [(row, record) for rows, record in inside for row in rows]
        if not pairs:
            return
        batch = self.rows.to_arrow([row for row, _ in pairs], [record for _, record in pairs])
        with self._lock:
            if self._writer is None:
                self._writer = pa.ipc.new_stream(str(self.file), batch.schema)
            self._writer.write_table(batch)

    def batches(self) -> Iterator[pa.Table]:
        """What was kept."""
        if self._writer is None:
            return
        self._writer.close()
        with pa.ipc.open_stream(str(self.file)) as stream:
            for batch in stream:
                yield pa.Table.from_batches([batch])


def _members(value: Any) -> list[Row]:
    """Nested records as a list, whether they come as a list or keyed by id."""
    members = list(value.values()) if isinstance(value, Mapping) else list(value or ())
    return [member if isinstance(member, Mapping) else {"id": member} for member in members]


def _merged(batches: Iterator[pa.Table | None]) -> Iterator[pa.Table | None]:
    """The same rows in larger batches; None passes through."""
    held: list[pa.Table] = []
    for batch in batches:
        if batch is None:
            yield None
            continue
        held.append(batch)
        if sum(part.num_rows for part in held) >= BATCH_ROWS:
            yield pa.concat_tables(held).combine_chunks()
            held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()


@dlt.source(name="mautic", max_table_nesting=0)  # type: ignore[untyped-decorator]
def _mautic(landing: Any) -> Any:
    def rows(table: Table) -> Iterator[Any]:
        yield from landing.read(table)

    def nothing(schema: pa.Schema) -> Iterator[Any]:
        yield schema.empty_table()

    def landing_notes() -> Iterator[Any]:
        yield from landing.finished()

    for table in TABLES:
        schema = arrow_schema(table, landing.columns(table))
        yield _resource(rows, table.name, schema, table.primary_key)(table)
    for name, (schema, primary_key) in BESIDE.items():
        yield _resource(nothing, name, schema, primary_key)(schema)
    yield _resource(landing_notes, NOTES_TABLE, NOTES_SCHEMA)


__all__ = ["is_configured", "row_counts", "source"]
