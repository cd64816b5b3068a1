"""Bulk API 2.0 query: `/jobs/query…`. The answer is read page by page with an opaque locator; the last
is `null`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path

from loaders.rehearsal.api.bulk_ingest import CSV, job_list
from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.jobs import DELIMITERS, FINAL, LINE_ENDINGS, Job
from loaders.rehearsal.soql import SoqlError, translate_bulk

PAGE = 250_000
BLOCK = 1 << 18


@route("POST", "/jobs/query")
def create(call: Call) -> Answer:
    """A new query job, which starts at once."""
    body = call.json_object()
    operation, soql = body.get("operation"), str(body.get("query") or "")
    delimiter, ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
    if operation not in ("query", "queryAll") or delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
        raise bad_request("INVALIDJOB", "InvalidJob : Unknown operation, columnDelimiter or lineEnding")
    try:
        found = translate_bulk(soql, call.catalogue, include_deleted=operation == "queryAll")
    except SoqlError as problem:
        raise bad_request(problem.code, problem.message) from None
    call.org.limits.count("DailyBulkV2QueryJobs")
    job = call.org.jobs.create(
        kind="query",
        operation=operation,
        object=found.object,
        user_id=call.user.user_id,
        version=call.version,
        state="UploadComplete",
        delimiter=delimiter,
        line_ending=ending,
        soql=soql,
    )
    return Answer(body=job.body(detail=False))


def _job(call: Call) -> Job:
    job = call.org.jobs.get(call.arguments["id"], "query")
    if job.version != call.version:
        raise OrgError(
            409, "INVALIDVERSION", f"InvalidVersion : The job was created with API version {job.version}"
        )
    return job


@route("GET", "/jobs/query/{id}")
def read(call: Call) -> Answer:
    """The job as it stands."""
    return Answer(body=_job(call).body())


@route("PATCH", "/jobs/query/{id}")
def change(call: Call) -> Answer:
    """Aborts a job."""
    job = _job(call)
    if call.json_object().get("state") != "Aborted" or job.state in FINAL:
        raise bad_request("INVALIDJOBSTATE", f"InvalidJobState : Job is {job.state}")
    job.state = "Aborted"
    call.org.jobs.save(job)
    return Answer(body=job.body(detail=False))


@route("DELETE", "/jobs/query/{id}")
def remove(call: Call) -> Answer:
    """Forgets a job that has ended."""
    job = _job(call)
    if job.state not in FINAL:
        raise bad_request("INVALIDJOBSTATE", f"InvalidJobState : Job is {job.state}")
    call.org.queries.discard(job)
    call.org.jobs.forget(job)
    return Answer(204)


@route("GET", "/jobs/query")
def listed(call: Call) -> Answer:
    """All query jobs."""
    return job_list(call, "query")


@route("GET", "/jobs/query/{id}/results")
def results(call: Call) -> Answer:
    """A page of the answer; Sforce-Locator says where the next begins."""
    job = _job(call)
    if job.state != "JobComplete":
        raise bad_request("INVALIDJOBSTATE", f"InvalidJobState : Job is {job.state}")
    asked = call.query.get("maxRecords", "")
    size = int(asked) if asked.isdigit() and int(asked) > 0 else PAGE
    start = _place(call.query.get("locator", ""))
    page = call.org.queries.page(job, start, size)
    count = max(0, min(size, job.processed - start))
    following = start + count
    locator = (
        base64.b64encode(str(following).encode()).decode().rstrip("=")
        if following < job.processed
        else "null"
    )
    headers = {
        "Sforce-NumberOfRecords": str(count),
        "Sforce-Locator": locator,
        "Content-Length": str(page.stat().st_size),
    }
    return Answer(stream=_drain(page), headers=headers, content_type=CSV)


def _place(locator: str) -> int:
    if not locator or locator == "null":
        return 0
    try:
        return int(base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True))
    except (binascii.Error, ValueError):
        raise bad_request("INVALIDLOCATOR", "InvalidLocator : The locator is not one of this job") from None


def _drain(page: Path) -> Iterator[bytes]:
    """The file's content; the file is gone afterwards."""
    try:
        with page.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    finally:
        page.unlink(missing_ok=True)
