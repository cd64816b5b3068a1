"""Sends journalled jobs, several at once, and brings every one to an end, whatever happened to the process that began it.

Shared by loads and rollbacks: both are jobs in the ledger. Each job has a thread that talks to the org; the ledger is
written by one thread at a time. Jobs that lock the same records never run at once (C5), those of a rollback, which
lock what they delete and its parents, run one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from loaders.errors import RefusedError, RemoteError
from loaders.salesforce import bulk
from loaders.salesforce.files import OPERATION as FILES
from loaders.salesforce.files import settle_files
from loaders.salesforce.ledger import ROLLBACK, Job, Ledger
from loaders.salesforce.registry import kind_of
from loaders.salesforce.results import Fetched, Outcome, fetch, settle
from loaders.salesforce.session import RETRIED_STATUS, Org, Report, RequestFailedError


@dataclass(frozen=True)
class Sender:
    """What it takes to send: the org, the ledger, and the run that sends."""

    org: Org
    ledger: Ledger
    org_id: str
    run_id: str
    report: Report


class _StoppedError(Exception):
    """Another job met an error that ends the load; this one is left as it is, to be resumed."""


class _Sending:
    """Jobs under way."""

    def __init__(self, sender: Sender, jobs: Sequence[Job], key: str | None) -> None:
        self.sender = sender
        self.key = key
        self.waiting = list(jobs)
        self.count = len(jobs)
        self.running: dict[Future[tuple[Job, Fetched]], Job] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.journal = threading.Lock()  # held by whoever uses the ledger
        self.stop = threading.Event()

    def run(self) -> list[Outcome]:
        """The outcomes in the order of the jobs; none of the jobs is begun after one that failed as a whole."""
        with ThreadPoolExecutor(max(1, self.sender.org.pace.jobs_in_flight), "job") as threads:
            try:
                while self.waiting or self.running:
                    self._begin(threads)
                    done, _ = wait(self.running, return_when=FIRST_COMPLETED)
                    for one in done:
                        self._settle(one)
            except BaseException:
                self.stop.set()  # leaving the block waits for the threads
                raise
        return [self.outcomes[number] for number in sorted(self.outcomes)]

    def _begin(self, threads: ThreadPoolExecutor) -> None:
        """Begins the jobs, in order, that may run beside those that do."""
        for job in list(self.waiting):
            if len(self.running) >= self.sender.org.pace.jobs_in_flight:
                return
            if not any(_clash(job, other) for other in self.running.values()):
                self.waiting.remove(job)
                self.running[threads.submit(self._carry, job)] = job

    def _settle(self, one: Future[tuple[Job, Fetched]]) -> None:
        """Brings a job that is over into the ledger."""
        job, fetched = one.result()
        with self.journal:
            outcome = settle(self.sender.org, self.sender.ledger, self.sender.org_id, job, fetched)
        del self.running[one]
        self.outcomes[job.job_no] = outcome
        self.sender.report(outcome.line())
        if self.waiting and _stops(outcome):
            with self.journal:
                for later in self.waiting:
                    self.sender.ledger.job_state(later.job_key, "aborted", "never sent")
            self.waiting.clear()

    def _carry(self, job: Job) -> tuple[Job, Fetched]:
        """One job from its creation to its results, in a thread of its own."""
        begun = self._start(job)
        return begun, fetch(self.sender.org, begun, self._pause)

    def _pause(self, seconds: float) -> None:
        """Waits; raises _StoppedError when the others have stopped."""
        if self.stop.wait(seconds):
            raise _StoppedError

    def _start(self, job: Job) -> Job:
        """A part on its way: job made and journalled, data uploaded, job closed and journalled.

        An upload that may or may not have arrived is never repeated into the same job; the part gets a new one.
        """
        sender, pace = self.sender, self.sender.org.pace
        for attempt in range(1, pace.attempts + 1):
            self._pause(0)
            info = bulk.create_job(sender.org, job.object, job.operation, self.key)
            with self.journal:
                sender.ledger.job_created(job.job_key, info.job_id, info.created_at)
            try:
                bulk.upload(sender.org, info.job_id, job.part_file)
                break
            except RemoteError as error:
                final = isinstance(error, RequestFailedError) and error.status not in RETRIED_STATUS
                if final or attempt == pace.attempts:
                    raise
                sender.report(f"{job.mart}: {error.message} The part gets a new job.")
                bulk.abort_job(sender.org, info.job_id)
                self._pause(min(pace.first_wait * 2**attempt, pace.longest_wait))
        bulk.close_job(sender.org, info.job_id)
        with self.journal:
            sender.ledger.job_state(job.job_key, "closed")
        sender.report(f"{job.mart}: {job.part_file.name} sent ({job.rows:,} rows, {job.bytes:,} bytes)")
        return replace(job, job_id=info.job_id, job_created_at=info.created_at, state="closed")


def send(sender: Sender, jobs: Sequence[Job], key: str | None) -> list[Outcome]:
    """The outcomes of jobs, several under way at once and settled as they complete.

    `key` is the external id that upserts find records by. Raises RefusedError when a job itself fails for a reason
    that the next one would meet too, RemoteError when the org does not answer.
    """
    outcomes = _Sending(sender, jobs, key).run()
    for outcome in outcomes:
        _raise_if_job_failed(outcome)
    return outcomes


def _clash(one: Job, other: Job) -> bool:
    """Whether two jobs must not run at once."""
    return one.purpose == ROLLBACK or other.job_no in one.clashes


def _finish(sender: Sender, job: Job) -> Outcome:
    """The outcome of a sent part, told and in the ledger."""
    outcome = settle(sender.org, sender.ledger, sender.org_id, job, fetch(sender.org, job))
    sender.report(outcome.line())
    return outcome


def _stops(outcome: Outcome) -> bool:
    """Whether the org refused a job as such, for a reason that every further one would meet.

    A job that broke off in the middle is no reason to stop; its remaining rows are sent again.
    """
    if outcome.failure is None or outcome.processed or outcome.accepted:
        return False
    return not kind_of(outcome.failure.partition(":")[0].strip()).is_transient


def _raise_if_job_failed(outcome: Outcome) -> None:
    """RefusedError when the org refused a job as such."""
    if not _stops(outcome):
        return
    kind = kind_of(str(outcome.failure).partition(":")[0].strip())
    job = outcome.job
    raise RefusedError(
        f"{job.mart} -> {job.object}: job {job.job_id} failed as a whole: "
        f"{outcome.failure} ({kind.meaning}). None of the {job.rows:,} rows of "
        f"{job.part_file} was processed.",
        kind.next_step,
    )


def settle_open_jobs(sender: Sender) -> int:
    """Brings the jobs of a run that was killed to an end; returns how many there were."""
    jobs = sender.ledger.open_jobs(sender.org_id)
    for job in jobs:
        if job.operation == FILES:
            settle_files(sender.org, sender.ledger, sender.org_id, job)
            continue
        if job.job_id is None:
            sender.ledger.job_state(job.job_key, "aborted", "never sent")
            continue
        state = _state_in_org(sender.org, job.job_id)
        sender.report(f"{job.mart}: resuming job {job.job_id} of run {job.run_id}: {state}")
        if state == "Open":
            bulk.abort_job(sender.org, job.job_id)
            sender.ledger.job_state(job.job_key, "aborted", "the run ended before the upload did")
        elif state == "Aborted" or (state == "Forgotten" and job.state == "created"):
            sender.ledger.job_state(job.job_key, "aborted", f"{state} when the load was resumed")
        else:
            _finish(sender, job)
    sender.ledger.con.execute(
        "update ledger.runs set state = 'resumed' where org_id = ? and state = 'running' and run_id <> ?",
        [sender.org_id, sender.run_id],
    )
    return len(jobs)


def _state_in_org(org: Org, job_id: str) -> str:
    """The job's state, `Forgotten` when the org does not know it any more (after 7 days)."""
    try:
        return bulk.job_info(org, job_id).state
    except RequestFailedError as error:
        if error.status == 404:
            return "Forgotten"
        raise
