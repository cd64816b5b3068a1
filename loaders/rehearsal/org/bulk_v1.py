"""Bulk API v1: a job takes many batches, and each batch keeps its results in the order of its rows.

A batch is worked on while its request waits, by the same machinery as a Bulk 2.0 upload; clients that poll find it
completed at their first look. Jobs and batches live in the store, requests and results in files beside it.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loaders.rehearsal.org.failures import HeaderError, OrgError
from loaders.rehearsal.org.ids import make_id
from loaders.rehearsal.org.ingest import UploadError
from loaders.rehearsal.org.jobs import Job
from loaders.rehearsal.org.state import Org
from loaders.rehearsal.org.store import Store
from loaders.rehearsal.soql import SoqlError, run, translate_bulk

QUERIES = ("query", "queryAll")
MAX_ROWS = 10_000
NULL_TEXT = "#N/A"


class BatchError(Exception):
    """A batch that fails as a whole; the text is its stateMessage."""


@dataclass
class OldJob:
    """A v1 job; `state` is Open, Closed or Aborted, times are epoch seconds."""

    id: str
    operation: str
    object: str
    user_id: str
    version: str
    content_type: str
    created: float
    modified: float
    external_id: str | None = None
    concurrency: str = "Parallel"
    state: str = "Open"


@dataclass
class Batch:
    """One batch and what became of it; `state` is Completed, Failed or NotProcessed."""

    id: str
    job_id: str
    created: float
    modified: float
    state: str = "Completed"
    message: str | None = None
    processed: int = 0
    failed: int = 0
    seconds: float = 0.0
    result_id: str | None = None


@dataclass(frozen=True)
class RowResult:
    """What became of one row; `error` is None or code, message and field names separated by character 31."""

    id: str | None
    created: bool
    error: str | None


class BulkV1:
    """Jobs and batches of one org. Thread-safe: everything that changes goes through the store's writer."""

    def __init__(self, org: Org) -> None:
        self.org = org

    @property
    def store(self) -> Store:
        """The org's store."""
        return self.org.store

    # -- jobs ------------------------------------------------------------------------------------------------------

    def create(self, **values: Any) -> OldJob:
        """A new open job."""
        now = time.time()
        with self.store.write():
            job = OldJob(
                make_id("750", self.store.take_numbers("job", 1)), created=now, modified=now, **values
            )
            self.save(job)
        return job

    def job(self, job_id: str) -> OldJob:
        """The job with this id. Raises OrgError 400."""
        found = self.store.rows(
            "select document from meta.v1_jobs where left(id, 15) = left(?, 15)", [job_id]
        )
        if not found:
            raise OrgError(400, "InvalidJob", f"Unable to find object for id: {job_id}")
        return OldJob(**json.loads(found[0][0]))

    def save(self, job: OldJob) -> None:
        """Remembers the job's state."""
        job.modified = time.time()
        with self.store.write() as connection:
            connection.execute(
                "insert or replace into meta.v1_jobs values (?, ?)", [job.id, json.dumps(asdict(job))]
            )

    def batches(self, job: OldJob) -> list[Batch]:
        """The job's batches in the order in which they came."""
        rows = self.store.rows("select document from meta.v1_batches where job = ? order by id", [job.id])
        return [Batch(**json.loads(document)) for (document,) in rows]

    def batch(self, job: OldJob, batch_id: str) -> Batch:
        """One batch of the job. Raises OrgError 400."""
        found = next((batch for batch in self.batches(job) if batch.id[:15] == batch_id[:15]), None)
        if found is None:
            raise OrgError(400, "InvalidBatch", f"Unable to find batch for id: {batch_id}")
        return found

    # -- batches ---------------------------------------------------------------------------------------------------

    def request_path(self, batch: Batch) -> Path:
        """Where the batch lies as the client sent it."""
        return self.store.files / f"{batch.id}.request"

    def result_path(self, batch: Batch) -> Path:
        """Where its results lie: one JSON list per row, or the answer of a query."""
        return self.store.files / f"{batch.id}.result"

    def results(self, batch: Batch) -> list[RowResult]:
        """What became of each row, in the order of the batch."""
        path = self.result_path(batch)
        if not path.exists():
            return []
        return [RowResult(*item) for item in json.loads(path.read_text(encoding="utf-8"))]

    def add(self, job: OldJob, request: bytes, rows_csv: bytes) -> Batch:
        """A new batch, done: `request` as it was sent, `rows_csv` the same as CSV, or the text of a query."""
        now = time.time()
        with self.store.write():
            number = self.store.take_numbers("v1 batch", 1)
        batch = Batch(make_id("751", number), job.id, now, now)
        self.request_path(batch).write_bytes(request)
        try:
            if job.operation in QUERIES:
                self._query(
                    job, batch, rows_csv.decode("utf-8-sig", "replace").strip(), make_id("752", number)
                )
            else:
                self._rows(job, batch, rows_csv)
        except (BatchError, UploadError, HeaderError, SoqlError) as problem:
            batch.state, batch.message = "Failed", _reason(problem)
        batch.modified = time.time()
        batch.seconds = batch.modified - now
        with self.store.write() as connection:
            connection.execute(
                "insert into meta.v1_batches values (?, ?, ?)", [batch.id, job.id, json.dumps(asdict(batch))]
            )
        return batch

    def _rows(self, job: OldJob, batch: Batch, rows_csv: bytes) -> None:
        used, allowed = self.org.limits.used("DailyBulkApiBatches"), self.org.options.daily_bulk_batches
        if used >= allowed:
            raise OrgError(400, "ExceededQuota", f"ApiBatchItems Limit exceeded. Limit: {allowed}")
        path = self.store.files / f"{batch.id}.csv"
        path.write_bytes(rows_csv)
        upload = Job(
            id=batch.id, kind="ingest", operation=job.operation, object=job.object, user_id=job.user_id,
            version=job.version, created=batch.created, modified=batch.created, external_id=job.external_id,
            line_ending="CRLF" if b"\r\n" in rows_csv[: rows_csv.find(b"\n") + 1] else "LF",
        )  # fmt: skip
        try:
            outcomes = self.org.ingest.at_once(upload, path, MAX_ROWS)
        finally:
            path.unlink(missing_ok=True)
        batch.processed, batch.failed = len(outcomes), sum(1 for _, _, error in outcomes if error)
        self.result_path(batch).write_text(json.dumps(outcomes), encoding="utf-8")
        self.org.limits.count("DailyBulkApiBatches")
        self.org.limits.count("BulkRecords", len(outcomes))

    def _query(self, job: OldJob, batch: Batch, soql: str, result_id: str) -> None:
        everything, catalogue = job.operation == "queryAll", self.org.catalogue
        flat = translate_bulk(soql, catalogue, include_deleted=everything)
        with self.store.reader() as cursor:
            path = self.result_path(batch)
            if job.content_type == "CSV":
                copied = cursor.execute(flat.copy_sql(path), list(flat.parameters)).fetchone()
                batch.processed = int(copied[0]) if copied else 0
            else:
                found = run(soql, catalogue, cursor, include_deleted=everything)
                records = found.records(0, max(found.total_size, 1), job.version)
                batch.processed = len(records)
                path.write_text(json.dumps(records), encoding="utf-8")
        batch.result_id = result_id


def _reason(problem: Exception) -> str:
    if isinstance(problem, SoqlError):
        return f"InvalidBatch : Failed to process query: {problem.code}: {problem.message}"
    text = str(problem)
    return text if isinstance(problem, UploadError) else f"InvalidBatch : {text}"
