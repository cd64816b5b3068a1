"""Writes the parts of a mart into the outbox and journals them; DuckDB writes the files.

The same rows always give the same bytes: sorted, and written by one thread.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from loaders.errors import MigrationError, RefusedError
from loaders.salesforce.contract import Contract
from loaders.salesforce.export import (
    PART_LIMIT,
    PART_TARGET,
    Cut,
    copy_sql,
    cut_for,
    export_sql,
    literal,
    number_parts_sql,
    result_headers,
    sent_sql,
)
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.plan import SENT, Counts

OPERATIONS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "upsert": (("upsert", SENT),),
    "insert_if_absent": (("insert", ("new",)), ("update", ("changed",))),
    "update": (("update", ("changed",)),),
}


def write_parts(
    ledger: Ledger,
    contract: Contract,
    org_id: str,
    run_id: str,
    folder: Path,
    counts: Counts,
    kept: Collection[str] = (),
) -> list[Job]:
    """The journalled jobs, in the order of sending. Needs `decided` and the attached warehouse.

    `kept` names fields that the org does not let go empty.
    Raises RefusedError for a row that no part can carry.
    """
    jobs: list[Job] = []
    for operation, decisions in OPERATIONS[contract.mode]:
        chosen = ", ".join(literal(decision) for decision in decisions)
        rows = ledger.one(f"select count(*) from decided where decision in ({chosen})")[0]
        if not rows:
            continue
        written = []
        cut = _cut(contract, operation, counts)
        select = partial(export_sql, contract, operation, decisions, kept=kept)
        for part, file in _write(ledger, select, decisions, cut, folder / operation):
            job = Job(
                job_key=f"{run_id}/{contract.mart}/{file.relative_to(folder.parent).with_suffix('')}",
                run_id=run_id,
                mart=contract.mart,
                object=contract.object,
                operation=operation,
                result_columns=tuple(result_headers(contract, operation)),
                part_file=file,
                sha256=_sha256(file),
                bytes=_size(file, contract),
            )
            sent = sent_sql(contract, operation, decisions, str(file), part)
            written.append(ledger.prepare_job(org_id, job, sent))
        in_parts = sum(job.rows for job in written)
        if in_parts != rows:
            raise MigrationError(
                f"{contract.mart}: {rows} rows to send, but {in_parts} in the parts in {folder}. "
                "Nothing was sent.",
                f"check that record_key is unique in {contract.relation} and is the value of {contract.key}",
            )
        jobs.extend(written)
    return jobs


def _cut(contract: Contract, operation: str, counts: Counts) -> Cut:
    """The cut for these rows; parts of objects without a key of their own must be cut row by row."""
    cut = cut_for(counts.widest)
    if cut.exact or contract.key or result_headers(contract, operation) == ["Id"]:
        return cut
    return Cut(min(PART_TARGET, PART_LIMIT - counts.widest), exact=True)


def _write(
    ledger: Ledger, select: Callable[..., str], decisions: tuple[str, ...], cut: Cut, folder: Path
) -> list[tuple[int, Path]]:
    """Part numbers and files, in order. Leftovers of an attempt that was not journalled are overwritten."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ledger.con.execute("set threads = 1")
    try:
        if not cut.exact:
            ledger.con.execute(copy_sql(select(), str(folder), cut))
            files = sorted(folder.glob("*.csv"), key=lambda file: int(file.stem.rpartition("_")[2]))
            return list(enumerate(files))
        ledger.con.execute(number_parts_sql(cut, decisions))
        chosen = ", ".join(literal(decision) for decision in decisions)
        parts = []
        for (part,) in ledger.rows(
            f"select distinct part from decided where decision in ({chosen}) order by 1"
        ):
            file = folder / f"data_{part}.csv"
            ledger.con.execute(copy_sql(select(part=part), str(file), cut))
            parts.append((part, file))
        return parts
    finally:
        ledger.con.execute("reset threads")


def _size(file: Path, contract: Contract) -> int:
    """Bytes of the file; RefusedError when Salesforce would not take it."""
    size = file.stat().st_size
    if size > PART_LIMIT:
        raise RefusedError(
            f"{contract.mart}: {file} has {size:,} bytes; a job carries {PART_LIMIT:,}. Nothing was sent.",
            "look for a row with a huge text in the mart and shorten it by a declared rule",
        )
    return size


def _sha256(file: Path) -> str:
    """Hex digest of the file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
