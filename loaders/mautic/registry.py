"""Where Mautic's field registry and its tables disagree (SRC-04). Disagreements are findings, never
failures.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.mautic import release
from loaders.mautic.connection import Connection
from loaders.mautic.live import Column
from loaders.mautic.notes import Notes
from loaders.mautic.settings import CORE, FIELD_OBJECTS, TABLES, Table

PENDING = "field is registered, its column is not created yet"
NO_COLUMN = "field is registered, the table has no such column"
NO_FIELD = "column has no row in lead_fields"
NO_TABLE = "table is missing in the source; landed empty"
NO_PLUGIN = "table of a plugin that is not installed; landed empty"
ABSENT = "column that models read is missing in the source; landed as null"


def note_missing(table: Table, columns: list[Column], version: str, notes: Notes) -> None:
    """Notes each declared column that the instance lacks though its release must have it."""
    for column in columns:
        if not column.exists and release.expects(table, column.name, version):
            notes.add(table.name, column.name, ABSENT)


def note_missing_table(table: Table, version: str, notes: Notes) -> None:
    """Notes a table that the instance lacks: a plugin's (MAU-15), or one that its release must have."""
    if table.part != CORE:
        notes.add(table.name, None, NO_PLUGIN)
    elif table.since <= version:
        notes.add(table.name, None, NO_TABLE)


def note_disagreements(
    engine: Engine, connection: Connection, live: dict[str, list[Column]], notes: Notes
) -> None:
    """Compares lead_fields with the live columns of leads and companies, both ways."""
    registered = _registered(engine, connection, live["lead_fields"])
    for table, system in _system_columns().items():
        existing = {column.name for column in live[table] if column.exists}
        fields = {alias: pending for kind, alias, pending in registered if FIELD_OBJECTS.get(kind) == table}
        for alias, pending in fields.items():
            if alias not in existing:
                notes.add(table, alias, PENDING if pending else NO_COLUMN)
        for name in sorted(existing - set(fields) - system):
            notes.add(table, name, NO_FIELD)


def _registered(engine: Engine, connection: Connection, columns: list[Column]) -> list[tuple[str, str, bool]]:
    """Object, alias and whether the column is still to be created, of every registry row; empty if it lacks
    the columns.
    """
    existing = {column.name for column in columns if column.exists}
    if not {"object", "alias"} <= existing:
        return []
    registry = sa.table(
        connection.prefix + "lead_fields", *map(sa.column, ("object", "alias", "column_is_not_created"))
    )
    pending = registry.c.column_is_not_created if "column_is_not_created" in existing else sa.literal(0)
    with engine.connect() as session:
        rows = session.execute(
            sa.select(registry.c.object, registry.c.alias, pending).order_by(registry.c.alias)
        )
        return [(str(kind), str(alias), bool(late)) for kind, alias, late in rows]


def _system_columns() -> dict[str, set[str]]:
    """Per field-carrying table its columns that no row of lead_fields describes; other strays are reported."""
    return {
        table.name: set(table.columns) - table.default_fields
        for table in TABLES
        if table.name in FIELD_OBJECTS.values()
    }
