"""What ran, what is owed, and the story of one record, from ledger and warehouse; the org is not asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from loaders.errors import ConfigurationError, RefusedError
from loaders.project import field_map_paths, ledger_path, manifest_path, warehouse_path
from loaders.salesforce.contract import read_contracts
from loaders.salesforce.export import literal
from loaders.salesforce.registry import kind_of


@dataclass(frozen=True)
class Status:
    """The state of every org that was loaded from here; lists of rows as dicts."""

    runs: list[dict[str, Any]]
    marts: list[dict[str, Any]]
    owed: list[dict[str, Any]]
    blocked: list[dict[str, Any]]
    open_jobs: list[dict[str, Any]]
    next_commands: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


@dataclass(frozen=True)
class Story:
    """One record's way: its fate, its rows in the marts, what the ledger and the org say."""

    key: str
    fate: list[dict[str, Any]]
    mart_rows: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    blocked: list[dict[str, Any]]
    in_org: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The story in order: decided, sent, refused or held back, found in the org."""
        told = [f"{self.key}: {row['fate']} ({row.get('because') or 'no reason given'})" for row in self.fate]
        told += [f"row of sf_{row['mart']}" for row in self.mart_rows]
        for row in self.ledger:
            told.append(
                f"{row['mart']}: {row['status']} {row['sf_id'] or ''} in run {row['run_id']}, "
                f"job {row['job_id']}"
            )
            if row["error_code"]:
                told.append(f"  {row['error_text']}\n  Next: {kind_of(row['error_code']).next_step}")
        told += [f"{row['mart']}: held back by run {row['run_id']}: {row['detail']}" for row in self.blocked]
        told += [
            f"in the org as {row['object']} {row['sf_id']}{', deleted' if row['is_deleted'] else ''}, "
            f"read {row['read_at']}"
            for row in self.in_org
        ]
        return told


def status(target: str | None = None) -> Status:
    """Runs, rows and open jobs, of one target or of all. Raises RefusedError when nothing was ever loaded."""
    if not ledger_path().exists():
        raise RefusedError("Nothing was loaded from here yet.", "load-sf --all --dry-run")
    org = f"org_id in (select org_id from ledger.runs where target = {literal(target)})" if target else "true"
    with _open() as con:
        runs = _dicts(
            con,
            "select run_id, target, org_id, command, state, exit_code, started_at, ended_at from ledger.runs "
            f"where {org} order by started_at desc limit 10",
        )
        owed = _dicts(
            con,
            "select org_id, mart, error_code, error_class, count(*) as rows, min(record_key) as record_key, "
            "arg_min(error_text, record_key) as error_text from ledger.records "
            f"where {org} and status <> 'accepted' group by all order by rows desc, mart, error_code",
        )
        for row in owed:
            row["next_step"] = kind_of(row["error_code"] or "").next_step
        answer = Status(
            runs=runs,
            marts=_dicts(
                con,
                "select org_id, mart, count(*) filter (status = 'accepted') as accepted, "
                "count(*) filter (status <> 'accepted') as owed, max(updated_at) as updated_at "
                f"from ledger.records where {org} group by all order by org_id, mart",
            ),
            owed=owed,
            blocked=_dicts(
                con,
                "select org_id, mart, reason, count(*) as rows, min(record_key) as record_key, "
                f"arg_min(detail, record_key) as detail from ledger.blocked where {org} group by all "
                "order by rows desc, mart, reason",
            ),
            open_jobs=_dicts(
                con,
                "select org_id, run_id, mart, job_id, state, rows, part_file from ledger.jobs "
                f"where {org} and state in ('prepared', 'created', 'closed') order by created_at",
            ),
            next_commands=[],
        )
    answer.next_commands.extend(_next_commands(answer))
    return answer


def _next_commands(state: Status) -> list[str]:
    """What to run next, most urgent first."""
    commands = []
    last = state.runs[0] if state.runs else None
    if last and (state.open_jobs or last["state"] in ("running", "stopped", "failed", "interrupted")):
        commands.append(last["command"])
    if any(row["error_class"] == "transient" for row in state.owed) and last:
        commands.append(last["command"])
    if any(row["error_class"] == "permanent" for row in state.owed) and last:
        commands.append(f"{last['command']} --retry-failed")
    commands += [f"load-sf --mart {row['mart']}" for row in state.blocked]
    return list(dict.fromkeys(commands or ["load-sf reconcile"]))


def unfinished(target: str | None = None) -> str | None:
    """The command of the last run if that did not come to its end or left jobs open.

    Raises RefusedError when nothing was ever loaded.
    """
    found = status(target)
    last = found.runs[0] if found.runs else None
    if last and (found.open_jobs or last["state"] not in ("done", "resumed")):
        return str(last["command"])
    return None


def why(key: str) -> Story:
    """The story of a record, by record_key or by Id (15 or 18 characters).

    Raises ConfigurationError when neither ledger nor warehouse nor org copy knows it.
    """
    with _open() as con:
        record_key = _key_of(con, key)
        match = f"record_key = {literal(record_key)}"
        story = Story(
            key=record_key,
            fate=_if_there(con, f"select * from warehouse.audit.audit_record_fate where {match}"),
            mart_rows=_mart_rows(con, match),
            ledger=_if_there(con, f"select * from ledger.records where {match} order by updated_at"),
            blocked=_if_there(con, f"select * from ledger.blocked where {match} order by updated_at"),
            in_org=_if_there(con, f"select * from warehouse.raw_salesforce.records where {match}"),
        )
    if not (story.fate or story.mart_rows or story.ledger or story.in_org or story.blocked):
        raise ConfigurationError(
            f"Nobody knows {key}.", "give a record_key such as mautic:contact:41, or an Id of the org"
        )
    return story


def _key_of(con: duckdb.DuckDBPyConnection, key: str) -> str:
    """The record_key behind an Id; anything else is taken for a key."""
    if ":" in key:
        return key
    match = f"left(sf_id, 15) = {literal(key[:15])}"
    for table in ("ledger.records", "warehouse.raw_salesforce.records"):
        found = _if_there(con, f"select record_key from {table} where {match} and record_key is not null")
        if found:
            return str(found[0]["record_key"])
    return key


def _mart_rows(con: duckdb.DuckDBPyConnection, match: str) -> list[dict[str, Any]]:
    """The record's rows in the marts, each with the name of its mart."""
    rows = []
    for contract in read_contracts(manifest_path(), field_map_paths()).values():
        for row in _if_there(con, f"select * from warehouse.{contract.relation} where {match}"):
            rows.append({"mart": contract.mart, **row})
    return rows


@contextmanager
def _open() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with ledger and warehouse attached, both to be read only, as far as they exist."""
    with duckdb.connect() as con:
        for name, path in (("ledger", ledger_path()), ("warehouse", warehouse_path())):
            if not path.exists():
                continue
            try:
                con.execute(f"attach {literal(str(path))} as {name} (read_only)")
            except duckdb.IOException as error:
                raise ConfigurationError(
                    f"{path} is in use by another process.", "wait until it has ended, then ask again"
                ) from error
        yield con


def _if_there(con: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    """Rows of an answer; none if the table does not exist yet."""
    try:
        return _dicts(con, select)
    except (duckdb.CatalogException, duckdb.BinderException):
        return []


def _dicts(con: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    """Rows of a small answer as dicts."""
    answer = con.execute(select)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
