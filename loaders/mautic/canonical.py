"""One shape for all databases: the same value lands the same, whichever driver read it.

Target types by family: int -> int64, float -> float64, timestamp -> timestamp[us] without zone (Mautic
writes UTC), date -> date32, all others -> text. What cannot be read as its family becomes null and is
counted in the notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from loaders.errors import RefusedError
from loaders.mautic import php
from loaders.mautic.live import Column
from loaders.mautic.notes import SAMPLE_KEYS, Notes
from loaders.mautic.settings import Family, Table

ZERO_DATE = "zero date read as null"
UNREADABLE = "value of another type read as null"
UNDECODABLE_BYTES = "invalid UTF-8 replaced"
UNDECODABLE_PHP = "undecodable PHP serialization landed as it is"

_TYPES: dict[Family, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
}
_ZERO_DATE_TEXT = r"^\d{4}-(00-\d\d|\d\d-00)"


def arrow_schema(table: Table, columns: Sequence[Column]) -> pa.Schema:
    """The schema in which a table lands; the primary key is not null."""
    return pa.schema(
        [
            pa.field(
                column.name,
                _TYPES.get(column.family, pa.string()),
                nullable=column.name not in table.primary_key,
            )
            for column in columns
        ]
    )


@dataclass
class Canonical:
    """Casts the batches of one table and notes what it had to change."""

    table: Table
    columns: Sequence[Column]
    notes: Notes

    def __post_init__(self) -> None:
        self.schema = arrow_schema(self.table, self.columns)

    def from_rows(self, rows: Sequence[Sequence[Any]]) -> pa.Table:
        """A batch of driver rows (columns in `columns` order, those that exist) as an Arrow table in
        `schema`.
        """
        existing = [column for column in self.columns if column.exists]
        values = list(zip(*rows, strict=True)) if rows else [()] * len(existing)
        return self.from_arrays(
            {column.name: arrow_column(list(cells)) for column, cells in zip(existing, values, strict=True)},
            len(rows),
        )

    def from_arrays(self, arrays: dict[str, pa.Array], rows: int) -> pa.Table:
        """A batch of Arrow columns by name as an Arrow table in `schema`; absent columns are null."""
        keys = Keys([arrays[name] for name in self.table.primary_key]) if rows else None
        done = [
            self._column(column, arrays[column.name], keys)
            if column.exists and keys is not None
            else pa.nulls(rows, field.type)
            for column, field in zip(self.columns, self.schema, strict=True)
        ]
        return pa.Table.from_arrays(done, schema=self.schema)

    def note(self, column: str, text: str, mask: pa.Array, keys: Keys) -> None:
        """Counts the true rows of `mask` under this note."""
        if rows := pc.sum(mask).as_py():
            self.notes.add(self.table.name, column, text, rows, keys.sample(mask))

    def _column(self, column: Column, array: pa.Array, keys: Keys) -> pa.Array:
        if pa.types.is_null(array.type):
            return pa.nulls(len(array), _TYPES.get(column.family, pa.string()))
        if _is_bytes(array.type):
            array = self._text(column, array, keys)
        if column.family in ("timestamp", "date"):
            return self._moment(column, array, keys)
        if column.family in ("int", "float"):
            return self._number(column, array, keys)
        text = array if pa.types.is_string(array.type) else array.cast(pa.string())
        if column.family == "time":
            # drivers differ in whether they write zero fractions
            return pc.replace_substring_regex(text, r"\.0+$", "")
        return self._decoded(column, text, keys) if column.name in self.table.serialized else text

    def _text(self, column: Column, array: pa.Array, keys: Keys) -> pa.Array:
        """Bytes as text; invalid UTF-8 is replaced and counted."""
        try:
            return array.cast(pa.string())
        except pa.ArrowInvalid:
            return self._each(
                column, array, keys, pa.string(), _strict_text, UNDECODABLE_BYTES, _lenient_text
            )

    def _moment(self, column: Column, array: pa.Array, keys: Keys) -> pa.Array:
        """Datetimes and dates; text is parsed, zero dates become null and are counted."""
        target = _TYPES[column.family]
        if pa.types.is_string(array.type):
            zero = pc.fill_null(pc.match_substring_regex(array, _ZERO_DATE_TEXT), False)
            if pc.any(zero).as_py():
                self.note(column.name, ZERO_DATE, zero, keys)
                array = pc.if_else(zero, pa.scalar(None, pa.string()), array)
        try:
            return array.cast(target)
        except pa.ArrowInvalid:
            parse = _parse_date if column.family == "date" else _parse_timestamp
            return self._each(column, array, keys, target, parse)

    def _number(self, column: Column, array: pa.Array, keys: Keys) -> pa.Array:
        """Whole or floating numbers. Raises RefusedError for a whole number beyond 64 bits, which would
        change silently.
        """
        target = _TYPES[column.family]
        try:
            return array.cast(target)
        except pa.ArrowInvalid as error:
            if pa.types.is_uint64(array.type):
                raise RefusedError(
                    f"{self.table.name}.{column.name} holds a number above 9223372036854775807.",
                    f"convert that column to text in Mautic, or exclude it in {__package__}/settings.py",
                ) from error
            return self._each(column, array, keys, target, _whole if column.family == "int" else float)

    def _decoded(self, column: Column, array: pa.Array, keys: Keys) -> pa.Array:
        """PHP serialization as JSON text; each distinct value is decoded once."""
        distinct = array.dictionary_encode()
        decoded, refused = [], []
        for text in distinct.dictionary.to_pylist():
            try:
                decoded.append(php.to_json(text))
                refused.append(False)
            except php.UndecodableError:
                decoded.append(text)
                refused.append(True)
        if any(refused):
            mask = pc.fill_null(pa.array(refused, pa.bool_()).take(distinct.indices), False)
            self.note(column.name, UNDECODABLE_PHP, mask, keys)
        return pa.array(decoded, pa.string()).take(distinct.indices)

    def _each(
        self,
        column: Column,
        array: pa.Array,
        keys: Keys,
        target: pa.DataType,
        read: Callable[[Any], Any],
        note: str = UNREADABLE,
        otherwise: Callable[[Any], Any] = lambda _: None,
    ) -> pa.Array:
        """Value by value, for the rare batch in which the fast cast failed."""
        values, failed = [], []
        for value in array.to_pylist():
            try:
                values.append(None if value is None else read(value))
                failed.append(False)
            except (ValueError, OverflowError):
                values.append(otherwise(value))
                failed.append(True)
        self.note(column.name, note, pa.array(failed, pa.bool_()), keys)
        return pa.array(values, target)


class Keys:
    """The primary keys of a batch as text, made only when a note needs them."""

    def __init__(self, parts: list[pa.Array]) -> None:
        self._parts = parts

    def sample(self, mask: pa.Array) -> list[str]:
        """The keys of the first few rows that `mask` picks; parts of a composite key joined by `/`."""
        rows = zip(
            *(part.filter(mask).slice(0, SAMPLE_KEYS).to_pylist() for part in self._parts), strict=True
        )
        return ["/".join(_lenient_text(part) for part in row) for row in rows]


def arrow_column(cells: list[Any]) -> pa.Array:
    """Driver values as the Arrow array nearest to them; mixed types, which SQLite allows, become text."""
    try:
        return pa.array(cells)
    except OverflowError:
        return pa.array(cells, pa.uint64())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if all(isinstance(cell, int | float | None) for cell in cells):
            return pa.array(cells, pa.float64())
        return pa.array([None if cell is None else _lenient_text(cell) for cell in cells], pa.string())


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_large_string(kind))


def _strict_text(value: bytes) -> str:
    return value.decode("utf-8")


def _lenient_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _whole(value: Any) -> int:
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise OverflowError("more than 64 bits")
    return number


def _parse_timestamp(value: Any) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is not None:
        raise ValueError("a zone where Mautic writes none")
    return moment


def _parse_date(value: Any) -> date:
    return datetime.fromisoformat(str(value)).date()
