"""Bulk API 2.0 ingest: `/jobs/ingest…`. One upload a job; three result sets when it is done."""

from __future__ import annotations

import json
import re
from typing import Any

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.ingest import RESULTS
from loaders.rehearsal.org.jobs import DELIMITERS, FINAL, LINE_ENDINGS, Job

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
CSV = "text/csv"
MAX_INLINE = 100_000
PAGE = 1_000


@route("POST", "/jobs/ingest")
def create(call: Call) -> Answer:
    """A new job; a multipart request brings its data along and closes it."""
    if "multipart" in call.headers.get("content-type", ""):
        return _create_with_data(call)
    job = call.org.jobs.create(**_settings(call, call.json_object()))
    return Answer(body=job.body(detail=False))


def _create_with_data(call: Call) -> Answer:
    matched = re.search(r'boundary="?([^";]+)', call.headers.get("content-type", ""))
    parts = call.body.split(b"--" + matched.group(1).encode()) if matched else []
    settings: dict[str, Any] = {}
    data = b""
    for part in parts:
        head, _, content = part.lstrip(b"\r\n").partition(b"\r\n\r\n")
        lowered = head.lower()
        if b"application/json" in lowered:
            settings = json.loads(content.strip())
        elif b"text/csv" in lowered:
            data = content.removesuffix(b"\r\n")
    if not settings or len(data) > MAX_INLINE:
        raise bad_request(
            "INVALIDJOB",
            "InvalidJob : A multipart job needs its settings and at most 100000 characters of CSV",
        )
    job = call.org.jobs.create(**_settings(call, settings))
    call.org.ingest.upload_path(job).write_bytes(data)
    job.uploads, job.state = 1, "UploadComplete"
    call.org.jobs.save(job)
    call.org.jobs.enqueue(job)
    return Answer(body=job.body(detail=False))


def _settings(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """The checked settings of a new job."""
    name, operation = str(body.get("object") or ""), str(body.get("operation") or "")
    if not call.catalogue.has(name):
        raise bad_request(
            "INVALIDENTITY", f"InvalidEntity : Entity '{name}' is not supported by the Bulk API."
        )
    info = call.catalogue.object(name)
    if operation not in OPERATIONS:
        raise bad_request(
            "INVALIDOPERATION", f"InvalidOperation : The operation '{operation}' is not supported"
        )
    if operation == "hardDelete" and not call.org.options.hard_delete:
        raise bad_request(
            "FEATURENOTENABLED",
            "FeatureNotEnabled : hardDelete operation requires special user profile permission, "
            "please contact your system administrator",
        )
    if body.get("contentType", "CSV") != "CSV":
        raise bad_request("INVALIDJOB", "InvalidJob : The only supported contentType is CSV")
    delimiter, ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
    if delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
        raise bad_request("INVALIDJOB", "InvalidJob : Unknown columnDelimiter or lineEnding")
    key = body.get("externalIdFieldName")
    if operation == "upsert":
        field = info.fields.get(str(key or "").lower())
        if field is None or not (field.external_id or field.id_lookup):
            raise bad_request(
                "INVALIDJOB",
                f"InvalidJob : Field name provided, {key} does not match an External ID for {info.name}",
            )
        key = field.name
    elif key:
        raise bad_request(
            "INVALIDJOB", "InvalidJob : External ID field name can only be used with the upsert operation"
        )
    return {
        "kind": "ingest",
        "operation": operation,
        "object": info.name,
        "user_id": call.user.user_id,
        "version": call.version,
        "external_id": key,
        "delimiter": delimiter,
        "line_ending": ending,
    }


def _job(call: Call) -> Job:
    return call.org.jobs.get(call.arguments["id"], "ingest")


@route("PUT", "/jobs/ingest/{id}/batches")
def upload(call: Call) -> Answer:
    """The job's data, once."""
    job = _job(call)
    if job.state != "Open":
        raise bad_request(
            "INVALIDJOBSTATE", f"InvalidJobState : Cannot upload data to a job that is {job.state}"
        )
    if call.file is None:
        raise bad_request("INVALIDJOB", "InvalidJob : No data")
    job.uploads += 1
    call.file.replace(call.org.ingest.upload_path(job))
    call.org.jobs.save(job)
    return Answer(201, text=b"", content_type=CSV)


@route("PATCH", "/jobs/ingest/{id}")
def change(call: Call) -> Answer:
    """Closes a job so that it is worked on, or aborts it."""
    job, state = _job(call), call.json_object().get("state")
    if state == "Aborted":
        if job.state in FINAL:
            raise bad_request(
                "INVALIDJOBSTATE", f"InvalidJobState : Job cannot be aborted, it is {job.state}"
            )
        with call.org.store.write():
            if job.state == "InProgress":
                call.org.ingest.end(job, "Aborted")
            else:
                job.state = "Aborted"
                call.org.jobs.save(job)
                call.org.ingest.discard(job)
    elif state == "UploadComplete":
        if job.state != "Open":
            raise bad_request(
                "INVALIDJOBSTATE", f"InvalidJobState : Job is {job.state}, it cannot be closed again"
            )
        if job.uploads > 1:
            raise bad_request(
                "INVALIDJOB",
                f"Found multipe contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' "
                f"the current Job then "
                "create a new Job and make sure you only do 'PUT' once on a given Job.",
            )
        job.state = "UploadComplete"
        call.org.jobs.save(job)
        call.org.jobs.enqueue(job)
    else:
        raise bad_request("INVALIDJOB", f"InvalidJob : The state '{state}' is not one that a client can set")
    shown = job.body(detail=False)
    for name in ("contentUrl", "lineEnding"):
        shown.pop(name, None)
    return Answer(body={**shown, "state": state})


@route("GET", "/jobs/ingest/{id}")
def read(call: Call) -> Answer:
    """The job as it stands."""
    return Answer(body=_job(call).body())


@route("DELETE", "/jobs/ingest/{id}")
def remove(call: Call) -> Answer:
    """Forgets a job that has ended, with its data and results."""
    job = _job(call)
    if job.state in ("UploadComplete", "InProgress"):
        raise bad_request("INVALIDJOBSTATE", f"InvalidJobState : Job cannot be deleted, it is {job.state}")
    call.org.ingest.discard(job)
    call.org.jobs.forget(job)
    return Answer(204)


@route("GET", "/jobs/ingest")
def listed(call: Call) -> Answer:
    """All ingest jobs, a thousand a page."""
    return job_list(call, "ingest")


def job_list(call: Call, kind: str) -> Answer:
    """A page of jobs; the locator is the place in the list."""
    locator = call.query.get("queryLocator", "")
    start = int(locator) if locator.isdigit() else 0
    jobs = call.org.jobs.all(kind)
    page = jobs[start : start + PAGE]
    done = start + PAGE >= len(jobs)
    following = None if done else f"{call.root}/jobs/{kind}?queryLocator={start + PAGE}"
    return Answer(
        body={"done": done, "records": [job.body(detail=False) for job in page], "nextRecordsUrl": following}
    )


@route("GET", "/jobs/ingest/{id}/(?P<result>successfulResults|failedResults|unprocessed[rR]ecords)")
def results(call: Call) -> Answer:
    """One of the three result sets, in no particular order."""
    job = _job(call)
    if job.state not in FINAL:
        raise bad_request(
            "INVALIDJOBSTATE", "InvalidJobState : Job results are not available until the job has ended"
        )
    name = next(known for known in RESULTS if known.lower() == call.arguments["result"].lower())
    path = call.org.ingest.result_path(job, name)
    if not path.exists():
        if job.state == "Aborted":
            return Answer(text="", content_type=CSV)
        raise OrgError(404, "NOT_FOUND", "The requested resource does not exist")
    return Answer(file=path, content_type=CSV)
