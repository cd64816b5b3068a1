"""Bulk API 2.0 jobs: what a job is, how it is remembered, and the worker that lets jobs advance.

Ingest jobs advance a batch at a time in turn, so that two jobs that are open together interleave the
way they do in an org; their data handling is in `ingest`, that of queries in `bulk_results`. Jobs
survive a restart and continue where they stood.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from loaders.rehearsal.org.failures import OrgError
from loaders.rehearsal.org.ids import make_id
from loaders.rehearsal.org.store import Store

LOG = logging.getLogger("rehearsal")
FINAL = frozenset({"JobComplete", "Failed", "Aborted"})
DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


def salesforce_time(moment: float | None = None) -> str:
    """A point in time (epoch seconds, default now) as the APIs write it."""
    when = datetime.fromtimestamp(moment, UTC) if moment is not None else datetime.now(UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


@dataclass
class Job:
    """One job; `kind` is ingest or query. Times are epoch seconds, `file` a name below the store's folder."""

    id: str
    kind: str
    operation: str
    object: str
    user_id: str
    version: str
    created: float
    modified: float
    state: str = "Open"
    external_id: str | None = None
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    soql: str | None = None
    file: str | None = None
    uploads: int = 0
    header: list[str] = field(default_factory=list)
    rows: int = 0
    next_row: int = 1
    processed: int = 0
    failed: int = 0
    error: str | None = None
    seconds: float = 0.0
    not_before: float = 0.0

    def body(self, *, detail: bool = True) -> dict[str, Any]:
        """The job as the API shows it; `detail` adds the counters of a single-job answer."""
        shown: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.user_id,
            "createdDate": salesforce_time(self.created),
            "systemModstamp": salesforce_time(self.modified),
            "state": self.state,
            **({"externalIdFieldName": self.external_id} if self.external_id else {}),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }
        if self.kind == "ingest":
            shown["contentUrl"] = f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"
        if detail:
            shown |= {
                "jobType": "V2Ingest" if self.kind == "ingest" else "V2Query",
                "numberRecordsProcessed": self.processed,
                "retries": 0,
                "totalProcessingTime": int(self.seconds * 1000),
            }
            if self.kind == "ingest":
                milliseconds = int(self.seconds * 1000)
                shown |= {
                    "numberRecordsFailed": self.failed,
                    "apiActiveProcessingTime": milliseconds,
                    "apexProcessingTime": 0,
                }
            if self.error:
                shown["errorMessage"] = self.error
        return shown


class Processor(Protocol):
    """What lets a job advance."""

    def step(self, job: Job) -> None:
        """One batch of work; sets the job's state when it ends."""

    def fail(self, job: Job, message: str) -> None:
        """Ends the job; rows not tried stay unprocessed."""


class Jobs:
    """All jobs of one org and the thread that works on them. Thread-safe."""

    def __init__(self, store: Store, processor: Processor) -> None:
        self.store, self.processor = store, processor
        self._jobs: dict[str, Job] = {}
        self._queue: deque[str] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        for (document,) in store.rows("select document from meta.jobs"):
            job = Job(**json.loads(document))
            self._jobs[job.id] = job
            if job.state in ("UploadComplete", "InProgress"):
                self._queue.append(job.id)
        self._thread = threading.Thread(target=self._work, name="bulk", daemon=True)
        self._thread.start()

    def create(self, **values: Any) -> Job:
        """A new job with the next id."""
        now = time.time()
        with self.store.write():
            job = Job(
                id=make_id("750", self.store.take_numbers("job", 1)), created=now, modified=now, **values
            )
            self.save(job)
        self._jobs[job.id] = job
        if job.state == "UploadComplete":
            self.enqueue(job)
        return job

    def get(self, job_id: str, kind: str) -> Job:
        """The job with this id. Raises OrgError 404."""
        job = self._jobs.get(job_id) or next((j for j in self._jobs.values() if j.id[:15] == job_id), None)
        if job is None or job.kind != kind:
            raise OrgError(404, "NOT_FOUND", "The requested resource does not exist")
        return job

    def all(self, kind: str) -> list[Job]:
        """All jobs of a kind, oldest first."""
        return sorted((job for job in self._jobs.values() if job.kind == kind), key=lambda job: job.id)

    def running(self) -> list[Job]:
        """Ingest jobs that are being worked on."""
        return [job for job in self._jobs.values() if job.kind == "ingest" and job.state == "InProgress"]

    def save(self, job: Job) -> None:
        """Remembers the job's present state; inside a `write` it becomes part of it."""
        job.modified = time.time()
        with self.store.write() as connection:
            connection.execute(
                "insert or replace into meta.jobs values (?, ?)", [job.id, json.dumps(asdict(job))]
            )

    def enqueue(self, job: Job) -> None:
        """Hands a closed job to the worker."""
        with self._wake:
            self._queue.append(job.id)
            self._wake.notify()

    def forget(self, job: Job) -> None:
        """Removes a job."""
        self._jobs.pop(job.id, None)
        with self.store.write() as connection:
            connection.execute("delete from meta.jobs where id = ?", [job.id])

    def stop(self) -> None:
        """Ends the worker after the batch at hand."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=30)

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._stopping:
                    self._wake.wait()
                if self._stopping:
                    return
                job = self._jobs.get(self._queue.popleft())
            if job is None or job.state in FINAL:
                continue
            if job.not_before > time.time():
                time.sleep(0.02)
            else:
                self._advance(job)
            if job.state not in FINAL:
                with self._wake:
                    self._queue.append(job.id)

    def _advance(self, job: Job) -> None:
        started = time.monotonic()
        try:
            self.processor.step(job)
        except Exception:
            LOG.exception("job %s", job.id)
            try:
                self.processor.fail(job, "InternalServerError : An unexpected error occurred")
            except Exception:
                LOG.exception("job %s could not be failed", job.id)
                job.state, job.error = "Failed", "InternalServerError : An unexpected error occurred"
        job.seconds += time.monotonic() - started
