"""CSV as exports have it: any of their encodings, delimiters and line ends, read by DuckDB with nothing left to guess.

The encoding is found by rule, not by statistics: byte order mark, else UTF-16 by its zero bytes, else strict UTF-8,
else Windows-1252 (a guess among a hundred code pages turns Danish into Polish). A row with too many or too few
cells, or with a quote that is never closed, is a problem that names its row.
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from loaders.actimo.reading import HEADER_ROWS, Content, UnreadableError, header_score, near_misses, quoted
from loaders.actimo.settings import Aliases, Table

DELIMITERS = (";", ",", "\t", "|")
NAMES = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ",", "pipe": "|"}
LONGEST_LINE = 64 * 1024 * 1024  # a message with inline images is one line
ASSUMED = "windows-1252"
_CHUNK = 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def as_utf8(path: Path, scratch: Path, stated: str | None = None) -> tuple[Path, str]:
    """The file in UTF-8, a copy below `scratch` if it is not, and the encoding that it had.

    Raises UnreadableError for bytes that its encoding does not have.
    """
    encoding = _by_mark(path) or _stated(stated) or _by_content(path)
    if encoding in ("utf-8", "utf-8-sig"):
        _check(path, encoding)
        return path, encoding
    target = scratch / f"{path.name}.utf8"
    with target.open("w", encoding="utf-8", newline="") as copy:
        for text in _decoded(path, encoding):
            copy.write(text)
    return target, encoding


def read_csv(
    path: Path,
    table: Table | None,
    aliases: Aliases,
    scratch: Path,
    stated: Mapping[str, str | None],
    constants: Sequence[str] = (),
) -> Content:
    """The file as a DuckDB relation of texts. Raises UnreadableError without a header or with foreign bytes."""
    copy, encoding = as_utf8(path, scratch, stated.get("encoding"))
    wanted = stated.get("delimiter")
    first = [NAMES.get(wanted, wanted)] if wanted else []
    found = [_header(copy, sign, table, aliases, constants) for sign in dict.fromkeys([*first, *DELIMITERS])]
    score, cells, lines, delimiter = max(found, key=lambda one: one[0])
    if score < 0:
        raise UnreadableError(*_no_header(copy, table, aliases, constants))
    names = [f"c{place}" for place in range(len(cells))]
    notes: list[tuple[str, int | None]] = []
    if encoding == ASSUMED and not stated.get("encoding"):
        notes.append(("no UTF-8: read as windows-1252; check a name with accents", None))
    if first and delimiter != first[0]:
        notes.append(("the delimiter is not the one in the manifest", None))
    return Content(
        _relation(copy, names, delimiter, lines),
        [cell.strip() for cell in cells],
        names,
        first_row=lines + 1,
        encoding=encoding,
        delimiter=delimiter,
        notes=notes,
    )


def with_one_line_end(content: Content, path: Path, scratch: Path, stated: str | None) -> Content:
    """The same content from a copy in which every line ends in a line feed: DuckDB wants one kind a file."""
    copy, encoding = as_utf8(path, scratch, stated)
    target = scratch / f"{path.name}.lines"
    with (
        copy.open(
            encoding="utf-8-sig" if encoding == "utf-8-sig" else "utf-8"
        ) as given,  # universal newlines
        target.open("w", encoding="utf-8", newline="") as file,
    ):
        while text := given.read(_CHUNK):
            file.write(text)
    relation = _relation(target, content.cells, content.delimiter, content.first_row - 1)
    return replace(content, relation=relation, notes=[*content.notes, ("line ends of several kinds", None)])


def rejected(session: duckdb.DuckDBPyConnection, headers: Sequence[str]) -> list[str]:
    """What was wrong with rows of the file read last, a sentence a row; the memory of it is emptied."""
    # the cell's name tells its place; DuckDB counts some kinds of errors from 0 and others from 1
    rows = session.execute(
        "select line, arg_min(coalesce(try_cast(column_name[2:] as integer) + 1, column_idx), column_idx),"
        " arg_min(error_type, column_idx) from reject_errors group by line order by line limit 5"
    ).fetchall()
    session.execute("delete from reject_errors")
    return [_sentence(line, int(cell), str(kind), headers) for line, cell, kind in rows]


def _sentence(line: int, cell: int, kind: str, headers: Sequence[str]) -> str:
    column = f", column {cell} ({headers[cell - 1]})" if 0 < cell <= len(headers) else f", column {cell}"
    if kind == "MISSING COLUMNS":
        return f"row {line}{column}: the row ends before this column"
    if kind == "TOO MANY COLUMNS":
        return f"row {line}{column}: the row has more cells than the header"
    if kind == "UNQUOTED VALUE":
        return f"row {line}{column}: a quote is opened and not closed"
    return f"row {line}{column}: {kind.lower()}"


def _relation(path: Path, names: Sequence[str], delimiter: str, skip: int) -> str:
    size = max(2 * _CHUNK, min(path.stat().st_size + 1, LONGEST_LINE))
    columns = ", ".join(f"{name}: 'varchar'" for name in names)
    return (
        f"read_csv({quoted(str(path))}, columns = {{{columns}}}, delim = {quoted(delimiter)}, quote = '\"',"
        f" escape = '\"', header = false, skip = {skip}, auto_detect = false, null_padding = false,"
        f" strict_mode = true, store_rejects = true, rejects_limit = 100, max_line_size = {size},"
        f" buffer_size = {max(size, 16 * _CHUNK)})"
    )


def _header(
    path: Path, delimiter: str, table: Table | None, aliases: Aliases, constants: Sequence[str]
) -> tuple[int, list[str], int, str]:
    """Score, cells and the line that ends the header, for one delimiter; score -1 where there is none."""
    for line, cells in _first_records(path, delimiter):
        score = header_score(table, cells, aliases, constants)
        if score >= 0:
            return score, cells, line, delimiter
    return -1, [], 0, delimiter


def _first_records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The line that each record ends on and its cells, for the records that may be the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for cells in itertools.islice(reader, HEADER_ROWS):
                if any(cell.strip() for cell in cells) and not _is_hint(cells):
                    yield reader.line_num, cells
        except csv.Error:
            return  # a cell longer than any header has


def _is_hint(cells: Sequence[str]) -> bool:
    """Whether it is Excel's line `sep=;`, which says the delimiter and is no data."""
    return cells[0].strip().lower().startswith("sep=") and all(not cell.strip() for cell in cells[1:])


def _no_header(path: Path, table: Table | None, aliases: Aliases, constants: Sequence[str]) -> list[str]:
    if table is None:
        return ["it holds no rows"]
    rows = [cells for sign in DELIMITERS for _, cells in _first_records(path, sign)]
    return [f"the needed column {name} is missing" for name in near_misses(table, rows, aliases, constants)]


def _by_mark(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _MARKS if start.startswith(mark)), None)


def _stated(name: str | None) -> str | None:
    """The manifest's encoding as Python knows it; UTF-8 is checked like any other."""
    if not name:
        return None
    try:
        found = codecs.lookup(name).name
    except LookupError as error:
        raise UnreadableError(f"the manifest's encoding {name!r} is none that is known") from error
    return {"cp1252": ASSUMED, "utf_8_sig": "utf-8"}.get(found.replace("-", "_"), found)


def _by_content(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
    zeros = start[::2].count(0), start[1::2].count(0)
    if max(zeros) > len(start) / 8:  # half of the bytes of plain words are zeros then
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    try:
        _check(path, "utf-8")
    except UnreadableError:
        return ASSUMED
    return "utf-8"


def _check(path: Path, encoding: str) -> None:
    for _ in _decoded(path, encoding):
        pass


def _decoded(path: Path, encoding: str) -> Iterator[str]:
    """The text in pieces. Raises UnreadableError naming the line with bytes that the encoding does not have."""
    decoder, lines = codecs.getincrementaldecoder(encoding)(), 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                lines += error.object[: error.start].count(b"\n")
                raise UnreadableError(
                    f"line {lines}: byte {error.object[error.start]:#04x} is none of {encoding}"
                ) from error
            lines += text.count("\n")
            yield text
            if not chunk:
                return
