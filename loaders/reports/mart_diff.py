"""What a mapping change does to the data: the marts of two mappings on the same raw data, compared in SQL (C9).

The other mapping comes from a git revision, checked out beside the project and built into a copy of the warehouse; the
working tree's is built into another copy, so neither touches the warehouse itself. Comparison is by record_key.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson

from loaders.errors import ConfigurationError
from loaders.project import custom_objects_path, field_map_paths, project_dir, warehouse_path
from loaders.salesforce.manifest import read_contracts

SAMPLES = 5
BUILD = (
    "build",
    "--quiet",
    "--resource-type",
    "seed",
    "--resource-type",
    "model",
    "--select",
    "+path:models/marts",
)
PICKLISTS = ("Picklist", "MultiselectPicklist")


@dataclass(frozen=True)
class Reroute:
    """Records that leave one mart for another; a mart of None means: in no mart."""

    before: str | None
    after: str | None
    records: int
    samples: list[str]


@dataclass(frozen=True)
class CellChange:
    """One column of one mart; `samples` are (record_key, before, after)."""

    mart: str
    column: str
    cells: int
    nulls_gained: int
    samples: list[tuple[str, str | None, str | None]]


@dataclass(frozen=True)
class PicklistChange:
    """Values that a picklist column takes on one side only."""

    mart: str
    column: str
    appeared: list[str]
    vanished: list[str]


@dataclass(frozen=True)
class MartDifference:
    """Everything that differs between two mappings; `digest` names exactly this change."""

    base: str
    digest: str
    reroutes: list[Reroute]
    cells: list[CellChange]
    picklists: list[PicklistChange]
    columns: list[str]

    @property
    def is_empty(self) -> bool:
        """True when both mappings give the same marts."""
        return not (self.reroutes or self.cells or self.picklists or self.columns)

    def as_dict(self) -> dict[str, Any]:
        """The difference as plain values."""
        return asdict(self)

    def as_markdown(self, show_values: bool = False) -> str:
        """The difference as a comment for a pull request; cells are people's data, so only shown when asked for."""
        if self.is_empty:
            return f"### Effect on the data, against `{self.base}`\n\nNo record, cell or picklist value changes.\n"
        return "\n".join(_markdown(self, show_values)) + "\n"


def compare_mappings(base: str, report: Callable[[str], None]) -> MartDifference:
    """Build the marts of git revision `base` and of the working tree on the landed raw data, and compare them.

    Raises ConfigurationError when nothing is landed, when `base` is not a revision or when a mapping does not build.
    """
    if not warehouse_path().is_file():
        raise ConfigurationError("Nothing is landed yet.", "refresh-raw --source mautic")
    with tempfile.TemporaryDirectory(prefix="diff-marts-") as name:
        folder = Path(name)
        with _checkout(base, folder / "project") as base_project:
            report(f"building the marts of {base}")
            before = _build(base_project, folder / "base")
        report("building the marts of the working tree")
        after = _build(project_dir(), folder / "head")
        picklists = _picklist_columns(folder / "head" / "target" / "manifest.json")
        return compare_warehouses(before, after, base, picklists)


def compare_warehouses(
    before: Path, after: Path, base: str, picklists: dict[str, list[str]]
) -> MartDifference:
    """Compare schema `marts` of two warehouse files; `picklists` names the picklist columns of each mart."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{before}' as base_side (read_only)")
        connection.execute(f"attach '{after}' as head_side (read_only)")
        base_marts, head_marts = _marts(connection, "base_side"), _marts(connection, "head_side")
        shared = {
            mart: [c for c in head_marts[mart] if c in base_marts[mart]]
            for mart in sorted(base_marts.keys() & head_marts.keys())
        }
        return MartDifference(
            base=base,
            digest=_digest(connection, base_marts, head_marts),
            reroutes=_reroutes(connection, base_marts, head_marts),
            cells=[
                change
                for mart, columns in shared.items()
                for column in columns
                if column != "record_key"
                for change in _cell_changes(connection, mart, column)
            ],
            picklists=[
                change
                for mart, columns in shared.items()
                for column in columns
                if column in picklists.get(mart, ())
                for change in _picklist_changes(connection, mart, column)
            ],
            columns=_column_changes(base_marts, head_marts),
        )


@contextmanager
def _checkout(revision: str, folder: Path) -> Iterator[Path]:
    git = ["git", "-C", str(project_dir())]
    added = subprocess.run(
        [*git, "worktree", "add", "--detach", "--force", str(folder), revision],
        capture_output=True,
        text=True,
    )
    if added.returncode:
        raise ConfigurationError(
            f"git cannot check out {revision!r}: {added.stderr.strip().splitlines()[-1]}",
            "name a commit, branch or tag that this clone has",
        )
    try:
        yield folder
    finally:
        subprocess.run([*git, "worktree", "remove", "--force", str(folder)], capture_output=True)


def _build(project: Path, folder: Path) -> Path:
    folder.mkdir()
    warehouse = folder / "warehouse.duckdb"
    shutil.copyfile(warehouse_path(), warehouse)
    with duckdb.connect(str(warehouse)) as connection:
        schemas = connection.execute(
            "select distinct schema_name from duckdb_schemas() where database_name = current_database() "
            "and not internal and schema_name not like 'raw%' and schema_name != 'main'"
        ).fetchall()
        for (schema,) in schemas:
            connection.execute(f'drop schema "{schema}" cascade')
    environment = {
        **os.environ,
        "SFM_DATA_DIR": str(folder),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    dbt = str(Path(sys.executable).with_name("dbt"))
    built = subprocess.run([dbt, *BUILD], cwd=project, env=environment, capture_output=True, text=True)
    if built.returncode:
        raise ConfigurationError(
            f"The mapping in {project} does not build:\n{built.stdout[-3000:]}", "dbt build"
        )
    return warehouse


def _picklist_columns(manifest: Path) -> dict[str, list[str]]:
    contracts = read_contracts(manifest, field_map_paths(), custom_objects_path())
    return {
        contract.relation.split(".")[-1].strip('"'): [
            field.column for field in contract.fields if field.column and field.type in PICKLISTS
        ]
        for contract in contracts.values()
    }


def _marts(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, list[str]]:
    marts: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from duckdb_columns() where database_name = ? and schema_name = 'marts' "
        "order by table_name, column_index",
        [side],
    ).fetchall():
        marts.setdefault(table, []).append(column)
    return marts


def _digest(connection: duckdb.DuckDBPyConnection, *sides: dict[str, list[str]]) -> str:
    prints: list[Any] = []
    for side, marts in zip(("base_side", "head_side"), sides, strict=True):
        for mart in marts:
            query = f'select count(*), bit_xor(hash(t)) from {side}.marts."{mart}" as t'
            prints.append([side, mart, *(str(value) for value in connection.execute(query).fetchone() or ())])
    return hashlib.sha256(orjson.dumps(prints)).hexdigest()[:16]


def _reroutes(connection: duckdb.DuckDBPyConnection, *sides: dict[str, list[str]]) -> list[Reroute]:
    for side, marts in zip(("base_side", "head_side"), sides, strict=True):
        rows = " union all ".join(
            f"select '{mart}' as mart, record_key from {side}.marts.\"{mart}\"" for mart in marts
        )
        rows = rows or "select null::varchar as mart, null::varchar as record_key where false"
        connection.execute(f"create or replace temp table {side}_routes as {rows}")
    found = connection.execute(
        f"""
        select base_side_routes.mart, head_side_routes.mart, count(*),
               list(coalesce(head_side_routes.record_key, base_side_routes.record_key)
                    order by coalesce(head_side_routes.record_key, base_side_routes.record_key))[:{SAMPLES}]
        from base_side_routes
        full outer join head_side_routes on base_side_routes.record_key = head_side_routes.record_key
        where base_side_routes.mart is distinct from head_side_routes.mart
        group by 1, 2
        order by 1, 2
        """
    ).fetchall()
    return [Reroute(*row) for row in found]


def _cell_changes(connection: duckdb.DuckDBPyConnection, mart: str, column: str) -> list[CellChange]:
    differing = (
        f'from base_side.marts."{mart}" as b join head_side.marts."{mart}" as h '
        f'on b.record_key = h.record_key and b."{column}" is distinct from h."{column}"'
    )
    cells, nulls = connection.execute(
        f'select count(*), count(*) filter (where h."{column}" is null) {differing}'
    ).fetchone() or (0, 0)
    if not cells:
        return []
    samples = connection.execute(
        f'select b.record_key, b."{column}"::varchar, h."{column}"::varchar {differing} order by 1 limit {SAMPLES}'
    ).fetchall()
    return [CellChange(mart, column, cells, nulls, samples)]


def _picklist_changes(connection: duckdb.DuckDBPyConnection, mart: str, column: str) -> list[PicklistChange]:
    def only_in(one: str, other: str) -> list[str]:
        query = (
            f'select distinct "{column}"::varchar from {one}.marts."{mart}" where "{column}" is not null '
            f'except select "{column}"::varchar from {other}.marts."{mart}" order by 1'
        )
        return [value for (value,) in connection.execute(query).fetchall()]

    appeared, vanished = only_in("head_side", "base_side"), only_in("base_side", "head_side")
    return [PicklistChange(mart, column, appeared, vanished)] if appeared or vanished else []


def _column_changes(base: dict[str, list[str]], head: dict[str, list[str]]) -> list[str]:
    changes = [f"mart {mart} appears" for mart in sorted(head.keys() - base.keys())]
    changes += [f"mart {mart} vanishes" for mart in sorted(base.keys() - head.keys())]
    for mart in sorted(base.keys() & head.keys()):
        changes += [f"{mart}.{column} appears" for column in head[mart] if column not in base[mart]]
        changes += [f"{mart}.{column} vanishes" for column in base[mart] if column not in head[mart]]
    return changes


def _markdown(difference: MartDifference, show_values: bool) -> Iterator[str]:
    yield f"### Effect on the data, against `{difference.base}`"
    yield f"\nDigest of this change: `{difference.digest}`\n"
    if difference.columns:
        yield from ("**Schema**\n", *(f"- {change}" for change in difference.columns), "")
    if difference.reroutes:
        yield from (
            "**Records that change route**\n",
            "| from | to | records | for example |",
            "|---|---|---:|---|",
        )
        for route in difference.reroutes:
            samples = ", ".join(route.samples)
            yield f"| {route.before or 'none'} | {route.after or 'none'} | {route.records:,} | {samples} |"
        yield ""
    if difference.cells:
        yield from (
            "**Cells that change**\n",
            "| mart | column | cells | became empty | for example |",
            "|---|---|---:|---:|---|",
        )
        for cell in difference.cells:
            key, before, after = cell.samples[0]
            example = f"{key}: {_shown(before)} → {_shown(after)}" if show_values else key
            yield f"| {cell.mart} | {cell.column} | {cell.cells:,} | {cell.nulls_gained:,} | {example} |"
        yield ""
    if difference.picklists:
        yield from ("**Picklist values**\n", "| mart | column | appear | vanish |", "|---|---|---|---|")
        for values in difference.picklists:
            appeared, vanished = ", ".join(values.appeared), ", ".join(values.vanished)
            yield f"| {values.mart} | {values.column} | {appeared} | {vanished} |"


def _shown(value: str | None) -> str:
    """A cell's value as it may stand in a Markdown table."""
    text = "(empty)" if value is None else " ".join(value.split())
    return (text if len(text) <= 60 else f"{text[:57]}...").replace("|", "\\|")
