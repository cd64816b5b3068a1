"""Writes the parts of a mart into the outbox and journals them; DuckDB writes the files.

The same rows always give the same bytes: sorted, and cut at places that do not depend on threads.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
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
from loaders.salesforce.lock_parts import (
    CLASHES,
    LARGE,
    LOCKS,
    PIECES,
    atoms_sql,
    lock_columns,
    locks_sql,
    number_sql,
    parts_sql,
    place_sql,
    sample_sql,
)
from loaders.salesforce.plan import SENT, Counts

SAMPLE_ROWS = 20_000
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
    """The journalled jobs, in the order of sending, each with those it must not run beside (C5).

    Needs `decided` and the attached warehouse. `kept` names fields that the org does not let go empty. Raises
    RefusedError for a row that no part can carry.
    """
    jobs: list[Job] = []
    columns = lock_columns(contract)
    ledger.con.execute(LOCKS)
    if columns and not contract.partition_by:
        ledger.con.execute(place_sql(columns))
    for operation, decisions in OPERATIONS[contract.mode]:
        chosen = ", ".join(literal(decision) for decision in decisions)
        counted = f"select count(*), count(distinct record_key) from decided where decision in ({chosen})"
        rows, keys = ledger.one(counted)
        if not rows:
            continue
        written = []
        writing = _Writing(ledger, contract, operation, decisions, folder / operation, counts, kept)
        for part, file in writing.files():
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
            written.append(ledger.prepare_job(org_id, job, writing.sent_sql(part, file)))
            if columns:
                ledger.con.execute(locks_sql(written[-1].job_no, columns, decisions, part))
        in_parts = sum(job.rows for job in written)
        if in_parts != rows or keys != rows:
            raise MigrationError(
                f"{contract.mart}: {rows} rows to send, but {in_parts} in the parts in {folder}. "
                "Nothing was sent.",
                f"check that record_key is unique in {contract.relation} and is the value of {contract.key}",
            )
        jobs.extend(written)
    return _with_clashes(ledger, jobs)


def _with_clashes(ledger: Ledger, jobs: list[Job]) -> list[Job]:
    """The jobs, told which of the others lock a record that they lock."""
    clashes: dict[int, set[int]] = {}
    for one, other in ledger.rows(CLASHES):
        clashes.setdefault(one, set()).add(other)
    return [replace(job, clashes=frozenset(clashes.get(job.job_no, ()))) for job in jobs]


@dataclass(frozen=True)
class _Writing:
    """The rows of one operation on their way into files."""

    ledger: Ledger
    contract: Contract
    operation: str
    decisions: tuple[str, ...]
    folder: Path
    counts: Counts
    kept: Collection[str]

    def files(self) -> list[tuple[int | None, Path]]:
        """Part numbers and files, in order. Leftovers of an attempt that was not journalled are overwritten.

        A part without a number has all rows, or rows that only DuckDB knows, which cut them while it wrote.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.counts.bytes <= PART_LIMIT:
            return [(None, self._copy(None))]
        if lock_columns(self.contract):
            return self._by_parent()
        cut = cut_for(self.counts.widest)
        if not cut.exact and (self.contract.key or self.operation == "update"):
            return self._by_size(cut)
        if not cut.exact:  # rows without a key of their own can only be told apart in the table
            cut = Cut(min(PART_TARGET, PART_LIMIT - self.counts.widest), exact=True)
        self.ledger.con.execute(number_parts_sql(cut, self.decisions))
        return self._numbered()

    def sent_sql(self, part: int | None, file: Path) -> str:
        """The select of the rows of a part, for the journal."""
        names = result_headers(self.contract, self.operation)
        by_size = part is not None and part < 0
        if by_size or names not in (["Id"], [self.contract.key]):
            number = 0 if part is None else part
            return sent_sql(self.contract, self.operation, self.decisions, str(file), number)
        where = f"decision in ({self._chosen})" + ("" if part is None else f" and part = {part}")
        key = "sf_id" if names == ["Id"] else "record_key"
        return (
            f"select record_key, {key} as result_key, payload_hash, decision = 'new' as is_new,\n"
            f"    null::varchar as filled from decided where {where}"
        )

    @property
    def _chosen(self) -> str:
        return ", ".join(literal(decision) for decision in self.decisions)

    def _copy(self, part: int | None, name: str = "data") -> Path:
        """One part in one file; the rows are sorted, so the threads of DuckDB do not change its bytes."""
        file = self.folder / f"{name}_{0 if part is None else part}.csv"
        select = export_sql(self.contract, self.operation, self.decisions, part, kept=self.kept)
        self.ledger.con.execute(copy_sql(select, str(file), Cut(PART_LIMIT, exact=True)))
        return file

    def _numbered(self) -> list[tuple[int | None, Path]]:
        """A file for each number that the rows have."""
        numbers = f"select distinct part from decided where decision in ({self._chosen}) order by 1"
        return [(part, self._copy(part)) for (part,) in self.ledger.rows(numbers)]

    def _by_size(self, cut: Cut) -> list[tuple[int | None, Path]]:
        """Files as DuckDB cuts them while it writes, which is fastest; with one thread, always at the same rows."""
        select = export_sql(self.contract, self.operation, self.decisions, kept=self.kept)
        self.ledger.con.execute("set threads = 1")
        try:
            self.ledger.con.execute(copy_sql(select, str(self.folder), cut))
        finally:
            self.ledger.con.execute("reset threads")
        files = sorted(self.folder.glob("*.csv"), key=lambda file: int(file.stem.rpartition("_")[2]))
        return [(-1 - number, file) for number, file in enumerate(files)]

    def _by_parent(self) -> list[tuple[int | None, Path]]:
        """Files cut between parents. Widths are upper bounds: a sample tells how long lines really are."""
        con, share = self.ledger.con, self._share()
        room = PART_LIMIT - min(self.counts.widest + PART_LIMIT // PIECES, PART_LIMIT // 2)
        while True:
            limit = int(min(PART_TARGET, PART_LIMIT * (1 - LARGE), room) / share)
            con.execute(atoms_sql(self.decisions, limit))
            totals = self.ledger.rows("select zone, sum(bytes)::bigint from part_atoms group by 1")
            con.execute(parts_sql(totals, limit))
            con.execute(number_sql(self.decisions))
            files = self._numbered()
            largest = max(file.stat().st_size for _, file in files)
            if largest <= PART_LIMIT or share >= 1:
                return files
            share = min(1.0, share * largest / PART_LIMIT * 1.05)

    def _share(self) -> float:
        """Bytes of a line as part of its width, from a sample of the rows."""
        rows = self.ledger.one(f"select count(*) from decided where decision in ({self._chosen})")[0]
        self.ledger.con.execute(sample_sql(self.decisions, max(rows // SAMPLE_ROWS, 1)))
        widths = self.ledger.one("select sum(width) from decided where part = -1")[0]
        file = self._copy(-1, "sample")
        size = file.stat().st_size
        file.unlink()
        return min(1.0, size / widths) if widths else 1.0


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
