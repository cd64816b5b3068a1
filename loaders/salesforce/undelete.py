"""The way back of a deletion: records come out of the recycle bin, parents before their children (C6).

Only what the ledger says that a run deleted on request. A record that is alive already counts as brought back, so an
interrupted rollback can be resumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from loaders.salesforce.collect_sql import NOW
from loaders.salesforce.contract import Contract
from loaders.salesforce.export import literal
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.send import Sender
from loaders.salesforce.soap import UNDELETE_AT_ONCE, undelete
from loaders.salesforce.soql import id_lists


@dataclass(frozen=True)
class Undeleted:
    """How many records came back, and (record_key, sf_id, what the org said) of those that did not."""

    count: int
    failed: tuple[tuple[str, str, str], ...] = ()


def deletions_sql(scope: Scope, contract: Contract, org_id: str) -> str:
    """A select of the deletions in scope: record_key, sf_id, job_no. What the scope itself inserted stays deleted. Pure."""
    mine = f"{scope.condition(org_id)} and image.mart = {literal(contract.mart)}"
    return (
        "select image.record_key, max(image.sf_id) filter (image.operation = 'delete') as sf_id,\n"
        "    max(image.job_no) filter (image.operation = 'delete') as job_no\n"
        f"from ledger.before_images as image where {mine} group by 1\n"
        "having bool_or(image.operation = 'delete') and not bool_or(image.operation = 'insert') order by 1"
    )


def bring_back(sender: Sender, scope: Scope, contract: Contract, *, dry_run: bool) -> Undeleted:
    """What became of the deleted records in scope; fills `brought_back` with those that need no more. Raises RemoteError."""
    ledger = sender.ledger
    ledger.con.execute("create temp table if not exists brought_back (mart varchar, record_key varchar)")
    rows = ledger.rows(deletions_sql(scope, contract, sender.org_id))
    failed: list[tuple[str, str, str]] = []
    for start in range(0, len(rows), UNDELETE_AT_ONCE):
        chunk = rows[start : start + UNDELETE_AT_ONCE]
        if dry_run:
            for key, _, _ in chunk:
                ledger.con.execute("insert into brought_back values (?, ?)", [contract.mart, key])
            continue
        back = _undeleted(sender, contract, chunk, failed)
        with ledger.transaction():
            for key, sf_id, job_no in back:
                _note(sender, contract, key, sf_id, job_no)
    for key, _, _ in failed:
        ledger.con.execute("insert into brought_back values (?, ?)", [contract.mart, key])
    return Undeleted(len(rows) - len(failed), tuple(failed))


def _undeleted(
    sender: Sender,
    contract: Contract,
    rows: list[tuple[str, str, int]],
    failed: list[tuple[str, str, str]],
) -> list[tuple[str, str, int]]:
    """Those of the rows that are alive now; the others are added to `failed`."""
    told = list(undelete(sender.org, [sf_id for _, sf_id, _ in rows]))
    unsure = [sf_id for (_, sf_id, _), result in zip(rows, told, strict=True) if not result.success]
    alive = {
        str(record["Id"])
        for condition in id_lists("Id", unsure)
        for record in sender.org.query(f"SELECT Id FROM {contract.object} WHERE {condition}")
    }
    back = []
    for row, result in zip(rows, told, strict=True):
        if result.success or row[1] in alive:
            back.append(row)
        else:
            failed.append((row[0], row[1], f"{result.code}: {result.text}"))
    return back


def _note(sender: Sender, contract: Contract, key: str, sf_id: str, job_no: int) -> None:
    """The ledger knows the record again; the next load sends it as changed if a mart has it."""
    mine = "org_id = ? and mart = ? and record_key = ?"
    values = [sender.org_id, contract.mart, key]
    sender.ledger.con.execute(
        f"update ledger.before_images set state = 'undone', undone_by = {literal(sender.run_id)}\n"
        f"where {mine} and job_no = ?",
        [*values, job_no],
    )
    sender.ledger.con.execute(
        f"update ledger.records set sf_id = ?, status = 'rolled_back', payload_hash = 'rolled back',\n"
        f"    run_id = {literal(sender.run_id)}, updated_at = {NOW} where {mine}",
        [sf_id, *values],
    )
