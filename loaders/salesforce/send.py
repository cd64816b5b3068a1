"""Sends journalled jobs and brings every one to an end, whatever happened to the process that began it.

Shared by loads and rollbacks: both are jobs in the ledger.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from loaders.errors import RefusedError, RemoteError
from loaders.salesforce import bulk
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.registry import kind_of
from loaders.salesforce.results import Outcome, settle
from loaders.salesforce.session import RETRIED_STATUS, Org, Report, RequestFailedError


@dataclass(frozen=True)
class Sender:
    """What it takes to send: the org, the ledger, and the run that sends."""

    org: Org
    ledger: Ledger
    org_id: str
    run_id: str
    report: Report


def send(sender: Sender, jobs: Sequence[Job], key: str | None) -> list[Outcome]:
    """The outcomes of jobs, uploaded a few ahead of the one whose results are awaited.

    `key` is the external id that upserts find records by. Raises RefusedError when a job itself fails for a reason
    that the next one would meet too, RemoteError when the org does not answer.
    """
    waiting: deque[Job] = deque()
    outcomes = []
    for number, job in enumerate(jobs, start=1):
        waiting.append(_start(sender, job, key))
        sender.report(
            f"{job.mart}: part {number} of {len(jobs)} sent ({job.rows:,} rows, {job.bytes:,} bytes)"
        )
        if len(waiting) >= sender.org.pace.jobs_in_flight:
            outcomes.append(_finish(sender, waiting.popleft()))
    while waiting:
        outcomes.append(_finish(sender, waiting.popleft()))
    for outcome in outcomes:
        _raise_if_job_failed(outcome)
    return outcomes


def _start(sender: Sender, job: Job, key: str | None) -> Job:
    """A part on its way: job made and journalled, data uploaded, job closed and journalled.

    An upload that may or may not have arrived is never repeated into the same job; the part gets a new one.
    """
    pace = sender.org.pace
    for attempt in range(1, pace.attempts + 1):
        info = bulk.create_job(sender.org, job.object, job.operation, key)
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
            time.sleep(min(pace.first_wait * 2**attempt, pace.longest_wait))
    bulk.close_job(sender.org, info.job_id)
    sender.ledger.job_state(job.job_key, "closed")
    return replace(job, job_id=info.job_id, job_created_at=info.created_at, state="closed")


def _finish(sender: Sender, job: Job) -> Outcome:
    """The outcome of a sent part, told and in the ledger."""
    outcome = settle(sender.org, sender.ledger, sender.org_id, job)
    sender.report(outcome.line())
    return outcome


def _raise_if_job_failed(outcome: Outcome) -> None:
    """Stops when the org refused a job as such: every further one would fail alike.

    A job that broke off in the middle is no reason to stop; its remaining rows are sent again.
    """
    if outcome.failure is None or outcome.processed or outcome.accepted:
        return
    code = outcome.failure.partition(":")[0].strip()
    kind = kind_of(code)
    if kind.is_transient:
        return
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
