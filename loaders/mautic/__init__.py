"""Mautic, read from its database.

The database is the only complete way in: the CSV export of version 6 fails silently (MAU-14), the REST API
lacks whole tables and the Custom Objects API its relations. So this source reads MySQL or MariaDB, or a
SQLite copy such as the synthetic twin, with SELECT and nothing else.

    SOURCES__MAUTIC__DATABASE_URL='mysql+pymysql://reader:secret@db.example.com/mautic' refresh-raw --source
    mautic

table -> raw_mautic.<table> with the table prefix removed:

    leads            contacts and anonymous visitors, with every custom field as a column
    companies        companies, with their custom fields
    companies_leads  which contact belongs to which companies, is_primary
    lead_fields      the registry of fields: label, type, options
    stages           lifecycle stages
    users, roles     owners; without password and preferences
    landing_notes    what was changed, missing or odd on the way in, counted per table and column

Every table is replaced as a whole: date_modified is unreliable in Mautic 6 and deletes leave no trace
(SRC-03), so a full read of the key range is the only truthful one. Types are the same from every database;
PHP-serialized columns land as JSON text. `settings.py` lists tables and columns, `README.md` the set-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
import sqlalchemy as sa
from dlt.sources import DltSource

from loaders.mautic import connection as reach
from loaders.mautic import extract, live, registry
from loaders.mautic.canonical import arrow_schema
from loaders.mautic.notes import SCHEMA as NOTES_SCHEMA
from loaders.mautic.notes import Notes
from loaders.mautic.settings import TABLES, Table

NOTES_TABLE = "landing_notes"


def source() -> DltSource:
    """The dlt source with one resource per table of `settings.TABLES` and one for the notes.

    Raises ConfigurationError or RemoteError when the database cannot be read or is not Mautic's.
    """
    connection = reach.configured()
    columns, missing = _inspect(connection)
    return _mautic(connection, columns, missing)


def row_counts() -> dict[str, int]:
    """COUNT(*) per table, the truth that a landing is measured against (MAU-14). Raises as `source` does."""
    connection = reach.configured()
    with reach.open_engine(connection) as engine, engine.connect() as session:
        present = live.table_names(session)
        return {
            table.name: session.execute(
                sa.select(sa.func.count()).select_from(sa.table(connection.prefix + table.name))
            ).scalar_one()
            for table in TABLES
            if connection.prefix + table.name in present
        }


def _inspect(connection: reach.Connection) -> tuple[dict[str, list[live.Column]], frozenset[str]]:
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
        return columns, frozenset(table.name for table in missing)


@dlt.source(name="mautic", max_table_nesting=0)  # type: ignore[untyped-decorator]
def _mautic(connection: Any, columns: Any, missing: Any) -> Any:
    notes, done = Notes(), set[str]()

    def rows(table: Table) -> Iterator[Any]:
        if table.name in missing:
            notes.add(table.name, None, registry.NO_TABLE)
            yield arrow_schema(table, columns[table.name]).empty_table()
        else:
            with reach.open_engine(connection) as engine:
                registry.note_missing(table.name, columns[table.name], notes)
                yield from extract.read_table(engine, connection, table, columns[table.name], notes)
        done.add(table.name)

    def landing_notes() -> Iterator[Any]:
        while len(done) < len(TABLES):
            yield None  # dlt reads the tables in turn; the notes are complete when all of them are
        with reach.open_engine(connection) as engine:
            registry.note_disagreements(engine, connection, columns, notes)
        yield notes.to_arrow()

    for table in TABLES:
        yield dlt.resource(
            rows,
            name=table.name,
            primary_key=table.primary_key,
            write_disposition="replace",
            columns=_hints(arrow_schema(table, columns[table.name])),
        )(table)
    yield dlt.resource(
        landing_notes, name=NOTES_TABLE, write_disposition="replace", columns=_hints(NOTES_SCHEMA)
    )


def _hints(schema: Any) -> dict[str, Any]:
    """dlt's column hints for what it would otherwise guess differently: Mautic's moments carry no zone."""
    return {
        field.name: {"nullable": field.nullable}
        | ({"data_type": "timestamp", "timezone": False} if str(field.type).startswith("timestamp") else {})
        for field in schema
    }


__all__ = ["row_counts", "source"]
