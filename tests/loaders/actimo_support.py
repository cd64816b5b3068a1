"""Deliveries made up for one test, and short ways to read them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from loaders.actimo import prepare
from loaders.actimo.settings import Settings
from loaders.actimo.stage import Stage
from loaders.errors import RefusedError

Row = tuple[Any, ...]


def deliver(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes files (text as UTF-8) below a folder; names may have folders in them."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def manifest(folder: Path, **given: Any) -> Path:
    """Writes a manifest that tells the truth about the files of a folder; `given` changes or adds members, `entries`
    members of single files."""
    entries = given.pop("entries", {})
    files = [
        {"file": path.name, "entity": path.stem, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        | entries.get(path.name, {})
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "manifest.json"
    ]
    body = {"workspace": "Nord", "timezone": "Europe/Copenhagen", "files": files} | given
    return deliver(folder, {"manifest.json": json.dumps(body)})


def workbook(path: Path, rows: list[list[Any]], formats: Mapping[str, str] | None = None) -> Path:
    """Saves rows as the only sheet; `formats` are number formats by cell, such as B4."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, text in (formats or {}).items():
        book.active[cell].number_format = text
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def staged(folder: Path, **settings: Any) -> Stage:
    """The delivery, read and checked."""
    return prepare(Settings(folder, **settings))


def rows(stage: Stage, query: str) -> list[Row]:
    """What the stage holds; raw tables are `t_<name>`. Ends the stage."""
    try:
        return stage.session.execute(query).fetchall()
    finally:
        stage.close()


def read(folder: Path, query: str, **settings: Any) -> list[Row]:
    """The delivery, read and asked."""
    return rows(staged(folder, **settings), query)


def refused(folder: Path, **settings: Any) -> str:
    """Why the delivery is refused."""
    with pytest.raises(RefusedError) as caught:
        staged(folder, **settings).close()
    return str(caught.value)


def notes(folder: Path, **settings: Any) -> list[str]:
    """The landing notes as `table.column: note (rows; keys)`."""
    found = read(
        folder,
        "select table_name, column_name, note, row_count, sample_keys from notes order by all",
        **settings,
    )
    return [f"{table}.{column or ''}: {note} ({count}; {keys})" for table, column, note, count, keys in found]
