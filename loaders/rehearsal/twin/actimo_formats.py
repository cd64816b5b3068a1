"""Spells rows the way exports do: CSV in any encoding, XLSX with title rows and a total, JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import orjson
from openpyxl.cell import WriteOnlyCell

ZONE = "Europe/Copenhagen"
EXCEL_ROWS = 1_000_000  # a sheet holds a few more; longer tables become CSV
_DAY_ZERO = datetime(1899, 12, 30)
_BATCH = 5_000


@dataclass(frozen=True)
class Spelling:
    """How one file is written."""

    format: str = "csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    dates: str = "iso"  # iso, dmy, dots, serial
    decimal: str = "."
    headers: Mapping[str, str] | None = None  # column to header, for those that are renamed
    shout: bool = False  # other headers in capitals, with blanks for underscores
    left_out: frozenset[str] = frozenset()
    words: bool = False  # Ja/Nej for true and false
    stem: str = ""  # file name, if it is not the table's
    note: str = ""

    def header(self, column: str) -> str:
        """The header of a column."""
        if self.headers and column in self.headers:
            return self.headers[column]
        return f" {column.replace('_', ' ').upper()}" if self.shout else column


def write(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]], spelling: Spelling) -> int:
    """Writes a file and returns the number of its rows, blank and total rows not counted."""
    kept = [column for column in columns if column not in spelling.left_out]
    return {"csv": _write_csv, "xlsx": _write_xlsx, "json": _write_json}[spelling.format](
        path, kept, rows, spelling
    )


def spelt(value: Any, spelling: Spelling) -> Any:
    """A value as the text of a cell; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return ("Ja" if value else "Nej") if spelling.words else ("true" if value else "false")
    if isinstance(value, float):
        return _number(value, spelling.decimal)
    if isinstance(value, datetime):
        return _moment(value, spelling)
    if isinstance(value, date):
        return _day(value, spelling)
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return str(value)


def _number(value: float, decimal: str) -> str:
    text = f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.1f}"
    return text.translate(str.maketrans(",.", ".,")) if decimal == "," else text


def _moment(value: datetime, spelling: Spelling) -> str:
    if spelling.dates == "iso":
        return value.replace(tzinfo=ZoneInfo(ZONE)).isoformat(timespec="seconds")
    if spelling.dates == "serial":
        return f"{(value - _DAY_ZERO).total_seconds() / 86400:.9f}".replace(".", spelling.decimal)
    return value.strftime("%d.%m.%Y %H:%M:%S" if spelling.dates == "dots" else "%d-%m-%Y %H:%M")


def _day(value: date, spelling: Spelling) -> str:
    if spelling.dates == "serial":
        return str((value - _DAY_ZERO.date()).days)
    return value.isoformat() if spelling.dates == "iso" else value.strftime("%d-%m-%Y")


def _write_csv(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]], spelling: Spelling) -> int:
    """CSV; a file with `;` ends in a row of nothing but delimiters, as the product's exports do."""
    count = 0
    with path.open("w", encoding=spelling.encoding, errors="replace", newline="") as file:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=spelling.delimiter, lineterminator=spelling.newline)
        writer.writerow([spelling.header(column) for column in columns])
        for row in rows:
            writer.writerow([spelt(row[column], spelling) for column in columns])
            count += 1
            if count % _BATCH == 0:
                file.write(buffer.getvalue())
                buffer.seek(0)
                buffer.truncate()
        file.write(buffer.getvalue())
        if spelling.delimiter == ";":
            file.write(";" * (len(columns) - 1) + spelling.newline)
    return count


def _write_xlsx(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]], spelling: Spelling) -> int:
    """A workbook with two title rows, real dates beside serial numbers, a total row and a second sheet."""
    book, count = openpyxl.Workbook(write_only=True), 0
    sheet = book.create_sheet("Export")
    sheet.append(["Eksport"])
    sheet.append([])
    sheet.append([spelling.header(column) for column in columns])
    for row in rows:
        count += 1
        sheet.append([_cell(sheet, row[column], spelling, count) for column in columns])
    sheet.append(["Total", *[None] * (len(columns) - 2), count])
    book.create_sheet("Info").append(["Made up by the synthetic twin"])
    book.save(path)
    return count


def _cell(sheet: Any, value: Any, spelling: Spelling, number: int) -> Any:
    if isinstance(value, datetime):
        whole = value.replace(microsecond=0)
        if number % 2:
            return (whole - _DAY_ZERO).total_seconds() / 86400
        cell = WriteOnlyCell(sheet, whole)
        cell.number_format = "dd-mm-yyyy hh:mm"
        return cell
    if isinstance(value, date):
        cell = WriteOnlyCell(sheet, datetime(value.year, value.month, value.day))
        cell.number_format = "dd-mm-yyyy"
        return cell
    return value if isinstance(value, int | float) else spelt(value, spelling)


def _write_json(path: Path, columns: list[str], rows: Iterable[Mapping[str, Any]], spelling: Spelling) -> int:
    count = 0
    with path.open("wb") as file:
        file.write(b"[")
        for row in rows:
            values = {spelling.header(name): _member(row[name], spelling) for name in columns}
            file.write((b",\n" if count else b"\n") + orjson.dumps(values))
            count += 1
        file.write(b"\n]\n")
    return count


def _member(value: Any, spelling: Spelling) -> Any:
    return spelt(value, spelling) if isinstance(value, datetime | date) else value
