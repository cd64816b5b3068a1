"""The parts of rollbacks and deletions: numbered by SQL, written by DuckDB, journalled before anything is sent."""

from __future__ import annotations

import hashlib
from pathlib import Path

from loaders.salesforce import bulk
from loaders.salesforce.contract import Contract
from loaders.salesforce.export import PART_TARGET, Cut, copy_sql, literal, quoted, read_sql
from loaders.salesforce.ledger import ROLLBACK, Job
from loaders.salesforce.results import header_of
from loaders.salesforce.send import Sender
from loaders.salesforce.soql import id_lists

DOCUMENT = "ContentDocument"


def number_sql(action: str, width: str, source: str, limit: int = PART_TARGET) -> str:
    """The statement that gives the rows of one action their part number, by the running sum of widths. Pure."""
    return (
        "update undo_plan set part = numbered.part from (\n"
        f"    select record_key, cast((sum({width}) over (order by record_key rows unbounded preceding)\n"
        f"        - {width}) // {limit} as integer) as part from {source}\n"
        ") as numbered where undo_plan.record_key = numbered.record_key "
        f"and undo_plan.action = {literal(action)}"
    )


def write_part(
    sender: Sender,
    contract: Contract,
    operation: str,
    select: str,
    rows: str,
    file: Path,
    purpose: str = ROLLBACK,
) -> Job:
    """One part written and journalled; `rows` is the `from` of its lines, with record_key and sf_id."""
    file.parent.mkdir(parents=True, exist_ok=True)
    sender.ledger.con.execute(copy_sql(select, str(file), Cut(PART_TARGET, exact=True)))
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    deletes_file = contract.mode == "file" and operation != "update"
    job = Job(
        job_key=f"{sender.run_id}/{contract.mart}/{file.parent.name}/{file.stem}",
        run_id=sender.run_id,
        mart=contract.mart,
        object=DOCUMENT if deletes_file else contract.object,
        operation=operation,
        result_columns=("Id",),
        part_file=file,
        sha256=digest,
        bytes=file.stat().st_size,
        purpose=purpose,
    )
    sent = (
        "select record_key, sf_id as result_key, null::varchar as payload_hash, false as is_new,\n"
        f"    ',' as filled {rows}"
    )
    return sender.ledger.prepare_job(sender.org_id, job, sent)


def use_document_ids(sender: Sender, contract: Contract, folder: Path) -> None:
    """Puts the Id of the document in the place of that of its version in `undo_plan`: Salesforce deletes no version.

    Deleting the document takes its versions and links along. Does nothing for marts that are no files.
    """
    if contract.mode != "file":
        return
    ledger = sender.ledger
    versions = "select sf_id from undo_plan where action = 'delete' and sf_id like '068%' order by 1"
    pages: list[str] = []
    for number, condition in enumerate(id_lists("Id", [row[0] for row in ledger.rows(versions)])):
        soql = f"SELECT Id, ContentDocumentId FROM ContentVersion WHERE {condition}"
        found = bulk.query_to_files(sender.org, soql, folder / f"documents_{number}")
        pages += [str(page) for page in found if header_of(page)]
    if pages:
        source = read_sql(pages, ["Id", "ContentDocumentId"])
        ledger.con.execute(
            f"update undo_plan set sf_id = document.{quoted('ContentDocumentId')} from {source} as document\n"
            f"where undo_plan.sf_id = document.{quoted('Id')} and undo_plan.action = 'delete'"
        )
