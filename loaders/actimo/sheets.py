"""XLSX as people save it: title rows above the header, a `Total` row below, real dates beside serial numbers.

Read with openpyxl row by row, so that memory does not grow with the sheet (the distinct texts of a workbook are the
exception: the format keeps them in one list). Cells become the text that a CSV export would have.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import duckdb
import openpyxl
import pyarrow as pa
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from loaders.actimo.reading import HEADER_ROWS, Content, UnreadableError, header_score, near_misses
from loaders.actimo.settings import Aliases, Table, fold

BATCH = 20_000
TOTALS = ("total", "totals", "sum", "ialt", "grandtotal")
_OLD_OR_LOCKED = b"\xd0\xcf\x11\xe0"
_DAMAGE = (
    zipfile.BadZipFile,
    KeyError,
    ParseError,
    InvalidFileException,
    EOFError,
    OSError,
    ValueError,
    TypeError,
)


@dataclass
class _Sheet:
    """A sheet while it is read."""

    title: str
    headers: list[str]
    key_places: list[int]
    decimal: str
    row: int = 0
    totals: int = 0
    problems: list[str] = field(default_factory=list)


def read_xlsx(
    path: Path,
    session: duckdb.DuckDBPyConnection,
    target: str,
    table: Table | None,
    aliases: Aliases,
    limit: int,
    decimal: str = "",
    constants: Sequence[str] = (),
) -> Content:
    """Fills the DuckDB table `target` from the first sheet with a fitting header, and says how to read it.

    Raises UnreadableError for a damaged or locked workbook (with the last row that could be read), one that unpacks
    to more than `limit` bytes, one without a fitting header, and for cells that hold an error of Excel.
    """
    _check_package(path, limit)
    sheet: _Sheet | None = None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheet, others = _choose(book, table, aliases, decimal, constants)
            for batch in _batches(book[sheet.title], sheet):
                session.register("batch", batch)
                session.execute(
                    f"insert into {target} from batch" if _exists(session, target)
                    else f"create table {target} as from batch"
                )  # fmt: skip
                session.unregister("batch")
        finally:
            book.close()
    except _DAMAGE as error:
        place = f"after row {sheet.row} of sheet {sheet.title!r}" if sheet else "at its beginning"
        raise UnreadableError(f"the workbook is damaged {place}") from error
    if sheet.problems:
        raise UnreadableError(*sheet.problems)
    notes: list[tuple[str, int | None]] = [(f"sheet {title!r} is not read", None) for title in others]
    if sheet.totals:
        notes.append(("total rows left out", sheet.totals))
    names = [f"c{place}" for place in range(len(sheet.headers))]
    return Content(target, sheet.headers, names, "row_no", decimal=decimal, notes=notes)


def _check_package(path: Path, limit: int) -> None:
    with path.open("rb") as file:
        if file.read(4) == _OLD_OR_LOCKED:
            raise UnreadableError(
                "it is an old .xls workbook or has a password; save it as .xlsx without one"
            )
    try:
        with zipfile.ZipFile(path) as package:
            size = sum(member.file_size for member in package.infolist())
    except zipfile.BadZipFile as error:
        raise UnreadableError("the workbook is damaged at its beginning: it is no zip package") from error
    if size > limit:
        raise UnreadableError(f"it unpacks to more than {limit} bytes (sources.actimo.max_unpacked_bytes)")


def _choose(
    book: Any, table: Table | None, aliases: Aliases, decimal: str, constants: Sequence[str]
) -> tuple[_Sheet, list[str]]:
    """The first sheet with a header of the table, positioned on it, and the titles of the others."""
    seen: list[list[str]] = []
    for worksheet in book.worksheets:
        worksheet.reset_dimensions()  # some writers state a size that is not the sheet's
        for number, row in enumerate(itertools.islice(worksheet.iter_rows(), HEADER_ROWS), start=1):
            cells = [_text(cell, "") or "" for cell in row]
            seen.append(cells)
            if header_score(table, cells, aliases, constants) >= 0:
                while cells and not cells[-1].strip():
                    cells.pop()
                keys = [
                    place
                    for place, cell in enumerate(cells)
                    if table and aliases.column(table, cell) in table.key
                ]
                others = [one.title for one in book.worksheets if one.title != worksheet.title]
                headers = [cell.strip() for cell in cells]
                return _Sheet(worksheet.title, headers, keys, decimal, number), others
    if table is None:
        raise UnreadableError("it holds no rows")
    raise UnreadableError(
        *(f"the needed column {name} is missing" for name in near_misses(table, seen, aliases, constants))
    )


def _batches(worksheet: Any, sheet: _Sheet) -> Iterator[pa.Table]:
    """The rows below the header as Arrow tables of texts, at least one (maybe empty) of them."""
    width = len(sheet.headers)
    schema = pa.schema([("row_no", pa.int64()), *((f"c{i}", pa.string()) for i in range(width))])
    rows = _rows(worksheet, sheet, width)
    for number in itertools.count():
        part = list(itertools.islice(rows, BATCH))
        if not part and number:
            return
        columns = list(zip(*part, strict=True)) if part else [()] * (width + 1)
        yield pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _rows(worksheet: Any, sheet: _Sheet, width: int) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(worksheet.iter_rows(min_row=sheet.row + 1), start=sheet.row + 1):
        sheet.row = number
        texts = [_text(cell, sheet.decimal) for cell in row]
        if not any(texts):
            continue
        if any(texts[width:]):
            place = next(i for i, text in enumerate(texts) if i >= width and text)
            sheet.problems.append(
                f"row {number}, column {place + 1} ({get_column_letter(place + 1)}):"
                " the row has more cells than the header"
            )
        sheet.problems.extend(_errors(row, number, sheet.headers))
        if _is_total(texts, sheet.key_places):
            sheet.totals += 1
            continue
        yield (number, *(texts[:width] + [None] * (width - len(texts))))


def _errors(row: Iterable[Any], number: int, headers: Sequence[str]) -> Iterator[str]:
    """Cells that hold `#N/A` and its kin."""
    for place, cell in enumerate(row, start=1):
        if getattr(cell, "data_type", "") == "e":
            header = headers[place - 1] if place <= len(headers) else ""
            yield f"row {number}, column {place} ({header}): the cell holds an error of Excel"


def _is_total(texts: Sequence[str | None], key_places: Sequence[int]) -> bool:
    """Whether the row sums up: its first text says so, and a column that names a record is not filled as such."""
    place, first = next((i, text) for i, text in enumerate(texts) if text)
    keys = [texts[i] if i < len(texts) else None for i in key_places if i != place]
    return fold(first) in TOTALS and (not all(keys) or not keys)


def _text(cell: Any, decimal: str) -> str | None:
    """The cell as the text that a CSV export with this decimal sign would have."""
    value = cell.value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, "%" in str(cell.number_format or ""), decimal)
    if isinstance(value, datetime | date | time):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


def _number(value: int | float, percent: bool, decimal: str) -> str:
    exact = Decimal(repr(value)) * (100 if percent else 1)
    whole = exact.to_integral_value()
    text = str(int(whole)) if exact == whole else f"{exact.normalize():f}"
    return text.replace(".", ",") if decimal == "," else text


def _exists(session: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = session.execute("select 1 from duckdb_tables() where table_name = ?", [table]).fetchone()
    return found is not None
