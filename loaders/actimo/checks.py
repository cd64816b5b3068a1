"""What a delivery promises and what it refers to, checked in SQL over the staged tables before mapping (ACT-18).

A broken promise of the manifest (rows, hash) stops the landing. A reference to a record that the export does not
hold is a row of raw_actimo.orphans and a note: deleted contacts leave such rows behind, and they still land.
`references.csv` lists the references (a parent column may be one of several), `periods.csv` what comes before what.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from loaders.actimo.delivery import Workspace
from loaders.actimo.reading import quoted
from loaders.actimo.settings import tables
from loaders.actimo.stage import SHOWN, Stage, facts

DELIVERED = pa.schema(
    [
        ("workspace", pa.string()), ("source_file", pa.string()), ("table_name", pa.string()),
        ("format", pa.string()), ("encoding", pa.string()), ("delimiter", pa.string()),
        ("row_count", pa.int64()), ("rows_promised", pa.int64()), ("size_bytes", pa.int64()),
        ("sha256", pa.string()), ("first_moment", pa.timestamp("us")), ("last_moment", pa.timestamp("us")),
    ]
)  # fmt: skip
DELIVERIES = pa.schema(
    [
        ("workspace", pa.string()), ("workspace_name", pa.string()), ("export_id", pa.string()),
        ("exported_at", pa.timestamp("us")), ("timezone", pa.string()), ("method", pa.string()),
        ("contract_version", pa.string()),
    ]
)  # fmt: skip
_HERE = Path(__file__).parent


def make_reports(stage: Stage, workspaces: Sequence[Workspace]) -> None:
    """Fills the staged tables `deliveries`, `delivered_files` and `orphans`, and adds notes; broken promises of a
    manifest go to the stage's problems. The raw tables must be made.
    """
    _table(stage, "deliveries", [_delivery(one) for one in workspaces], DELIVERIES)
    files = [dict(facts(read, stage.session)) for read in stage.files]
    _table(stage, "delivered_files", files, DELIVERED)
    for read, found in zip(stage.files, files, strict=True):
        stage.problems.extend(_broken(read.label, found, read.file.stated("sha256")))
    for workspace in workspaces:
        _note_delivery(stage, workspace)
    _orphans(stage)
    for table in tables().values():
        if table.key:
            _note_keys(stage, table.name, table.key)
    _periods(stage)


def _delivery(workspace: Workspace) -> dict[str, Any]:
    manifest = workspace.manifest
    texts = {name: manifest.get(name) for name in ("export_id", "method", "contract_version")}
    return {
        "workspace": workspace.key,
        "workspace_name": str(manifest.get("workspace") or workspace.key),
        "exported_at": workspace.exported_at,
        "timezone": workspace.timezone,
        **{name: None if value is None else str(value) for name, value in texts.items()},
    }


def _broken(label: str, found: Mapping[str, Any], sha256: str | None) -> Iterator[str]:
    if sha256 and sha256.lower() != found["sha256"]:
        yield f"{label}: the file is not the one of the manifest: its SHA-256 differs"
    if found["rows_promised"] not in (None, found["row_count"]):
        yield f"{label}: the manifest promises {found['rows_promised']} rows, the file has {found['row_count']}"


def _note_delivery(stage: Stage, workspace: Workspace) -> None:
    """Missing and unread files, and what had to be assumed without a manifest."""
    present = {file.table for file in workspace.files}
    if absent := [name for name in tables() if name not in present]:
        stage.note("deliveries", None, f"{workspace.key}: the delivery has no {', '.join(absent)}")
    for name in workspace.unread:
        stage.note(
            "deliveries", None, f"{workspace.key}: {name} is not read: empty, a folder or of another kind"
        )
    if not workspace.manifest:
        text = (
            f"no manifest: local times are taken to be in {workspace.timezone}, nothing is checked against it"
        )
        stage.note("deliveries", None, f"{workspace.key}: {text}")
    elif unlisted := [file.name for file in workspace.files if not file.entry]:
        stage.note("deliveries", None, f"{workspace.key}: not in the manifest: {', '.join(unlisted)}")


def _orphans(stage: Stage) -> None:
    """References without their record; a parent table that is not in the workspace's delivery is one note."""
    stage.session.execute(
        "create table orphans (workspace varchar, table_name varchar, column_name varchar, parent_table varchar,"
        " missing_id varchar, source_file varchar, source_row bigint)"
    )
    delivered = {(read.workspace.key, read.table.name) for read in stage.files}
    for line in _lines("references.csv"):
        table, column, parent = line["table_name"], line["column_name"], line["parent_table"]
        keys = [
            f'select workspace, lower("{key}") as id from "t_{parent}" where "{key}" is not null'
            for key in line["parent_column"].split("|")
        ]
        there = sorted(key for key, name in delivered if name == parent)
        unchecked = sorted({key for key, name in delivered if name == table} - set(there))
        if unchecked:
            text = f"not checked: no {parent} in the delivery of {', '.join(unchecked)}"
            stage.note(table, column, text)
        if there:
            stage.session.execute(
                f"insert into orphans select child.workspace, {quoted(table)}, {quoted(column)}, {quoted(parent)},"
                f' child."{column}", child.source_file, child.source_row'
                f' from "t_{table}" as child anti join ({" union all ".join(keys)}) as parents'
                f' on child.workspace = parents.workspace and lower(child."{column}") = parents.id'
                f' where child."{column}" is not null'
                f" and child.workspace in ({', '.join(quoted(key) for key in there)})"
            )
    stage.session.execute(
        "insert into notes select table_name, column_name, 'orphan: no such record in ' || parent_table, count(*),"
        f" {_sample('workspace', 'missing_id')} from orphans group by table_name, column_name, parent_table"
    )


def _note_keys(stage: Stage, table: str, key: Sequence[str]) -> None:
    """Rows whose key is empty, and rows that repeat one."""
    needed = [column.name for column in tables()[table].columns if column.key and column.needed == "always"]
    for column in needed:
        stage.session.execute(
            f"insert into notes select {quoted(table)}, {quoted(column)}, 'key is empty', count(*),"
            f' {_sample("source_file", "source_row")} from "t_{table}" where "{column}" is null having count(*) > 0'
        )
    names = ", ".join(f'"{column}"' for column in key)
    first = ", ".join(f'cast("{column}" as varchar)' for column in key)
    stage.session.execute(
        f"insert into notes select {quoted(table)}, null, {quoted('repeats the key ' + ' + '.join(key))},"
        f" sum(copies - 1), {_sample('workspace', 'id')} from (select workspace, any_value(coalesce({first})) as id,"
        f' count(*) as copies from "t_{table}" group by workspace, {names} having count(*) > 1) having sum(copies) > 0'
    )


def _periods(stage: Stage) -> None:
    """Moments after the export, and moments in the wrong order."""
    for table in tables().values():
        for column in [column.name for column in table.columns if column.past]:
            stage.session.execute(
                f"insert into notes select {quoted(table.name)}, {quoted(column)}, 'later than the export', count(*),"
                f' {_sample("source_file", "source_row")} from "t_{table.name}" join deliveries using (workspace)'
                f' where "{column}" > exported_at having count(*) > 0'
            )
    for line in _lines("periods.csv"):
        table_name, start, end = line["table_name"], line["from_column"], line["until_column"]
        stage.session.execute(
            f"insert into notes select {quoted(table_name)}, {quoted(end)}, {quoted('earlier than ' + start)},"
            f' count(*), {_sample("source_file", "source_row")} from "t_{table_name}"'
            f' where "{end}" < "{start}" having count(*) > 0'
        )


def _sample(*columns: str) -> str:
    """The SQL of the first few keys as one text."""
    joined = " || '/' || ".join(f"cast({column} as varchar)" for column in columns)
    return f"array_to_string(min(distinct {joined}, {SHOWN}), ', ')"


def _table(stage: Stage, name: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    stage.session.register("rows", pa.Table.from_pylist(rows, schema=schema))
    stage.session.execute(f"create table {name} as from rows")
    stage.session.unregister("rows")


def _lines(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
