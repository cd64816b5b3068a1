"""Mautic, read from its database.

The database is the only complete way in: the CSV export of version 6 fails silently (MAU-14), the REST API
lacks whole tables and the Custom Objects API its relations. So this source reads MySQL or MariaDB, or a
SQLite copy such as the synthetic twin, with SELECT and nothing else.

    SOURCES__MAUTIC__DATABASE_URL='mysql+pymysql://reader:secret@db.example.com/mautic' refresh-raw --source
    mautic

table -> raw_mautic.<table> with the table prefix removed:

    leads, companies, companies_leads   people and companies, with every custom field as a column
    campaigns..., lead_lists..., emails, email_stats, page_hits, assets, forms, custom_item...
                     everything else that `tables.csv` lists, as Mautic names it
    form_results     the answers to all forms; in Mautic a table per form
    files            where the bytes of each asset are, after they were copied to data/files
    landing_notes    what was changed, missing or odd on the way in, counted per table and column

Every table is replaced as a whole: date_modified is unreliable in Mautic 6 and deletes leave no trace
(SRC-03), so a full read of the key range is the only truthful one. Types are the same from every database;
PHP-serialized columns land as JSON text. `tables.csv` and
`columns.csv` list tables and columns, `README.md` the set-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import sqlalchemy as sa
from dlt.sources import DltSource

from loaders.errors import ConfigurationError
from loaders.mautic import assets, discovery, extract, form_results, live, registry, release
from loaders.mautic import connection as reach
from loaders.mautic.canonical import arrow_schema
from loaders.mautic.discovery import Discovery
from loaders.mautic.notes import SCHEMA as NOTES_SCHEMA
from loaders.mautic.notes import Notes
from loaders.mautic.settings import FORM_RESULTS, TABLES, Table

NOTES_TABLE = "landing_notes"
KEEPS_CHANGES = True  # rows are compared with the landing before, as date_modified cannot be trusted (SRC-03)


def discover() -> Discovery:
    """What this Mautic is like, counted in its database; see discovery.py. Raises as `source` does, and
    ConfigurationError when only the REST API is configured.
    """
    if _rest() is not None:
        raise ConfigurationError(
            "Discovery counts in the database, and the settings name the REST API.",
            "set database_url instead of base_url, or ask for a copy of the database",
        )
    return discovery.read(reach.configured())


def snapshot_file() -> Path | None:
    """The dump of the database that was taken before the landing, to be hashed (MAU-20): the file of the setting
    `snapshot_file`, or the database itself if it is a SQLite file. Raises ConfigurationError if it is not there.
    """
    return None if _rest() is not None else reach.snapshot_file()


def source() -> DltSource:
    """The dlt source with one resource per table of `settings.TABLES` and one for the notes.

    Raises ConfigurationError or RemoteError when the database cannot be read or is not Mautic's. With a
    `base_url` among the settings it is the REST API that is read.
    """
    if (rest := _rest()) is not None:
        return rest.source()
    connection = reach.configured()
    return _mautic(connection, _inspect(connection))


def row_counts() -> dict[str, int]:
    """COUNT(*) per table, the truth that a landing is measured against (MAU-14). Raises as `source` does."""
    if (rest := _rest()) is not None:
        given: dict[str, int] = rest.row_counts()
        return given
    connection = reach.configured()
    with reach.open_engine(connection) as engine, engine.connect() as session:
        present = live.table_names(session)
        counts = {
            table.name: session.execute(
                sa.select(sa.func.count()).select_from(sa.table(connection.prefix + table.name))
            ).scalar_one()
            for table in TABLES
            if connection.prefix + table.name in present
        }
        return counts | {FORM_RESULTS: form_results.count(session, connection)}


def _rest() -> Any:
    """The module that reads the REST API if the settings name one, else None; it builds on this one."""
    from loaders.mautic import rest

    return rest if rest.is_configured() else None


@dataclass(frozen=True)
class _Instance:
    """What the tables of an instance look like: columns per table, missing tables, Mautic's release."""

    columns: dict[str, list[live.Column]]
    missing: frozenset[str]
    version: str


def _inspect(connection: reach.Connection) -> _Instance:
    """The columns of every table, and the missing optional ones; checked before anything is read."""
    with reach.open_engine(connection) as engine, engine.connect() as session:
        names = live.table_names(session)
        live.check_prefix(names, connection)
        missing = live.missing_tables(names, connection)
        columns = {
            table.name: live.absent_columns(table)
            if table in missing
            else live.columns(session, connection, table)
            for table in TABLES
        }
        version = release.of(live.column_names(session, connection)).version
        return _Instance(columns, frozenset(table.name for table in missing), version)


@dlt.source(name="mautic", max_table_nesting=0)  # type: ignore[untyped-decorator]
def _mautic(connection: Any, instance: Any) -> Any:
    notes, done = Notes(), set[str]()
    database = reach.SharedEngine(connection)
    columns, settings = instance.columns, assets.configured(connection)

    def rows(table: Table) -> Iterator[Any]:
        if table.name in instance.missing:
            registry.note_missing_table(table, instance.version, notes)
            yield arrow_schema(table, columns[table.name]).empty_table()
        else:
            with database.use() as engine:
                registry.note_missing(table, columns[table.name], instance.version, notes)
                yield from extract.read_table(engine, connection, table, columns[table.name], notes)
        done.add(table.name)

    def answers() -> Iterator[Any]:
        with database.use() as engine:
            yield from form_results.read(engine, connection, notes)
        done.add(FORM_RESULTS)

    def files() -> Iterator[Any]:
        with database.use() as engine:
            for batch in assets.read(engine, connection, settings):
                assets.note(batch, notes)
                yield batch
        done.add(assets.FILES)

    def landing_notes() -> Iterator[Any]:
        while len(done) < len(TABLES) + 2:
            yield None  # dlt reads the tables in turn; the notes are complete when all of them are
        with database.use() as engine:
            registry.note_disagreements(engine, connection, columns, notes)
        database.close()
        yield notes.to_arrow()

    for table in TABLES:
        schema = arrow_schema(table, columns[table.name])
        yield _resource(rows, table.name, schema, table.primary_key)(table)
    yield _resource(answers, FORM_RESULTS, form_results.SCHEMA, form_results.PRIMARY_KEY)
    yield _resource(files, assets.FILES, assets.SCHEMA, assets.PRIMARY_KEY)
    yield _resource(landing_notes, NOTES_TABLE, NOTES_SCHEMA)


def _resource(make: Any, name: str, schema: Any, primary_key: Sequence[str] | None = None) -> Any:
    """A dlt resource that replaces its table."""
    return dlt.resource(
        make, name=name, primary_key=primary_key, write_disposition="replace", columns=_hints(schema)
    )


def _hints(schema: Any) -> dict[str, Any]:
    """dlt's column hints for what it would otherwise guess differently: Mautic's moments carry no zone."""
    return {
        field.name: {"nullable": field.nullable}
        | ({"data_type": "timestamp", "timezone": False} if str(field.type).startswith("timestamp") else {})
        for field in schema
    }


__all__ = ["KEEPS_CHANGES", "discover", "row_counts", "snapshot_file", "source"]
