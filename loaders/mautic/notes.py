"""What was changed, missing or odd on the way in, counted per table and column, so that nothing is silent.

Notes name columns and keys, never values: a landing report may be shared, the values are personal data.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

SAMPLE_KEYS = 5

SCHEMA = pa.schema(
    [
        pa.field("table_name", pa.string(), nullable=False),
        pa.field("column_name", pa.string()),
        pa.field("note", pa.string(), nullable=False),
        pa.field("row_count", pa.int64()),
        pa.field("sample_keys", pa.string()),
    ]
)


@dataclass
class _Note:
    rows: int | None = None
    keys: list[str] = field(default_factory=list)


class Notes:
    """Collects notes while tables are read; one row per table, column and text."""

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str | None, str], _Note] = {}

    def add(
        self,
        table: str,
        column: str | None,
        note: str,
        rows: int | None = None,
        keys: list[str] | None = None,
    ) -> None:
        """Adds `rows` to the count of this note and keeps the first few keys."""
        entry = self._notes.setdefault((table, column, note), _Note())
        if rows is not None:
            entry.rows = (entry.rows or 0) + rows
        entry.keys.extend((keys or [])[: SAMPLE_KEYS - len(entry.keys)])

    def to_arrow(self) -> pa.Table:
        """All notes as the rows of raw_mautic.landing_notes; an empty table with the same columns if there
        are none.
        """
        rows = [
            {
                "table_name": table,
                "column_name": column,
                "note": note,
                "row_count": entry.rows,
                "sample_keys": ", ".join(entry.keys) or None,
            }
            for (table, column, note), entry in sorted(
                self._notes.items(), key=lambda item: tuple(part or "" for part in item[0])
            )
        ]
        return pa.Table.from_pylist(rows, schema=SCHEMA)
