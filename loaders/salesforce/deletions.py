"""Records whose source is gone: listed by `status` and `plan`, deleted in the org only by `load-sf delete --removed` (C12).

A deletion is a run: children first, with a before-image each, resumable, and taken back by `load-sf rollback RUN` while
the recycle bin still has the records. What a person edited since, and what other records hang on, stays and is listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError, MigrationError, RemoteError
from loaders.project import data_dir, ledger_path, outbox_dir, warehouse_path
from loaders.salesforce.children import KEEP_PARENTS_SQL, find_children
from loaders.salesforce.collect_sql import forget_sql
from loaders.salesforce.contract import Contract, load_order
from loaders.salesforce.export import literal, quoted
from loaders.salesforce.gates import ask_for_production
from loaders.salesforce.images import edits_sql, read_images
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.rollback_plan import REASONS
from loaders.salesforce.run_facts import facts, new_run_id
from loaders.salesforce.send import Sender, send, settle_open_jobs
from loaders.salesforce.session import Org, Pace, Report
from loaders.salesforce.targets import Target, read_target
from loaders.salesforce.undo_parts import number_sql, write_part

ID_LINE = 24  # bytes of a line of a deletion
TOLD = 1_000


@dataclass
class MartDeletion:
    """One mart's part: records whose source is gone, and what became of them."""

    mart: str
    object: str
    removed: int = 0
    deleted: int = 0  # in a dry run: to be deleted
    gone: int = 0
    skipped: int = 0
    refused: int = 0

    def line(self) -> str:
        """`contacts -> Contact: 3 no longer in the source, 2 to delete, 1 skipped`."""
        parts = [f"{self.removed:,} no longer in the source", f"{self.deleted:,} to delete"]
        parts += [f"{self.gone:,} gone already"] if self.gone else []
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        return f"{self.mart} -> {self.object}: {', '.join(parts)}"


@dataclass
class DeletionResult:
    """What a deletion did; `skipped` names the records that stay, with the reason."""

    run_id: str
    target: str
    org: str
    dry_run: bool
    marts: list[MartDeletion] = field(default_factory=list)
    skipped: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 if anything was skipped or refused."""
        return 1 if any(mart.skipped or mart.refused for mart in self.marts) else 0

    def lines(self) -> list[str]:
        """What to tell: records that stay, and the way back."""
        if not self.marts:
            return [
                "Nothing to delete: the source still has every record that was loaded.\nNext: load-sf status"
            ]
        told = [
            f"{row['mart']} {row['record_key']} ({row['sf_id']}) stays: {row['reason']}"
            f"{' (' + row['detail'] + ')' if row['detail'] else ''}\n  Next: {row['next_step']}"
            for row in self.skipped[:20]
        ]
        if self.dry_run:
            told.append(f"Nothing was deleted.\nNext: load-sf delete --removed --target {self.target} --yes")
        else:
            told.append(
                "The recycle bin keeps the records for 15 days.\nNext: `load-sf reconcile`; the way back is "
                f"`load-sf rollback {self.run_id} --target {self.target}`"
            )
        return told

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**asdict(self), "exit_code": self.exit_code}


def removed_rows_sql(contract: Contract, contracts: Mapping[str, Contract], org_id: str) -> str:
    """A select of record_key and sf_id of the records that we wrote and that no mart has any more. Pure.

    Who is in another mart now has moved, which is another question.
    """
    built = " union all ".join(
        f"select record_key from {one.source('warehouse')}"
        for one in contracts.values()
        if one.mode != "match" and not one.first_pass
    )
    return (
        "select record_key, sf_id from ledger.records\n"
        f"where org_id = {literal(org_id)} and mart = {literal(contract.mart)} and sf_id is not null\n"
        "    and status not in ('skipped', 'converted', 'deleted')\n"
        f"    and record_key not in (select record_key from ({built}) as built where record_key is not null)"
    )


def removed_counts(ledger: Ledger, contracts: Mapping[str, Contract], org_id: str) -> dict[str, int]:
    """How many records of each mart have no source any more; needs the attached warehouse."""
    told = {}
    for contract in written(contracts):
        select = removed_rows_sql(contract, contracts, org_id)
        told[contract.mart] = int(ledger.one(f"select count(*) from ({select}) as removed")[0])
    return {mart: count for mart, count in told.items() if count}


def written(contracts: Mapping[str, Contract]) -> list[Contract]:
    """The marts that a load writes, in load order; the second pass of a mart is not one of its own."""
    ordered = [contracts[mart] for mart in load_order(contracts)]
    return [one for one in ordered if one.mode not in ("match", "update") and not one.first_pass]


def delete_removed(
    target: str | Target | None = None,
    marts: Sequence[str] = (),
    *,
    dry_run: bool = False,
    yes: bool = False,
    report: Report = lambda _: None,
    pace: Pace | None = None,
) -> DeletionResult:
    """Deletes in the org what the source no longer has, and returns what became of every record.

    Without `yes` nothing is sent. Raises ConfigurationError for an unknown mart or a missing warehouse, RefusedError for an
    unconfirmed production org, RemoteError when the org failed; the same command resumes.
    """
    aim = target if isinstance(target, Target) else read_target(target)
    contracts = project_contracts()
    chosen = _chosen(contracts, marts)
    org = Org(aim, pace, report)
    identity = org.identity()
    report(f"Target {aim.name}: {identity.line()}")
    dry_run = dry_run or not yes
    if not dry_run:
        ask_for_production(aim, identity, yes)
    command = " ".join(
        ["load-sf delete --removed", *(f"--mart {mart}" for mart in marts), f"--target {aim.name} --yes"]
    )
    with Ledger(ledger_path(), data_dir() / "spill") as ledger:
        sender = Sender(org, ledger, identity.org_id, new_run_id(), report)
        result = DeletionResult(sender.run_id, aim.name, identity.line(), dry_run)
        if dry_run:
            _delete_all(sender, contracts, chosen, result)
            return result
        ledger.begin_run(sender.run_id, sender.org_id, aim.name, command, facts(chosen))
        try:
            settle_open_jobs(sender)
            _delete_all(sender, contracts, chosen, result)
        except BaseException as error:
            state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            code = error.exit_code if isinstance(error, MigrationError) else 130
            ledger.end_run(sender.run_id, state, code, result.as_dict()["marts"])
            if isinstance(error, RemoteError):
                raise RemoteError(error.message, f"resume with: {command}") from error
            raise
        ledger.end_run(sender.run_id, "done", result.exit_code, result.as_dict()["marts"])
    return result


def _chosen(contracts: Mapping[str, Contract], marts: Sequence[str]) -> list[Contract]:
    """The marts to look at, children first. Raises ConfigurationError for a name that is none."""
    wanted = {mart.removeprefix("sf_") for mart in marts}
    known = written(contracts)
    unknown = sorted(wanted - {one.mart for one in known} - {one.name for one in known})
    if unknown:
        raise ConfigurationError(
            f"No such mart: {', '.join(unknown)}.", f"choose from: {', '.join(one.mart for one in known)}"
        )
    return [one for one in reversed(known) if not wanted or one.mart in wanted or one.name in wanted]


def _delete_all(
    sender: Sender, contracts: Mapping[str, Contract], chosen: Sequence[Contract], result: DeletionResult
) -> None:
    """The marts one after the other."""
    sender.ledger.con.execute("create or replace temp table undo_deleted (sf_id varchar)")
    for contract in chosen:
        folder = outbox_dir() / sender.run_id / contract.mart
        with sender.ledger.warehouse(warehouse_path()):
            removed = removed_rows_sql(contract, contracts, sender.org_id)
            sender.ledger.con.execute(f"create or replace temp table removed as {removed}")
        if not sender.ledger.one("select count(*) from removed")[0]:
            continue
        told = _plan(sender, contract, folder, result)
        result.marts.append(told)
        sender.report(told.line())
        sender.ledger.con.execute(
            "insert into undo_deleted select sf_id from undo_plan where action = 'delete'"
        )
        if not result.dry_run:
            _send(sender, contract, folder, told, result)


def _plan(sender: Sender, contract: Contract, folder: Path, result: DeletionResult) -> MartDeletion:
    """Fills `undo_plan` with what becomes of each record of `removed`, and counts it."""
    ledger = sender.ledger
    read_images(sender.org, ledger, contract, "select record_key, sf_id from removed", folder / "before")
    ledger.con.execute(plan_sql(contract, sender.org_id))
    find_children(sender.org, ledger, contract.object, folder / "children")
    ledger.con.execute(KEEP_PARENTS_SQL)
    counts = dict(ledger.rows("select action, count(*) from undo_plan group by 1"))
    for key, sf_id, reason, detail in ledger.rows(
        f"select record_key, sf_id, reason, detail from undo_plan where action = 'skip' order by 1 limit {TOLD}"
    ):
        result.skipped.append(_stays(contract.mart, key, sf_id, reason, detail or "", REASONS[reason]))
    return MartDeletion(
        contract.mart,
        contract.object,
        removed=sum(counts.values()),
        deleted=counts.get("delete", 0),
        gone=counts.get("gone", 0),
        skipped=counts.get("skip", 0),
    )


def plan_sql(contract: Contract, org_id: str) -> str:
    """The statement that fills `undo_plan` from `removed` and `images`. Pure."""
    return f"""
create or replace temp table undo_plan as
with edited as (
    select record_key, string_agg(concat(field, ' is ', theirs), ', ' order by field) as detail
    from ({edits_sql(contract, org_id, with_kept=False)}) as cells group by 1
)
select
    removed.record_key,
    removed.sf_id,
    case
        when images.record_key is null then 'gone'
        when edited.record_key is not null then 'skip'
        else 'delete'
    end as action,
    case when edited.record_key is not null then 'edited' end as reason,
    edited.detail,
    0 as part
from removed
left join images on removed.record_key = images.record_key
left join edited on removed.record_key = edited.record_key"""


def _send(
    sender: Sender, contract: Contract, folder: Path, told: MartDeletion, result: DeletionResult
) -> None:
    """Sends the deletions of one mart and brings what the org refused into the result."""
    ledger, org_id = sender.ledger, sender.org_id
    with ledger.transaction():
        for statement in forget_sql(
            org_id, contract.mart, sender.run_id, "", "from undo_plan where action = 'gone'"
        ):
            ledger.con.execute(statement)
    rows = "(select record_key from undo_plan where action = 'delete')"
    ledger.con.execute(number_sql("delete", str(ID_LINE), rows))
    jobs: list[Job] = []
    for (part,) in ledger.rows("select distinct part from undo_plan where action = 'delete' order by 1"):
        source = f"from undo_plan where action = 'delete' and part = {part}"
        select = f"select sf_id as {quoted('Id')} {source} order by record_key"
        file = folder / f"delete_{part}.csv"
        jobs.append(write_part(sender, contract, "delete", select, source, file, purpose="load"))
    if jobs:
        send(sender, jobs, None)
    refused = ledger.rows(
        "select record_key, sf_id, undo_error from ledger.before_images\n"
        "where org_id = ? and run_id = ? and mart = ? and state = 'prepared' order by 1",
        [org_id, sender.run_id, contract.mart],
    )
    told.refused, told.deleted = len(refused), told.deleted - len(refused)
    step = "correct what the message names, then run this command again"
    for key, sf_id, error in refused[:TOLD]:
        result.skipped.append(_stays(contract.mart, key, sf_id, "refused", error or "no answer", step))


def _stays(mart: str, key: str, sf_id: str, reason: str, detail: str, step: str) -> dict[str, Any]:
    """One record that stays as it is."""
    return {
        "mart": mart, "record_key": key, "sf_id": sf_id, "reason": reason, "detail": detail, "next_step": step,
    }  # fmt: skip
