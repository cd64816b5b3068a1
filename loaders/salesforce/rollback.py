"""Takes back what a run, a mart's loads or the loads of one record wrote, and nothing else (C6, COM-01, Z24).

Children first: what we inserted is deleted, what we changed gets its before-image back. What a person has touched
since stays as it is and is listed. A rollback is a run of its own with jobs in the ledger: one that was killed is
resumed by the same command. Afterwards the ledger no longer knows what is gone, so a later load sends it as new.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError, MigrationError, RemoteError
from loaders.project import data_dir, ledger_path, outbox_dir
from loaders.salesforce.children import KEEP_PARENTS_SQL, find_children
from loaders.salesforce.collect_sql import forgotten_sql
from loaders.salesforce.contract import Contract, load_order
from loaders.salesforce.export import literal, quoted
from loaders.salesforce.gates import ask_for_production
from loaders.salesforce.images import read_images
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.match import describe_fields
from loaders.salesforce.passes import with_passes
from loaders.salesforce.rollback_plan import (
    REASONS,
    Scope,
    in_scope_sql,
    plan_sql,
    restore_sql,
    unchanged_sql,
    wanted_sql,
)
from loaders.salesforce.run_facts import facts, new_run_id
from loaders.salesforce.send import Sender, send, settle_open_jobs
from loaders.salesforce.session import Org, Pace, Report
from loaders.salesforce.targets import Target, read_target
from loaders.salesforce.undelete import bring_back
from loaders.salesforce.undo_parts import number_sql, use_document_ids, write_part

TOLD = 1_000  # skipped records that the result names; all are in the CSV file
ID_LINE = 24  # bytes of a line of a deletion


@dataclass
class MartRollback:
    """One mart's part of a rollback."""

    mart: str
    object: str
    deleted: int = 0  # in a dry run: to be deleted, and so on
    restored: int = 0
    undeleted: int = 0
    unchanged: int = 0
    gone: int = 0
    skipped: int = 0
    refused: int = 0

    def line(self) -> str:
        """`contacts -> Contact: 12 to delete, 3 to restore, 1 skipped`."""
        parts = [f"{self.deleted:,} to delete", f"{self.restored:,} to restore"]
        parts += [f"{self.undeleted:,} back from the recycle bin"] if self.undeleted else []
        parts += [f"{self.gone:,} gone already"] if self.gone else []
        parts += [f"{self.unchanged:,} as before already"] if self.unchanged else []
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        return f"{self.mart} -> {self.object}: {', '.join(parts)}"


@dataclass
class RollbackResult:
    """What a rollback did; `skipped` names the records that stay as they are, with the reason."""

    run_id: str
    target: str
    org: str
    dry_run: bool
    marts: list[MartRollback] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    skipped_file: str = ""
    resumed_jobs: int = 0

    @property
    def exit_code(self) -> int:
        """1 if anything was skipped or refused."""
        return 1 if any(mart.skipped or mart.refused for mart in self.marts) else 0

    def lines(self) -> list[str]:
        """What to tell about records that stay as they are, and about an empty scope."""
        if not self.marts:
            return ["Nothing to roll back: the ledger has no write of ours in this scope that still stands."]
        told = [
            f"{row['mart']} {row['record_key']} ({row['sf_id']}) stays: {row['reason']}"
            f"{' (' + row['detail'] + ')' if row['detail'] else ''}\n  Next: {row['next_step']}"
            for row in self.skipped[:20]
        ]
        count = sum(mart.skipped + mart.refused for mart in self.marts)
        if count:
            where = f" All are in {self.skipped_file}." if self.skipped_file else ""
            told.append(f"{count:,} record(s) stay as they are.{where}")
        return told

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**asdict(self), "exit_code": self.exit_code}


@dataclass
class _Run:
    """One rollback under way."""

    sender: Sender
    scope: Scope
    hard: bool
    dry_run: bool
    result: RollbackResult

    @property
    def ledger(self) -> Ledger:
        return self.sender.ledger

    @property
    def outbox(self) -> Path:
        return outbox_dir() / self.sender.run_id


def rollback(
    scope: Scope,
    target: str | Target | None = None,
    *,
    dry_run: bool = False,
    hard: bool = False,
    yes: bool = False,
    report: Report = lambda _: None,
    pace: Pace | None = None,
) -> RollbackResult:
    """Undoes the writes in `scope` in the org of `target` and returns what became of every record.

    `hard` deletes past the recycle bin, which needs the right to. Raises ConfigurationError for a run, mart or record
    that the ledger does not know, RefusedError for an unconfirmed production org, RemoteError when the org failed; the
    same command resumes.
    """
    aim = target if isinstance(target, Target) else read_target(target)
    contracts = with_passes(project_contracts())
    org = Org(aim, pace, report)
    identity = org.identity()
    report(f"Target {aim.name}: {identity.line()}")
    if not dry_run:
        ask_for_production(aim, identity, yes)
    command = scope.command(aim.name, hard, yes)
    scope = _with_second_passes(scope, contracts)
    with Ledger(ledger_path(), data_dir() / "spill") as ledger:
        _check_scope(ledger, scope, contracts, identity.org_id)
        scope = replace(scope, marts=_with_their_passes(scope.marts, contracts))
        sender = Sender(org, ledger, identity.org_id, new_run_id(), report)
        result = RollbackResult(sender.run_id, aim.name, identity.line(), dry_run)
        run = _Run(sender, scope, hard, dry_run, result)
        if dry_run:
            _roll_back(run, contracts)
            return result
        try:
            _journalled(run, contracts, command)
        except RemoteError as error:
            step = f"{error.next_step}; then " if error.next_step else ""
            raise RemoteError(error.message, f"{step}resume with: {command}") from error
    return result


def _with_second_passes(scope: Scope, contracts: Mapping[str, Contract]) -> Scope:
    """The scope with all contracts of the marts that it names: those of each custom object, and second passes."""
    wanted = [mart for mart, one in contracts.items() if {mart, one.name, one.first_pass} & set(scope.marts)]
    unknown = [
        mart for mart in scope.marts if mart not in {*wanted, *(contracts[one].name for one in wanted)}
    ]
    return replace(scope, marts=(*wanted, *unknown))


def _check_scope(ledger: Ledger, scope: Scope, contracts: Mapping[str, Contract], org_id: str) -> None:
    """ConfigurationError for a scope that names what the ledger or the project does not have."""
    unknown = sorted(set(scope.marts) - {name for one in contracts.values() for name in (one.mart, one.name)})
    if unknown:
        raise ConfigurationError(
            f"No such mart: {', '.join(unknown)}.", f"choose from: {', '.join(contracts)}"
        )
    if scope.run_id:
        found = ledger.rows(
            "select command from ledger.runs where org_id = ? and run_id = ?", [org_id, scope.run_id]
        )
        if not found:
            raise ConfigurationError(
                f"The ledger has no run {scope.run_id} for this org.", "see the runs with `load-sf status`"
            )
        if str(found[0][0]).startswith("load-sf rollback"):
            raise ConfigurationError(f"Run {scope.run_id} is a rollback itself.", "load again instead")
    if scope.record_key and not ledger.rows(
        "select 1 from ledger.records where org_id = ? and record_key = ? limit 1", [org_id, scope.record_key]
    ):
        raise ConfigurationError(
            f"The ledger does not know {scope.record_key} in this org.",
            "give a record_key such as mautic:contact:41",
        )


def _with_their_passes(marts: Sequence[str], contracts: Mapping[str, Contract]) -> tuple[str, ...]:
    """The marts of a scope as the ledger calls them: with their second passes, and one for each object of a mart of many."""
    wanted = set(marts)
    return tuple(mart for mart, one in contracts.items() if wanted & {mart, one.name, one.first_pass or mart})


def _journalled(run: _Run, contracts: Mapping[str, Contract], command: str) -> None:
    """The rollback with its begin and end in the ledger."""
    sender = run.sender
    told = facts([one for one in contracts.values() if one.mode != "match"])
    run.ledger.begin_run(sender.run_id, sender.org_id, run.result.target, command, told)
    try:
        run.result.resumed_jobs = settle_open_jobs(sender)
        _roll_back(run, contracts)
    except BaseException as error:
        state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        code = error.exit_code if isinstance(error, MigrationError) else 130
        run.ledger.end_run(sender.run_id, state, code, run.result.as_dict()["marts"])
        sender.report(f"Stopped. Resume with: {command}")
        raise
    run.ledger.end_run(sender.run_id, "done", run.result.exit_code, run.result.as_dict()["marts"])


def _roll_back(run: _Run, contracts: Mapping[str, Contract]) -> None:
    """The marts one after the other, children first; those without a write in scope are left out."""
    run.ledger.con.execute("create or replace temp table undo_deleted (sf_id varchar)")
    condition = run.scope.condition(run.sender.org_id)
    writes = f"select distinct mart from ledger.before_images as image where {condition}"
    touched = {mart for (mart,) in run.ledger.rows(writes)}
    strange = sorted(touched - set(contracts))
    if strange:
        raise ConfigurationError(
            f"The project no longer has the mart(s) {', '.join(strange)}, which the loads wrote.",
            "check out the version that loaded them, run `dbt parse`, and roll back from there",
        )
    order = [mart for mart in load_order(contracts) if mart in touched]
    results = {mart: MartRollback(mart, contracts[mart].object) for mart in order}
    for mart in order:  # what we deleted comes back first, parents before their children
        _undelete(run, contracts[mart], results[mart])
    for mart in reversed(order):
        run.result.marts.append(results[mart])
        _roll_back_mart(run, contracts[mart], results[mart])
    _write_skipped(run)


def _undelete(run: _Run, contract: Contract, told: MartRollback) -> None:
    """Brings back what runs in scope deleted on request."""
    back = bring_back(run.sender, run.scope, contract, dry_run=run.dry_run)
    told.undeleted, told.refused = back.count, len(back.failed)
    for key, sf_id, error in back.failed[:TOLD]:
        run.result.skipped.append(_stays(told.mart, key, sf_id, "not_in_bin", error, REASONS["not_in_bin"]))


def _roll_back_mart(run: _Run, contract: Contract, told: MartRollback) -> None:
    """One mart, with further rounds for rows that met a passing error."""
    pace = run.sender.org.pace
    for number in range(1, pace.rounds + 1):
        folder = run.outbox / contract.mart / f"round_{number:02d}"
        _plan(run, contract, folder, again=number > 1)
        if number == 1:
            _count(run, told)
            run.sender.report(told.line())
        if run.dry_run:
            run.ledger.con.execute(
                "insert into undo_deleted select sf_id from undo_plan where action = 'delete'"
            )
            return
        _forget(run, contract)
        jobs = _parts(run, contract, folder)
        if jobs:
            send(run.sender, jobs, None)
        if not _owed(run, contract, "undo_class = 'transient'"):
            break
        time.sleep(min(pace.first_wait * 2**number, pace.longest_wait))
    _note_refused(run, contract, told)


def _plan(run: _Run, contract: Contract, folder: Path, again: bool) -> None:
    """Fills `undo_plan` from the ledger and from what the org holds now."""
    ledger, org, org_id = run.ledger, run.sender.org, run.sender.org_id
    read_images(org, ledger, contract, wanted_sql(run.scope, contract, org_id), folder / "current")
    ledger.con.execute(plan_sql(run.scope, contract, org_id, again=again))
    described = describe_fields(org, contract.object)
    writable = [name for name, one in described.items() if one.get("updateable", True)]
    ledger.con.execute(restore_sql(contract, writable))
    fields = [name for name in ledger_columns(ledger) if name not in ("record_key", "Id")]
    ledger.con.execute(unchanged_sql(fields))
    find_children(org, ledger, contract.object, folder / "children")
    ledger.con.execute(KEEP_PARENTS_SQL)
    use_document_ids(run.sender, contract, folder)


def ledger_columns(ledger: Ledger) -> list[str]:
    """The columns of `undo_cells`, in order."""
    return [row[0] for row in ledger.rows("describe undo_cells")]


def _count(run: _Run, told: MartRollback) -> None:
    """Brings the plan into the result."""
    counts = dict(run.ledger.rows("select action, count(*) from undo_plan group by 1"))
    told.deleted, told.restored = counts.get("delete", 0), counts.get("restore", 0)
    told.gone, told.unchanged, told.skipped = (counts.get(name, 0) for name in ("gone", "same", "skip"))
    rows = run.ledger.rows(
        "select record_key, sf_id, reason, detail from undo_plan where action = 'skip' order by 1"
    )
    for key, sf_id, reason, detail in rows[:TOLD]:
        run.result.skipped.append(_stays(told.mart, key, sf_id, reason, detail or "", REASONS[reason]))
    run.ledger.con.execute("create temp table if not exists undo_stays (mart varchar, record_key varchar, "
                           "sf_id varchar, reason varchar, detail varchar)")  # fmt: skip
    run.ledger.con.execute(
        f"insert into undo_stays select {literal(told.mart)}, record_key, sf_id, reason, detail\n"
        "from undo_plan where action = 'skip'"
    )


def _stays(mart: str, key: str, sf_id: str, reason: str, detail: str, step: str) -> dict[str, Any]:
    """One record that stays as it is."""
    return {
        "mart": mart, "record_key": key, "sf_id": sf_id, "reason": reason, "detail": detail, "next_step": step,
    }  # fmt: skip


def _forget(run: _Run, contract: Contract) -> None:
    """Settles the records that need no call: those that are gone, and those that hold what they held before."""
    sender = run.sender
    rows = "from undo_plan where action in ('gone', 'same')"
    with run.ledger.transaction():
        run.ledger.con.execute(
            f"update ledger.before_images as image set state = 'undone', undone_by = {literal(sender.run_id)}\n"
            f"where {run.scope.condition(sender.org_id)} and image.mart = {literal(contract.mart)}\n"
            f"    and image.record_key in (select record_key {rows})"
        )
        for statement in forgotten_sql(sender.org_id, contract.mart, sender.run_id, "", rows):
            run.ledger.con.execute(statement)


def _parts(run: _Run, contract: Contract, folder: Path) -> list[Job]:
    """The journalled jobs of a mart: restores, then deletions."""
    ledger, org_id = run.ledger, run.sender.org_id
    ledger.con.execute(
        "create or replace temp table undoing as select record_key, run_id as image_run\n"
        f"from ({in_scope_sql(run.scope, contract, org_id)}) as scoped"
    )
    cells = ", ".join(quoted(name) for name in ledger_columns(ledger) if name != "record_key")
    width = f"(strlen(concat_ws(',', {cells})) * 2 + 100)"
    ledger.con.execute(number_sql("restore", width, "undo_cells"))
    deletions = "(select record_key from undo_plan where action = 'delete')"
    ledger.con.execute(number_sql("delete", str(ID_LINE), deletions))
    deletion = "hardDelete" if run.hard else "delete"
    jobs = []
    for action, operation in (("restore", "update"), ("delete", deletion)):
        chosen = f"undo_plan.action = {literal(action)}"
        for (part,) in ledger.rows(f"select distinct part from undo_plan where {chosen} order by 1"):
            rows = f"from undo_plan where {chosen} and undo_plan.part = {part}"
            select = f"select sf_id as {quoted('Id')} {rows} order by record_key"
            if action == "restore":
                keys = f"select record_key {rows}"
                select = f"select {cells} from undo_cells where record_key in ({keys}) order by record_key"
            file = folder / f"{operation}_{part}.csv"
            jobs.append(write_part(run.sender, contract, operation, select, rows, file))
    return jobs


def _owed(run: _Run, contract: Contract, condition: str) -> int:
    """Records in scope that were sent and not undone."""
    rows: int = run.ledger.one(
        f"select count(distinct record_key) from ({in_scope_sql(run.scope, contract, run.sender.org_id)}) as scoped\n"
        f"where {condition}"
    )[0]
    return rows


def _note_refused(run: _Run, contract: Contract, told: MartRollback) -> None:
    """Brings what the org refused into the result."""
    rows = run.ledger.rows(
        "select image.record_key, max(image.sf_id), max(image.undo_error), max(image.operation)\n"
        f"from ledger.before_images as image inner join ledger.jobs as jobs on image.undo_job = jobs.job_no\n"
        f"where {run.scope.condition(run.sender.org_id)} and image.mart = ? and jobs.run_id = ?\n"
        "group by 1 order by 1",
        [contract.mart, run.sender.run_id],
    )
    told.refused += len(rows)
    for key, sf_id, error, operation in rows:
        if operation == "insert":
            told.deleted -= 1
        else:
            told.restored -= 1
        step = "correct what the message names, then run this command again"
        run.result.skipped.append(_stays(contract.mart, key, sf_id, "refused", error or "no answer", step))
        run.ledger.con.execute(
            "insert into undo_stays values (?, ?, ?, 'refused', ?)", [contract.mart, key, sf_id, error]
        )


def _write_skipped(run: _Run) -> None:
    """Writes all records that stay as they are to a CSV file beside the parts; a dry run writes nothing."""
    marts: Sequence[MartRollback] = run.result.marts
    if run.dry_run or not any(mart.skipped or mart.refused for mart in marts):
        return
    file = run.outbox / "skipped.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    run.ledger.con.execute(
        f"copy (select * from undo_stays order by all) to {literal(str(file))} (format csv, header)"
    )
    run.result.skipped_file = str(file)
