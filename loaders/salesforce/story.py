"""The story of one record, or of one of its fields: from the source through the marts and every run to the org (C8).

Everything comes from warehouse, manifest, seeds and ledger; the org itself is not asked, only its last read-back.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from loaders.errors import ConfigurationError
from loaders.project import manifest_path, project_dir
from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.export import literal, quoted
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.registry import kind_of
from loaders.salesforce.status import dicts, if_there, opened, waiting_steps

OUTCOMES = {"written": "done", "undone": "rolled back", "prepared": "not done"}


@dataclass(frozen=True)
class Step:
    """One place where the value of a field can be seen, nearest to the source first."""

    place: str  # raw_mautic.leads.email, seeds/maps/mautic_values.csv line 12, run 20…, org
    value: str


@dataclass(frozen=True)
class Story:
    """One record's way: its fate, its rows in the marts, its runs, what the ledger and the org say."""

    key: str
    fate: list[dict[str, Any]]
    mart_rows: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    blocked: list[dict[str, Any]]
    edits: list[dict[str, Any]]
    in_org: list[dict[str, Any]]
    field: str = ""
    steps: tuple[Step, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The story in order: decided, sent, refused or held back, edited, found in the org; then what to do."""
        if self.field:
            return self._field_lines()
        told = [f"{self.key}: {row['fate']} ({row.get('because') or 'no reason given'})" for row in self.fate]
        told += [f"row of sf_{row['mart']}" for row in self.mart_rows]
        told += [_run_line(row) for row in self.runs]
        steps: list[str] = []
        for row in self.ledger:
            told.append(
                f"{row['mart']}: {row['status']} {row['sf_id'] or ''} in run {row['run_id']}, job {row['job_id']}"
            )
            if row["error_code"]:
                told.append(f"  {row['error_text']}")
                steps.append(kind_of(row["error_code"]).next_step)
        for row in self.blocked:
            told.append(f"{row['mart']}: held back: {row['detail']}")
            steps.append(waiting_steps().get(row["reason"], (True, f"load-sf --mart {row['mart']}"))[1])
        told += [
            f"{row['mart']}: {row['field']} is {row['theirs']!r} in the org and was kept (run {row['run_id']})"
            for row in self.edits
        ]
        told += [
            f"in the org: {row['object']} {row['sf_id']}{' in the recycle bin' if row.get('is_deleted') else ''}"
            for row in self.in_org
        ]
        told += [f"Next: {step}" for step in dict.fromkeys(steps)] or [f"Next: {self._calm_step()}"]
        return told

    def _field_lines(self) -> list[str]:
        """The value of one field, place by place."""
        told = [f"{self.key}.{self.field}"]
        told += [f"  {step.place}: {step.value}" for step in self.steps]
        return [*told, f"Next: load-sf why {self.key}"]

    def _calm_step(self) -> str:
        """What to do when nothing is wrong."""
        return (
            "load-sf reconcile"
            if self.ledger
            else f"load-sf --mart {self.mart_rows[0]['mart']}"
            if self.mart_rows
            else "dbt build"
        )


def why(key: str) -> Story:
    """The story of a record, by record_key or by Id (15 or 18 characters), or with `.Field` behind it of one field.

    Raises ConfigurationError when neither ledger nor warehouse nor org copy knows it, or no mart fills the field.
    """
    with opened() as con:
        story = _story(con, key)
        if _is_known(story):
            return story
        whole, dot, name = key.rpartition(".")
        story = _story(con, whole) if dot else story
        if not _is_known(story):
            raise ConfigurationError(
                f"Nobody knows {key}.", "give a record_key such as mautic:contact:41, or an Id of the org"
            )
        contract, cell = _contract_of(story, name)
        steps = (*_sources(con, contract, cell, story.key), *_after_the_mart(con, contract, cell, story))
        return Story(**{**story.__dict__, "field": cell.name, "steps": steps})


def _is_known(story: Story) -> bool:
    return bool(story.fate or story.mart_rows or story.ledger or story.in_org or story.blocked)


def _story(con: duckdb.DuckDBPyConnection, key: str) -> Story:
    """What is known about a key or Id; empty lists for one that nobody knows."""
    record_key = _key_of(con, key)
    match = f"record_key = {literal(record_key)}"
    rows = [
        {"mart": contract.mart, **row}
        for contract in project_contracts().values()
        if not contract.first_pass
        for row in if_there(con, f"select * from {contract.source('warehouse')} where {match}")
    ]
    return Story(
        key=record_key,
        fate=if_there(con, f"select * from warehouse.audit.audit_record_fate where {match}"),
        mart_rows=rows,
        runs=_runs(con, match),
        ledger=if_there(con, f"select * from ledger.records where {match} order by updated_at"),
        blocked=if_there(con, f"select * from ledger.blocked where {match} order by updated_at"),
        edits=if_there(con, f"select * from ledger.edits where {match} order by mart, field"),
        in_org=if_there(con, f"select * from warehouse.raw_salesforce.records where {match}"),
    )


def _key_of(con: duckdb.DuckDBPyConnection, key: str) -> str:
    """The record_key behind an Id; anything else is taken for a key."""
    if ":" in key:
        return key
    match = f"left(sf_id, 15) = {literal(key[:15])}"
    for table in ("ledger.records", "ledger.before_images", "warehouse.raw_salesforce.records"):
        found = if_there(
            con, f"select record_key from {table} where {match} and record_key is not null limit 1"
        )
        if found:
            return str(found[0]["record_key"])
    return key


def _runs(con: duckdb.DuckDBPyConnection, match: str) -> list[dict[str, Any]]:
    """Every write to the record with its run, oldest first."""
    return if_there(
        con,
        "select image.run_id, image.mart, image.operation, image.state, image.sf_id, image.undone_by,\n"
        "    image.undo_error, image.taken_at, runs.target, runs.git_commit, runs.mapping_hash, runs.command\n"
        "from ledger.before_images as image left join ledger.runs as runs on image.run_id = runs.run_id\n"
        f"where image.{match} order by image.taken_at, image.job_no",
    )


def _run_line(row: Mapping[str, Any]) -> str:
    """`run 2026… (rehearsal, commit abc1234): insert in contacts: done`."""
    commit = f", commit {row['git_commit'][:7]}" if row.get("git_commit") else ""
    undone = f" by run {row['undone_by']}" if row.get("undone_by") else ""
    failed = f" ({row['undo_error']})" if row.get("undo_error") and row["state"] != "undone" else ""
    outcome = OUTCOMES.get(row["state"], row["state"])
    return f"run {row['run_id']} ({row['target']}{commit}): {row['operation']} in {row['mart']}: {outcome}{undone}{failed}"


def _contract_of(story: Story, name: str) -> tuple[Contract, Field]:
    """The contract and field behind a name. Raises ConfigurationError when no mart of the record fills it."""
    marts = {row["mart"] for row in (*story.mart_rows, *story.ledger)}
    contracts = [one for mart, one in project_contracts().items() if mart in marts]
    for contract in contracts:
        for cell in contract.fields:
            if name.lower() in (cell.name.lower(), (cell.column or "").lower()):
                return contract, cell
    fields = sorted({cell.name for contract in contracts for cell in contract.fields})
    raise ConfigurationError(
        f"No mart fills {name} of {story.key}.",
        f"choose from: {', '.join(fields) or 'none: it was never loaded'}",
    )


def _sources(con: duckdb.DuckDBPyConnection, contract: Contract, cell: Field, key: str) -> Iterator[Step]:
    """The value in every model from the raw tables to the mart, and the seed lines that name it."""
    column = cell.column or cell.json
    found = []
    for relation, is_raw in _upstream(contract):
        found += _in_raw(con, relation, key) if is_raw else _in_model(con, relation, column, key, cell)
    values = {step.value.strip().lower() for step in found if not step.place.startswith("raw_")}
    for step in reversed(found):
        raw = step.place.startswith("raw_")
        if not raw or step.value.strip().lower() in values or step.place.endswith(f".{column}"):
            yield step
    yield from _map_lines(contract, cell, values)


def _upstream(contract: Contract) -> list[tuple[str, bool]]:
    """(relation, whether it is raw) of the mart and of all that it is made from, the mart first."""
    nodes = json.loads(manifest_path().read_text(encoding="utf-8"))
    known = {**nodes["nodes"], **nodes.get("sources", {})}
    start = [name for name, node in known.items() if _relation(node) == contract.relation]
    order: list[str] = []
    while start:
        name = start.pop(0)
        if name in known and name not in order:
            order.append(name)
            start += known[name].get("depends_on", {}).get("nodes", [])
    return [
        (_relation(known[name]), known[name]["resource_type"] == "source")
        for name in order
        if known[name]["resource_type"] in ("model", "source")
    ]


def _relation(node: Mapping[str, Any]) -> str:
    """Schema and table of a node, quoted."""
    name = node.get("alias") or node.get("identifier") or node.get("name")
    return f"{quoted(str(node.get('schema')))}.{quoted(str(name))}"


def _in_model(
    con: duckdb.DuckDBPyConnection, relation: str, column: str, key: str, cell: Field
) -> list[Step]:
    """The value of a column in the record's row of a model that has both."""
    select = f"select {quoted(column)} as value from warehouse.{relation} where record_key = {literal(key)} limit 1"
    found = []
    for row in if_there(con, select):
        value = row["value"]
        if cell.column is None and value is not None:
            value = json.loads(value).get(cell.name)
        found.append(
            Step(f"{relation.replace(chr(34), '')}.{column}", "empty" if value is None else str(value))
        )
    return found


def _in_raw(con: duckdb.DuckDBPyConnection, relation: str, key: str) -> list[Step]:
    """Every cell of the source's own row, found by the id at the end of the key."""
    source_id = key.split(":", 2)[-1]
    rows = if_there(
        con, f"select * from warehouse.{relation} where cast(id as varchar) = {literal(source_id)} limit 1"
    )
    place = relation.replace('"', "")
    return [
        Step(f"{place}.{name}", str(value))
        for row in rows
        for name, value in row.items()
        if value is not None and not name.startswith("_dlt")
    ]


def _map_lines(contract: Contract, cell: Field, values: set[str]) -> Iterator[Step]:
    """The lines of the map seeds that give the field one of these values, or that send a source field to it."""
    for path in sorted((project_dir() / "seeds" / "maps").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                if row.get("sf_object") != contract.object or row.get("sf_field") != cell.name:
                    continue
                if "sf_value" in row and str(row["sf_value"]).strip().lower() not in values:
                    continue
                told = row.get("sf_value") or row.get("sf_type") or ""
                source = f"{row.get('source_field')} {row.get('source_value') or ''}".strip()
                yield Step(f"seeds/maps/{path.name} line {number}", f"{source} -> {told}")


def _after_the_mart(
    con: duckdb.DuckDBPyConnection, contract: Contract, cell: Field, story: Story
) -> Iterator[Step]:
    """What was sent, what somebody edited, and what the org held when it was read back last."""
    path = literal(f'$."{cell.name}"')
    match = f"record_key = {literal(story.key)}"
    sent = (
        f"select run_id, json_extract_string(written, {path}) as value from ledger.records\n"
        f"where {match} and mart = {literal(contract.mart)} and written is not null"
    )
    for row in if_there(con, sent):
        if row["value"] is not None:
            commit = dicts(con, f"select git_commit from ledger.runs where run_id = {literal(row['run_id'])}")
            at = f", commit {commit[0]['git_commit'][:7]}" if commit and commit[0]["git_commit"] else ""
            yield Step(f"sent in run {row['run_id']}{at}", row["value"] or "emptied")
    for row in story.edits:
        if row["field"] == cell.name:
            yield Step("edited in the org and kept", str(row["theirs"]))
    for row in story.in_org:
        value = json.loads(row["payload"] or "{}").get(cell.name)
        yield Step(f"{row['object']} {row['sf_id']} as read at {row['read_at']}", str(value or "empty"))
