"""JSON deliveries: a list of objects, objects one after the other, or the API's `{status, data: [...]}`.

DuckDB reads them element by element; what is nested stays JSON text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from loaders.actimo.reading import Content, UnreadableError, quoted
from loaders.actimo.text_files import as_utf8

ENVELOPE = "data"  # the key under which the API and some exports put the list
_LARGEST_OBJECT = 256 * 1024 * 1024


def read_json(
    path: Path, session: duckdb.DuckDBPyConnection, target: str, scratch: Path, stated: str | None = None
) -> Content:
    """Fills the DuckDB table `target` with one JSON object a row and says how to read its members as texts.

    Raises UnreadableError for text that is no JSON and for elements that are no objects, naming the place.
    """
    copy, encoding = as_utf8(path, scratch, stated)
    if encoding == "utf-8-sig":
        copy = _without_mark(copy, scratch)
    try:
        _fill(copy, session, target)
        keys = session.execute(
            f"select key from (select unnest(json_keys(j)) as key, row_no from {target})"
            " group by key order by min(row_no), key"
        ).fetchall()
    except duckdb.Error as error:
        raise UnreadableError(f"it is no JSON{_place(str(error))}") from error
    odd = session.execute(
        f"select row_no from {target} where json_type(j) <> 'OBJECT' order by row_no limit 5"
    ).fetchall()
    if odd:
        raise UnreadableError(*(f"element {row} is no object" for (row,) in odd))
    headers = [str(key) for (key,) in keys]
    return Content(target, headers, [_member(key) for key in headers], "row_no", encoding=encoding)


def as_json(name: str, headers: Sequence[str], cells: Sequence[str]) -> str:
    """The SQL of a row as one JSON object of header to text, under this column name."""
    parts = ", ".join(f"{quoted(header)}: {cell}" for header, cell in zip(headers, cells, strict=True))
    return f"cast(to_json({{{parts}}}) as varchar) as {name}" if parts else f"'{{}}' as {name}"


def _fill(path: Path, session: duckdb.DuckDBPyConnection, target: str) -> None:
    with path.open(encoding="utf-8") as file:
        listed = file.read(4096).lstrip().startswith("[")
    kind = "array" if listed else "unstructured"
    size = min(max(path.stat().st_size + 1, 16 * 1024 * 1024), _LARGEST_OBJECT)
    session.execute(
        f"create table {target} as select row_number() over () as row_no, json as j from read_json_objects("
        f"{quoted(str(path))}, format = '{kind}', maximum_object_size = {size})"
    )
    enveloped = session.execute(
        f"select count(*) = 1 and bool_and(json_type(j, '/{ENVELOPE}') = 'ARRAY') from {target}"
        " where json_type(j) = 'OBJECT'"
    ).fetchone()
    if enveloped and enveloped[0] and not listed:
        session.execute(
            f"create or replace table {target} as select row_number() over () as row_no, j from ("
            f"select unnest(from_json(json_extract(j, '/{ENVELOPE}'), '[\"JSON\"]')) as j from {target})"
        )


def _member(key: str) -> str:
    """A member as text; null where it is absent or JSON's null."""
    return f"json_extract_string(j, {quoted('/' + key.replace('~', '~0').replace('/', '~1'))})"


def _place(text: str) -> str:
    """Where the parser stopped, without what it saw there."""
    found = re.search(r"at byte \d+ in [a-z/ ]+ \d+", text)
    return f": {found[0]}" if found else ""


def _without_mark(path: Path, scratch: Path) -> Path:
    target = scratch / f"{path.name}.plain"
    with (
        path.open(encoding="utf-8-sig", newline="") as given,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        while text := given.read(1024 * 1024):
            copy.write(text)
    return target
