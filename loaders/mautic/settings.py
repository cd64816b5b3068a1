"""Which Mautic tables are landed, with the columns that models read. `tables.csv` and `columns.csv` hold them;
a further table is a few more lines there.

tables.csv: `since` is the first release with the table, `part` what it belongs to (core or a plugin's name),
`required` is `to land` (nothing lands without it) or `by release` (a release without it is half-migrated),
`not_landed_because` says why the table stays in Mautic.
columns.csv: `family` is the type that models may rely on, `key` the position in the primary key, `encoding`
php (serialize() text, landed as JSON text, SRC-02) or json, `since` the first release with the column,
`default_field` says that the registry lead_fields describes it on a fresh install, `excluded_because` why the
column stays in Mautic.

Columns are always read live (SRC-04): everything else that a table has, custom fields above all, lands as
well, in the type that the database declares. A listed column that this instance lacks lands as null and is
noted. Versions are the releases 4.4, 5.0, 5.1, 5.2, 6.0; 7.0 stands for what later ones are known to add.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

Family = Literal["int", "float", "decimal", "timestamp", "date", "time", "binary", "text"]

CORE = "core"
OLDEST = "4.4"  # the first release that the listings know; nothing older is supported
UPGRADE_NEXT_STEP = "finish Mautic's upgrade (mautic:update:apply --finish), or restore a complete dump"
FORM_RESULTS = "form_results"  # one raw table for the per-form tables form_results_<id>_<alias>


@dataclass(frozen=True)
class Table:
    """One source table: `columns` name the type family that models rely on, `excluded` gives a reason per
    column.
    """

    name: str
    primary_key: tuple[str, ...]
    columns: Mapping[str, Family]
    serialized: tuple[str, ...] = ()  # PHP serialize() text, landed as JSON text (SRC-02)
    excluded: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False  # a missing table is a note, not an error (MAU-15)
    required_by_release: bool = False  # a release that should have it and has not is half-migrated (MAU-18)
    since: str = OLDEST
    part: str = CORE
    column_since: Mapping[str, str] = field(default_factory=dict)  # columns of later releases than the table
    default_fields: frozenset[str] = frozenset()  # columns that lead_fields describes on a fresh install
    not_landed_because: str = ""
    families: Mapping[str, Family] = field(default_factory=dict)  # of all columns, excluded ones too
    encoded: frozenset[str] = frozenset()  # columns that hold a PHP or JSON value, excluded ones too


def _lines(name: str) -> Iterator[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _listed() -> tuple[Table, ...]:
    """Every table of the listings, landed or not."""
    columns: dict[str, list[dict[str, str]]] = {}
    for line in _lines("columns.csv"):
        columns.setdefault(line["table_name"], []).append(line)
    return tuple(_table(line, columns[line["table_name"]]) for line in _lines("tables.csv"))


def _table(line: dict[str, str], columns: list[dict[str, str]]) -> Table:
    keys = sorted((int(column["key"]), column["column_name"]) for column in columns if column["key"])
    landed = [column for column in columns if not column["excluded_because"]]
    return Table(
        name=line["table_name"],
        primary_key=tuple(name for _, name in keys),
        columns={column["column_name"]: cast(Family, column["family"]) for column in landed},
        serialized=tuple(column["column_name"] for column in landed if column["encoding"] == "php"),
        excluded={
            column["column_name"]: column["excluded_because"]
            for column in columns
            if column["excluded_because"]
        },
        optional=line["required"] != "to land",
        required_by_release=bool(line["required"]),
        since=line["since"],
        part=line["part"],
        column_since={
            column["column_name"]: column["since"] for column in columns if column["since"] != line["since"]
        },
        default_fields=frozenset(column["column_name"] for column in columns if column["default_field"]),
        not_landed_because=line["not_landed_because"],
        families={column["column_name"]: cast(Family, column["family"]) for column in columns},
        encoded=frozenset(column["column_name"] for column in columns if column["encoding"]),
    )


LISTED: tuple[Table, ...] = _listed()
TABLES: tuple[Table, ...] = tuple(table for table in LISTED if not table.not_landed_because)

# How lead_fields.object calls the tables that carry fields.
FIELD_OBJECTS: Mapping[str, str] = {"lead": "leads", "company": "companies"}

# rows read at once; two windows are in flight, so memory is about three windows of one table
WINDOW_ROWS = 50_000
