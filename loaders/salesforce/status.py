"""What ran, what is owed, who must decide, and what to do next, from ledger and warehouse; the org is not asked."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

from loaders.errors import ConfigurationError, RefusedError
from loaders.project import ledger_path, warehouse_path
from loaders.salesforce.deletions import removed_rows_sql, written
from loaders.salesforce.export import literal
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.registry import kind_of

OWED = "status in ('refused', 'found')"


@dataclass(frozen=True)
class Status:
    """The state of every org that was loaded from here; lists of rows as dicts."""

    runs: list[dict[str, Any]]
    marts: list[dict[str, Any]]
    owed: list[dict[str, Any]]
    blocked: list[dict[str, Any]]
    open_jobs: list[dict[str, Any]]
    next_commands: list[str]
    removed: list[dict[str, Any]] = field(default_factory=list)  # records whose source is gone

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


@cache
def waiting_steps() -> dict[str, tuple[bool, str]]:
    """By reason for holding a row back: whether a person must decide, and what to do (waiting.csv)."""
    text = files("loaders.salesforce").joinpath("waiting.csv").read_text(encoding="utf-8")
    return {
        row["reason"]: (row["person"] == "yes", row["next_step"]) for row in csv.DictReader(text.splitlines())
    }


def status(target: str | None = None) -> Status:
    """The state as the ledger has it, for one target or all. Raises RefusedError when nothing was ever loaded."""
    if not ledger_path().exists():
        raise RefusedError("Nothing was loaded from here yet.", "load-sf --all --dry-run")
    org = f"org_id in (select org_id from ledger.runs where target = {literal(target)})" if target else "true"
    with opened() as con:
        runs = dicts(
            con,
            "select run_id, target, org_id, command, state, exit_code, started_at, ended_at from ledger.runs "
            f"where {org} order by started_at desc limit 10",
        )
        owed = dicts(
            con,
            "select org_id, mart, error_code, error_class, count(*) as rows, min(record_key) as record_key, "
            "arg_min(error_text, record_key) as error_text from ledger.records "
            f"where {org} and {OWED} group by all order by rows desc, mart, error_code",
        )
        for row in owed:
            row["next_step"] = kind_of(row["error_code"] or "").next_step
        answer = Status(
            runs=runs,
            marts=dicts(
                con,
                "select org_id, mart, count(*) filter (status = 'accepted') as accepted, "
                f"count(*) filter ({OWED}) as owed, max(updated_at) as updated_at "
                f"from ledger.records where {org} group by all order by org_id, mart",
            ),
            owed=owed,
            blocked=_blocked(con, org),
            open_jobs=dicts(
                con,
                "select org_id, run_id, mart, job_id, state, rows, part_file from ledger.jobs "
                f"where {org} and state in ('prepared', 'created', 'closed') order by created_at",
            ),
            next_commands=[],
            removed=_removed(con, org),
        )
    answer.next_commands.extend(_next_commands(answer))
    return answer


def _blocked(con: duckdb.DuckDBPyConnection, org: str) -> list[dict[str, Any]]:
    """Held-back rows by mart and reason, with one example and the step that cures it."""
    rows = dicts(
        con,
        "select org_id, mart, reason, count(*) as rows, min(record_key) as record_key, "
        f"arg_min(detail, record_key) as detail from ledger.blocked where {org} group by all "
        "order by rows desc, mart, reason",
    )
    for row in rows:
        row["next_step"] = waiting_steps().get(row["reason"], (True, "load again"))[1]
    return rows


def _removed(con: duckdb.DuckDBPyConnection, org: str) -> list[dict[str, Any]]:
    """Records in the org whose source is gone, by org and mart; nothing while the marts are not built."""
    found = []
    try:
        contracts = project_contracts()
        for row in dicts(con, f"select distinct org_id from ledger.records where {org} order by 1"):
            for contract in written(contracts):
                select = removed_rows_sql(contract, contracts, row["org_id"])
                counted = dicts(
                    con, f"select count(*) as rows, min(record_key) as record_key from ({select})"
                )[0]
                if counted["rows"]:
                    found.append({"org_id": row["org_id"], "mart": contract.mart, **counted})
    except (ConfigurationError, duckdb.CatalogException, duckdb.BinderException):
        return []
    return found


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
    if any(waiting_steps().get(row["reason"], (True, ""))[0] for row in state.blocked):
        commands.append("load-sf queue")
    commands += [f"load-sf --mart {row['mart']}" for row in state.blocked]
    if state.removed:
        commands.append("load-sf delete --removed")
    return list(dict.fromkeys(commands or ["load-sf reconcile"]))


def queue(target: str | None = None) -> list[dict[str, Any]]:
    """Every row that waits for a person: mart, record_key, reason, detail and next_step.

    Raises RefusedError when nothing was ever loaded.
    """
    if not ledger_path().exists():
        raise RefusedError("Nothing was loaded from here yet.", "load-sf --all --dry-run")
    org = f"org_id in (select org_id from ledger.runs where target = {literal(target)})" if target else "true"
    people = ", ".join(literal(reason) for reason, (person, _) in waiting_steps().items() if person)
    with opened() as con:
        rows = dicts(
            con,
            "select org_id, mart, record_key, reason, detail from ledger.blocked "
            f"where {org} and reason in ({people}) order by reason, mart, record_key",
        )
    for row in rows:
        row["next_step"] = waiting_steps()[row["reason"]][1]
    return rows


def unfinished(target: str | None = None) -> str | None:
    """The command of the last run if that did not come to its end or left jobs open.

    Raises RefusedError when nothing was ever loaded.
    """
    found = status(target)
    last = found.runs[0] if found.runs else None
    if last and (found.open_jobs or last["state"] not in ("done", "resumed")):
        return str(last["command"])
    return None


@contextmanager
def opened() -> Iterator[duckdb.DuckDBPyConnection]:
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


def if_there(con: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    """Rows of an answer; none if the table does not exist yet."""
    try:
        return dicts(con, select)
    except (duckdb.CatalogException, duckdb.BinderException):
        return []


def dicts(con: duckdb.DuckDBPyConnection, select: str) -> list[dict[str, Any]]:
    """Rows of a small answer as dicts."""
    answer = con.execute(select)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
