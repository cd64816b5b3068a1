"""Takes over records that the org had before: their external id becomes the mart's key, by jobs of their own.

Each claim has a before-image of all the mart's fields, so that a rollback gives the record back as it was. Under the policy
`update_empty` the fields that hold a value are noted as kept before anything is sent; they are protected as a person's
edits are, until somebody loads with --overwrite-edits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from loaders.salesforce.collect_sql import NOW
from loaders.salesforce.contract import Contract
from loaders.salesforce.existing import TABLE, policy_of
from loaders.salesforce.export import Cut, copy_sql, literal, quoted
from loaders.salesforce.images import read_images
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.send import Sender, send

ROWS_A_PART = 500_000  # an Id and a key of at most 120 characters a row


def claim(sender: Sender, contract: Contract, folder: Path) -> int:
    """How many records of `existing` now carry the mart's key; needs no warehouse.

    What the org refused to give is held back in this run and tried again by the next. Raises RemoteError.
    """
    ledger, mart = sender.ledger, literal(contract.mart)
    ledger.con.execute(TABLE)
    wanted = f"select record_key, sf_id from existing where mart = {mart} and action = 'claim'"
    count: int = ledger.one(f"select count(*) from ({wanted})")[0]
    if not count:
        return 0
    read_images(sender.org, ledger, contract, wanted, folder / "before")
    if policy_of(contract) == "update_empty":
        note_kept(ledger, contract, sender.org_id, sender.run_id)
    jobs = _parts(sender, contract, wanted, folder)
    sender.report(f"{contract.mart}: giving {count:,} record(s) of the org their key")
    send(sender, jobs, None)
    ledger.con.execute(settle_sql(contract, sender.org_id))
    done: int = ledger.one(f"select count(*) from existing where mart = {mart} and action = 'claimed'")[0]
    return done


def note_kept(ledger: Ledger, contract: Contract, org_id: str, run_id: str) -> None:
    """Notes every filled field of the records in `images` as one that stays."""
    fields = [field for field in contract.fields if not field.audit and field.name != contract.key]
    values = ", ".join(f"({literal(field.name)}, {literal(field.type)})" for field in fields)
    theirs = "json_extract_string(images.payload, concat('$.\"', fields.name, '\"'))"
    with ledger.transaction():
        ledger.con.execute(
            f"delete from ledger.edits where org_id = {literal(org_id)} and mart = {literal(contract.mart)}\n"
            "    and record_key in (select record_key from images)"
        )
        ledger.con.execute(
            f"insert into ledger.edits select {literal(org_id)}, {literal(contract.mart)}, images.record_key,\n"
            f"    images.sf_id, fields.name, '', {theirs}, {literal(run_id)}, {NOW}\n"
            f"from images cross join (values {values}) as fields(name, kind)\n"
            # an unticked box says nothing
            f"where {theirs} <> '' and not (fields.kind = 'Checkbox' and lower({theirs}) = 'false')"
        )


def _parts(sender: Sender, contract: Contract, wanted: str, folder: Path) -> Sequence[Job]:
    """The journalled jobs: Id and key, nothing else."""
    ledger = sender.ledger
    ledger.con.execute(
        "create or replace temp table claims as select record_key, sf_id,\n"
        f"    (row_number() over (order by record_key) - 1) // {ROWS_A_PART} as part from ({wanted})"
    )
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for (part,) in ledger.rows("select distinct part from claims order by 1"):
        file = folder / f"claim_{part}.csv"
        rows = f"from claims where part = {part}"
        select = f"select sf_id as {quoted('Id')}, record_key as {quoted(str(contract.key))} {rows} order by record_key"
        ledger.con.execute(copy_sql(select, str(file), Cut(0, exact=True)))
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        job = Job(
            job_key=f"{sender.run_id}/{contract.mart}/claims/{file.stem}",
            run_id=sender.run_id,
            mart=contract.mart,
            object=contract.object,
            operation="update",
            result_columns=("Id",),
            part_file=file,
            sha256=digest,
            bytes=file.stat().st_size,
        )
        filled = literal(f",{contract.key},")
        sent = (
            "select record_key, sf_id as result_key, null::varchar as payload_hash, false as is_new,\n"
            f"    {filled} as filled {rows}"
        )
        jobs.append(ledger.prepare_job(sender.org_id, job, sent))
    return jobs


def settle_sql(contract: Contract, org_id: str) -> str:
    """The statement that tells claims that the org took from those that wait for the next run. Pure."""
    return f"""
update existing set
    action = case when records.status = 'accepted' then 'claimed' else 'hold' end,
    reason = case when records.status = 'accepted' then null else 'claim_refused' end,
    found = case when records.status = 'accepted' then existing.found
        else concat(existing.sf_id, ' (', coalesce(records.error_text, 'no answer yet'), ')') end
from ledger.records as records
where existing.mart = {literal(contract.mart)} and existing.action = 'claim'
    and records.org_id = {literal(org_id)} and records.mart = existing.mart
    and records.record_key = existing.record_key"""
