"""Which Mautic release a schema is, and what it lacks of that release (MAU-15, MAU-18, SRC-04).

The listings in tables.csv and columns.csv say since when a table or column exists. The newest release of
which anything is there is the release that the schema claims to be; whatever an older or the same release
must have and this one lacks is missing. `uuid` is told apart: Mautic's own upgrade to 6 leaves it out on
some instances, and nothing needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loaders.mautic.settings import CORE, LISTED, OLDEST, Table

LATER = "7.0"  # what a development state after 6 was seen to add; no reason to call a schema half-migrated
UUID = "uuid"


@dataclass(frozen=True)
class Release:
    """`version` is the oldest release that fits: 4.4, 5.0, 5.1, 5.2 or 6.0. The others name what is missing."""

    version: str
    missing_tables: tuple[str, ...] = ()
    missing_columns: tuple[tuple[str, str], ...] = ()  # table, column
    missing_uuids: tuple[str, ...] = ()  # tables without the uuid column that a fresh 6 has
    absent_parts: tuple[str, ...] = ()  # plugins without a single table
    incomplete_parts: Mapping[str, tuple[str, ...]] | None = None  # plugin to its missing tables

    @property
    def complete(self) -> bool:
        """Whether the schema has all that its release must have; plugins and uuid columns aside."""
        return not self.missing_tables and not self.missing_columns


def of(present: Mapping[str, Iterable[str]]) -> Release:
    """The release of a schema, given its tables (without prefix) and their columns."""
    found = {table: set(columns) for table, columns in present.items()}
    version = _version(found)
    core = [table for table in LISTED if table.part == CORE and table.since <= version]
    missing = [
        (table.name, column)
        for table in core
        if table.required_by_release and table.name in found
        for column in _columns(table, version)
        if column not in found[table.name]
    ]
    parts = {table.part for table in LISTED} - {CORE}
    lacking = {
        part: tuple(t.name for t in LISTED if t.part == part and t.name not in found) for part in parts
    }
    absent = {part for part in parts if not any(t.part == part and t.name in found for t in LISTED)}
    return Release(
        version,
        tuple(table.name for table in core if table.required_by_release and table.name not in found),
        tuple((table, column) for table, column in missing if column != UUID),
        tuple(table for table, column in missing if column == UUID),
        tuple(sorted(absent)),
        {part: tables for part, tables in sorted(lacking.items()) if tables and part not in absent},
    )


def expects(table: Table, column: str, version: str) -> bool:
    """Whether that release has the column."""
    return max(table.since, table.column_since.get(column, OLDEST)) <= version


def _version(found: Mapping[str, set[str]]) -> str:
    """The newest release that left a table or column of its own; a stray of LATER counts for nothing."""
    seen = {OLDEST}
    for table in (table for table in LISTED if table.part == CORE and table.name in found):
        seen.add(table.since)
        seen |= {since for column, since in table.column_since.items() if column in found[table.name]}
    return max(seen - {LATER})


def _columns(table: Table, version: str) -> list[str]:
    listed = [*table.columns, *table.excluded]
    return [column for column in listed if expects(table, column, version)]
