"""Where Mautic's field registry and its tables disagree (SRC-04). Disagreements are findings, never
failures.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.mautic.connection import Connection
from loaders.mautic.live import Column
from loaders.mautic.notes import Notes
from loaders.mautic.settings import FIELD_OBJECTS, SYSTEM_COLUMNS

PENDING = "field is registered, its column is not created yet"
NO_COLUMN = "field is registered, the table has no such column"
NO_FIELD = "column has no row in lead_fields"
NO_TABLE = "table is missing in the source; landed empty"
ABSENT = "column that models read is missing in the source; landed as null"


def note_missing(table: str, columns: list[Column], notes: Notes) -> None:
    """Notes each declared column that the instance lacks: an older release or a half-migrated schema."""
    for column in columns:
        if not column.exists:
            notes.add(table, column.name, ABSENT)


def note_disagreements(
    engine: Engine, connection: Connection, live: dict[str, list[Column]], notes: Notes
) -> None:
    """Compares lead_fields with the live columns of leads and companies, both ways."""
    registered = _registered(engine, connection, live["lead_fields"])
    for table, system in SYSTEM_COLUMNS.items():
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
