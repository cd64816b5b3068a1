"""Records of the API as the same Arrow tables that the database gives.

Where a value is in a record, and what JSON makes of it (numbers as text, booleans in four spellings, moments
with an offset, lists for serialized text), is settled here column by column; `canonical` does the rest, with
its notes.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from loaders.mautic import php, release
from loaders.mautic.canonical import UNDECODABLE_PHP, UNREADABLE, Canonical, Keys, arrow_column
from loaders.mautic.live import Column
from loaders.mautic.notes import Notes
from loaders.mautic.rest_pages import Row
from loaders.mautic.rest_settings import paths_of
from loaders.mautic.settings import FIELD_OBJECTS, Family, Table

NOT_GIVEN = "the REST API does not give this column; landed as null"
UNPUBLISHED = "field is unpublished, the REST API hides its values; landed as null"
FROM_API = "REST"  # stands for the declared type of a column that the API may give

_FAMILIES: Mapping[str, Family] = {
    "number": "float", "boolean": "int", "date": "date", "datetime": "timestamp", "time": "time",
}  # fmt: skip
# seen in Mautic's own documentation: 2015-06-010T09:30:47+00:00
_MOMENT = re.compile(
    r"(\d{4})-0*(\d{1,2})-0*(\d{1,2})(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s*(Z|[+-]\d\d:?\d\d)?)?"
)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
_MISSING = object()
_Read = Callable[[Sequence[Row], Sequence[Row]], list[Any]]


class SafeNotes(Notes):
    """Notes that several workers may write at once."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def add(self, *given: Any, **named: Any) -> None:
        """As `Notes.add`."""
        with self.lock:
            super().add(*given, **named)


def columns_of(table: Table, fields: Sequence[Row]) -> list[Column]:
    """The columns in which a table lands: the listed ones, then the customer's own fields of the registry."""
    columns = [Column(name, FROM_API, family) for name, family in table.columns.items()]
    for field in fields:
        alias, kind = str(field.get("alias")), str(field.get("object"))
        known = alias in table.columns or alias in table.excluded
        if FIELD_OBJECTS.get(kind) == table.name and not known:
            columns.append(Column(alias, FROM_API, _FAMILIES.get(str(field.get("type")), "text")))
    return columns


class Rows:
    """Makes Arrow tables of one table's records, and remembers which columns the API gave at all."""

    def __init__(self, table: Table, columns: Sequence[Column], notes: Notes, is_stats: bool = False) -> None:
        # serialized columns are decoded here, because the API gives some as text and some as JSON
        self.canonical = Canonical(replace(table, serialized=()), columns, notes)
        self.serialized = frozenset(table.serialized)
        self.table = table
        self.columns = columns
        self.given: set[str] = set()
        self.rows = 0
        self._lock = threading.Lock()
        in_fields = table.name in FIELD_OBJECTS.values()
        self._readers: dict[str, _Read] = {}
        for column in columns:
            if is_stats:
                self._readers[column.name] = _member(column.name)
            elif in_fields and (column.name in table.default_fields or column.name not in table.columns):
                self._readers[column.name] = _field(column.name)
            else:
                self._readers[column.name] = _property(paths_of(table, column.name))

    def to_arrow(self, records: Sequence[Row], parents: Sequence[Row] = ()) -> pa.Table:
        """The records in the table's schema; `parents` are the records around nested ones, one for each."""
        with self._lock:
            self.rows += len(records)
        if not records:
            return self.canonical.schema.empty_table()
        found = {column.name: self._readers[column.name](records, parents) for column in self.columns}
        given = {name for name, values in found.items() if any(value is not _MISSING for value in values)}
        with self._lock:
            self.given |= given
        keys = Keys([arrow_column([str(value) for value in found[key]]) for key in self.table.primary_key])
        arrays = {column.name: self._cells(column, found[column.name], keys) for column in self.columns}
        return self.canonical.from_arrays(arrays, len(records))

    def note_missing(self, version: str, unpublished: Sequence[str] = ()) -> None:
        """Notes the columns of this release that no record had; nothing if there was no record to tell."""
        if not self.rows:
            return
        for column in self.columns:
            if column.name in unpublished:
                self.canonical.notes.add(self.table.name, column.name, UNPUBLISHED)
            elif column.name not in self.given and release.expects(self.table, column.name, version):
                self.canonical.notes.add(self.table.name, column.name, NOT_GIVEN)

    def _cells(self, column: Column, values: list[Any], keys: Keys) -> pa.Array:
        """The values of one column in a form that `canonical` reads."""
        plain = [None if value is _MISSING else value for value in values]
        is_serialized = column.name in self.serialized
        read = _json_of if is_serialized else _READERS.get(column.family, _text)
        cells, failed = [], []
        for value in plain:
            try:
                cells.append(read(value))
                failed.append(False)
            except (ValueError, OverflowError):
                cells.append(str(value) if is_serialized else None)
                failed.append(True)
        if any(failed):
            note = UNDECODABLE_PHP if is_serialized else UNREADABLE
            self.canonical.note(column.name, note, pa.array(failed), keys)
        if column.family == "timestamp":
            return pa.array(cells, pa.timestamp("us"))
        return arrow_column(cells) if column.family in ("int", "float") else pa.array(cells, pa.string())


def _member(name: str) -> _Read:
    return lambda records, _: [record.get(name, _MISSING) for record in records]


def _field(alias: str) -> _Read:
    """A contact's or company's field: `fields.all`, or else the value in its group."""
    return lambda records, _: [_field_value(record.get("fields"), alias) for record in records]


def _field_value(fields: Any, alias: str) -> Any:
    if not isinstance(fields, dict):  # PHP writes an empty map as []
        return _MISSING
    whole = fields.get("all")
    if isinstance(whole, dict):
        return _chosen(whole.get(alias, _MISSING))
    for group in fields.values():
        if isinstance(group, dict) and isinstance(group.get(alias), dict):
            return _chosen(group[alias].get("value"))
    return _MISSING


def _chosen(value: Any) -> Any:
    """A multiselect's list as the text a|b that the database holds."""
    return "|".join(map(str, value)) if isinstance(value, list) else value


def _property(paths: Sequence[str]) -> _Read:
    """The first of several places that the record has; `^` looks into the record around it."""
    steps = [(path.startswith("^"), path.removeprefix("^").split(".")) for path in paths]

    def read(records: Sequence[Row], parents: Sequence[Row]) -> list[Any]:
        return [
            next(
                (
                    value
                    for outer, names in steps
                    if (value := _walk(parents[at] if outer else record, names)) is not _MISSING
                ),
                _MISSING,
            )
            for at, record in enumerate(records)
        ]

    return read


def _walk(record: Any, names: Sequence[str]) -> Any:
    for name in names:
        if record is None or record == []:
            return None  # an empty reference
        if not isinstance(record, Mapping):
            return record if name == "id" else _MISSING  # a bare id instead of an object
        if name not in record:
            return _MISSING
        record = record[name]
    return record


def _json_of(value: Any) -> str | None:
    """JSON text of a list, an object, or PHP's serialized text. Raises UndecodableError, a ValueError."""
    if value is None:
        return None
    if not isinstance(value, str):
        return json.dumps(_lists(value), ensure_ascii=False)
    try:
        return php.to_json(value)
    except php.UndecodableError:
        json.loads(value)  # already JSON; else a ValueError
        return value


def _lists(value: Any) -> Any:
    """The same as it is decoded from the database: an empty object as a list, an instant in UTC."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return f"{_moment(value):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, dict):
        return {key: _lists(member) for key, member in value.items()} or []
    return [_lists(member) for member in value] if isinstance(value, list) else value


def _number(value: Any) -> int | float | None:
    """A number in any spelling: 7, "7", "7.50", true, "". Raises ValueError for what is none."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        return int(value) if isinstance(value, bool) else value
    text = str(value)
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)


def _moment(value: Any) -> datetime | None:
    """The instant in UTC without zone, as Mautic stores it; text without an offset is UTC. Raises ValueError."""
    if value is None or value == "":
        return None
    found = _MOMENT.fullmatch(str(value).strip())
    if not found:
        raise ValueError("no instant")
    year, month, day, clock, offset = found.groups()
    if "00" in (month.rjust(2, "0"), day.rjust(2, "0")):
        raise ValueError("a zero date")
    moment = datetime.fromisoformat(
        f"{year}-{month:0>2}-{day:0>2}T{clock or '00:00:00'}{'+00:00' if offset in (None, 'Z') else offset}"
    )
    return moment.astimezone(UTC).replace(tzinfo=None)


def _day(value: Any) -> str | None:
    """The day as it is written, never shifted. Raises ValueError."""
    if value is None or value == "":
        return None
    found = _MOMENT.fullmatch(str(value).strip())
    if not found:
        raise ValueError("no day")
    return datetime.fromisoformat(f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}").date().isoformat()


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


_READERS: Mapping[Family, Callable[[Any], Any]] = {
    "timestamp": _moment,
    "date": _day,
    "int": _number,
    "float": _number,
}
