"""What has to be rebuilt by hand, as files: JSON with its schema, CSV, and one readable document per kind (C13).

The rows come from `inventory.inv_all`, decided in SQL; nothing is chosen or worded here. Every run over the same data
writes the same bytes, so two folders can be compared by `compare` or by git.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import orjson
from jinja2 import Environment, PackageLoader, select_autoescape

from loaders.errors import ConfigurationError
from loaders.reports.cells import as_cell

DOCUMENTS = ("steps", "waits", "audience", "definition")  # columns that hold JSON text
SCHEMA = "inventory.schema.json"
_SORTED = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_ROWS = """
select
    record_key, source_system, source_id, kind, name, is_active, trigger_text, steps, waits, audience, readable,
    salesforce_equivalent, recommendation, definition,
    strftime(created_at, '%Y-%m-%dT%H:%M:%SZ') as created_at,
    strftime(modified_at, '%Y-%m-%dT%H:%M:%SZ') as modified_at
from inventory.inv_all
where kind = ?
order by source_system, length(source_id), source_id"""


@dataclass(frozen=True)
class KindCount:
    """One kind of one source: definitions that were found, and how many of them are switched on."""

    source_system: str
    kind: str
    definitions: int
    active: int


@dataclass(frozen=True)
class InventoryChange:
    """What differs between two written inventories, by record_key."""

    added: list[str]
    removed: list[str]
    changed: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether both hold the same."""
        return not (self.added or self.removed or self.changed)


def count_kinds(warehouse: Path) -> list[KindCount]:
    """The kinds in the warehouse, by source and kind. Raises ConfigurationError when they were not built yet."""
    with _opened(warehouse) as connection:
        rows = connection.execute(
            "select source_system, kind, count(*), count(*) filter (is_active) from inventory.inv_all "
            "group by all order by all"
        ).fetchall()
    return [KindCount(*row) for row in rows]


def write_inventory(warehouse: Path, folder: Path) -> list[Path]:
    """Writes JSON, CSV, Markdown and HTML for each kind into `folder`, with the JSON schema; returns the files, sorted.

    Files of kinds that are gone are removed, so the folder holds exactly this inventory. Raises ConfigurationError when the
    models were not built, or when `folder` holds something else.
    """
    counts = count_kinds(warehouse)
    _make_room(folder)
    written = [folder / SCHEMA]
    written[0].write_bytes(files("loaders.reports").joinpath(SCHEMA).read_bytes())
    environment = Environment(
        loader=PackageLoader("loaders.reports"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=select_autoescape(("html.jinja",)),
    )
    environment.filters["escape_markdown"] = _escape_markdown
    with _opened(warehouse) as connection:
        for kind in sorted({count.kind for count in counts}):
            items = list(_items(connection, kind))
            stem = re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")
            title = kind[:1].upper() + kind[1:]
            written.append(_write(folder / f"{stem}.json", orjson.dumps(items, option=_SORTED)))
            written.append(_write(folder / f"{stem}.csv", _as_csv(items)))
            for ending in ("md", "html"):
                text = environment.get_template(f"inventory.{ending}.jinja").render(title=title, items=items)
                written.append(_write(folder / f"{stem}.{ending}", text.encode()))
    return sorted(written)


def compare(before: Path, after: Path) -> InventoryChange:
    """What differs between two folders that `write_inventory` wrote. Raises ConfigurationError if one is none."""
    old, new = _read(before), _read(after)
    return InventoryChange(
        added=sorted(new.keys() - old.keys()),
        removed=sorted(old.keys() - new.keys()),
        changed=sorted(key for key in old.keys() & new.keys() if old[key] != new[key]),
    )


def _opened(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """The warehouse for reading, if it has the inventory."""
    if not warehouse.exists():
        raise ConfigurationError(
            f"There is no warehouse at {warehouse}.", "run `refresh-raw`, then `dbt build`"
        )
    connection = duckdb.connect(str(warehouse), read_only=True)
    try:
        connection.execute("select 1 from inventory.inv_all limit 0")
    except duckdb.CatalogException as error:
        connection.close()
        raise ConfigurationError("The inventory was not built yet.", "run `dbt build`") from error
    return connection


def _items(connection: duckdb.DuckDBPyConnection, kind: str) -> Iterator[dict[str, Any]]:
    """Rows of one kind with their JSON columns as values."""
    cursor = connection.execute(_ROWS, [kind])
    names = [column[0] for column in cursor.description or ()]
    while rows := cursor.fetchmany(500):
        for row in rows:
            item = dict(zip(names, row, strict=True))
            yield item | {name: orjson.loads(item[name]) for name in DOCUMENTS}


def _as_csv(items: Sequence[dict[str, Any]]) -> bytes:
    """One line a definition, JSON columns as JSON text, in UTF-8 with a byte order mark so that spreadsheets read it."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, fieldnames=list(items[0]), lineterminator="\n")
    writer.writeheader()
    for item in items:
        texts = {name: json.dumps(item[name], ensure_ascii=False) for name in DOCUMENTS}
        writer.writerow({name: as_cell(value) for name, value in (item | texts).items()})
    return buffer.getvalue().encode("utf-8-sig")


def _escape_markdown(text: object) -> str:
    """The text with the characters that Markdown would read as markup escaped; one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", str(text).replace("\n", " "))


def _make_room(folder: Path) -> None:
    """An empty folder, or one that an earlier inventory filled, emptied."""
    folder.mkdir(parents=True, exist_ok=True)
    present = list(folder.iterdir())
    if present and not (folder / SCHEMA).exists():
        raise ConfigurationError(f"{folder} holds other files.", "name an empty folder with --to")
    for path in present:
        if path.suffix in (".json", ".csv", ".md", ".html"):
            path.unlink()


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """Definitions of a written inventory by record_key."""
    if not (folder / SCHEMA).exists():
        raise ConfigurationError(
            f"{folder} holds no inventory.", "name a folder that `load-sf inventory --to FOLDER` wrote"
        )
    items = [
        item
        for path in sorted(folder.glob("*.json"))
        if path.name != SCHEMA
        for item in orjson.loads(path.read_bytes())
    ]
    return {item["record_key"]: item for item in items}


def as_json(counts: Sequence[KindCount], written: Sequence[Path]) -> dict[str, Any]:
    """The result for machines."""
    return {"kinds": [asdict(count) for count in counts], "files": [str(path) for path in written]}
