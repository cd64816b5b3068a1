"""Bulk API v1: `/services/async/XX.0/job…`, which older clients still use. XML or JSON settings; CSV, JSON or XML batches.

It knows its callers by `X-SFDC-Session` and has errors of its own: HTTP 400 with exceptionCode and exceptionMessage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loaders.rehearsal.api import bulk_v1_formats as formats
from loaders.rehearsal.api.call import JSON, NEWEST, OLDEST, Answer, Call, Handler, route
from loaders.rehearsal.org.bulk_v1 import QUERIES, Batch, BatchError, BulkV1, OldJob
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.failures import OrgError, not_found

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete", *QUERIES)
CONTENT = {"CSV": "text/csv;charset=UTF-8", "XML": "application/xml;charset=UTF-8", "JSON": JSON}
MODES = {"0": "Parallel", "1": "Serial", "Parallel": "Parallel", "Serial": "Serial"}
MAX_BATCH = 10_000_000
JOB = "/services/async/{version}/job"


def endpoint(methods: str, path: str) -> Callable[[Handler], Handler]:
    """Registers a function below `/services/async/XX.0/job`: session, allowance and errors are those of Bulk v1."""

    def register(handler: Handler) -> Handler:
        def guarded(call: Call) -> Answer:
            try:
                _admit(call)
                return handler(call)
            except OrgError as error:
                return _refusal(call, error)

        guarded.__doc__ = handler.__doc__
        return route(methods, JOB + path, versioned=False, public=True)(guarded)

    return register


def _admit(call: Call) -> None:
    version = call.arguments["version"]
    if not re.fullmatch(r"\d\d\.0", version) or not OLDEST <= int(version[:2]) <= NEWEST:
        raise OrgError(400, "InvalidVersion", f"Api version not supported: {version}")
    call.version = version
    token = call.headers.get("x-sfdc-session") or call.headers.get("authorization", "").partition(" ")[2]
    call.session = call.org.session(token.strip())
    if call.session is None:
        raise OrgError(400, "InvalidSessionId", "Invalid session id")
    if call.org.limits.count("DailyApiRequests") > call.org.options.daily_api_requests:
        raise OrgError(400, "ExceededQuota", "TotalRequests Limit exceeded.")


def _refusal(call: Call, error: OrgError) -> Answer:
    code = error.code if error.code != "NOT_FOUND" else "InvalidUrl"
    body = {"exceptionCode": code, "exceptionMessage": error.message}
    if _wants_json(call):
        return Answer(error.status, body)
    return Answer(error.status, text=formats.as_xml("error", body), content_type=CONTENT["XML"])


def _wants_json(call: Call, job: OldJob | None = None) -> bool:
    """Whether settings go out as JSON: as the request says, else as the job's rows are."""
    for header in ("content-type", "accept"):
        given = call.headers.get(header, "")
        if "json" in given or "xml" in given:
            return "json" in given
    return job is not None and job.content_type == "JSON"


def _shown(call: Call, job: OldJob, name: str, body: Mapping[str, Any], status: int = 200) -> Answer:
    if _wants_json(call, job):
        return Answer(status, dict(body))
    text = formats.as_xml(name, {key: _xml_time(value) for key, value in body.items()})
    return Answer(status, text=text, content_type=CONTENT["XML"])


def _xml_time(value: Any) -> Any:
    return re.sub(r"\+0000$", "Z", value) if isinstance(value, str) else value


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _jobs(call: Call) -> BulkV1:
    return BulkV1(call.org)


def _job(call: Call) -> OldJob:
    return _jobs(call).job(call.arguments["job"])


def _job_body(job: OldJob, batches: Sequence[Batch]) -> dict[str, Any]:
    states = [batch.state for batch in batches]
    milliseconds = int(1000 * sum(batch.seconds for batch in batches))
    return {
        "id": job.id, "operation": job.operation, "object": job.object, "createdById": job.user_id,
        "createdDate": _time(job.created), "systemModstamp": _time(job.modified), "state": job.state,
        "externalIdFieldName": job.external_id, "concurrencyMode": job.concurrency, "contentType": job.content_type,
        "numberBatchesQueued": 0, "numberBatchesInProgress": 0, "numberBatchesCompleted": states.count("Completed"),
        "numberBatchesFailed": states.count("Failed"), "numberBatchesTotal": len(batches),
        "numberRecordsProcessed": sum(batch.processed for batch in batches), "numberRetries": 0,
        "apiVersion": float(job.version), "numberRecordsFailed": sum(batch.failed for batch in batches),
        "totalProcessingTime": milliseconds, "apiActiveProcessingTime": milliseconds, "apexProcessingTime": 0,
    }  # fmt: skip


def _batch_body(batch: Batch) -> dict[str, Any]:
    milliseconds = int(1000 * batch.seconds)
    return {
        "id": batch.id, "jobId": batch.job_id, "state": batch.state, "stateMessage": batch.message,
        "createdDate": _time(batch.created), "systemModstamp": _time(batch.modified),
        "numberRecordsProcessed": batch.processed, "numberRecordsFailed": batch.failed,
        "totalProcessingTime": milliseconds, "apiActiveProcessingTime": milliseconds, "apexProcessingTime": 0,
    }  # fmt: skip


@endpoint("POST", "")
def create(call: Call) -> Answer:
    """A new job."""
    given = _settings(call)
    operation, content_type = given.get("operation", ""), given.get("contentType", "XML")
    if operation not in OPERATIONS:
        raise OrgError(400, "InvalidJob", f"Operation '{operation}' is not supported")
    if content_type not in CONTENT:
        raise OrgError(400, "InvalidJob", f"Content type '{content_type}' is not supported")
    if operation == "hardDelete" and not call.org.options.hard_delete:
        raise OrgError(400, "FeatureNotEnabled", "hardDelete operation requires special user profile permission, "
                       "please contact your system administrator")  # fmt: skip
    name = given.get("object", "")
    if not call.catalogue.has(name):
        raise OrgError(400, "InvalidJob", f"Unable to find object: {name}")
    info = call.catalogue.object(name)
    job = _jobs(call).create(
        operation=operation, object=info.name, user_id=call.user.user_id, version=call.version,
        content_type=content_type, external_id=_key(info, operation, given.get("externalIdFieldName")),
        concurrency=MODES.get(given.get("concurrencyMode", "Parallel"), "Parallel"),
    )  # fmt: skip
    return _shown(call, job, "jobInfo", _job_body(job, []), 201)


def _settings(call: Call) -> dict[str, str]:
    try:
        return formats.settings_of(call.body, _wants_json(call))
    except (ValueError, RecursionError) as problem:
        raise OrgError(400, "InvalidJob", f"Unable to parse Job: {problem}") from None


def _key(info: ObjectInfo, operation: str, name: str | None) -> str | None:
    if operation != "upsert":
        return None
    field = info.fields.get((name or "").lower())
    if field is None or not (field.external_id or field.id_lookup):
        raise OrgError(
            400, "InvalidJob", f"Field name provided, {name} does not match an External ID for {info.name}"
        )
    return field.name


@endpoint("GET", "/{job}")
def read(call: Call) -> Answer:
    """The job and the sums over its batches."""
    job = _job(call)
    return _shown(call, job, "jobInfo", _job_body(job, _jobs(call).batches(job)))


@endpoint("POST", "/{job}")
def change(call: Call) -> Answer:
    """Closes or aborts a job."""
    jobs, job, state = _jobs(call), _job(call), _settings(call).get("state", "")
    if state not in ("Closed", "Aborted"):
        raise OrgError(400, "InvalidJob", f"The state '{state}' is not one that a client can set")
    if job.state == "Aborted" or (job.state == state == "Closed"):
        raise OrgError(400, "InvalidJobState", f"Closing/Aborting already {job.state} Job not allowed")
    job.state = state
    jobs.save(job)
    return _shown(call, job, "jobInfo", _job_body(job, jobs.batches(job)))


@endpoint("POST", "/{job}/batch")
def add(call: Call) -> Answer:
    """A batch of rows, or the text of a query."""
    jobs, job = _jobs(call), _job(call)
    if job.state != "Open":
        raise OrgError(400, "InvalidJobState", f"Job is in state {job.state}, batches cannot be added")
    if len(call.body) > MAX_BATCH:
        raise OrgError(
            400, "ClientInputError", f"Failed to read request. Exceeded max size limit of {MAX_BATCH}"
        )
    if not call.body.strip():
        raise OrgError(400, "InvalidBatch", "The batch is empty")
    try:
        rows = call.body if job.operation in QUERIES else formats.rows_as_csv(call.body, job.content_type)
    except BatchError as problem:
        raise OrgError(400, "InvalidBatch", str(problem)) from None
    batch = jobs.add(job, call.body, rows)
    queued = {**_batch_body(batch), "state": "Queued", "stateMessage": None, "numberRecordsProcessed": 0,
              "numberRecordsFailed": 0}  # fmt: skip
    return _shown(call, job, "batchInfo", queued, 201)


@endpoint("GET", "/{job}/batch")
def batches(call: Call) -> Answer:
    """All batches of a job."""
    job = _job(call)
    bodies = [_batch_body(batch) for batch in _jobs(call).batches(job)]
    if _wants_json(call, job):
        return Answer(body={"batchInfo": bodies})
    shown = [{key: _xml_time(value) for key, value in body.items()} for body in bodies]
    return Answer(text=formats.list_as_xml("batchInfoList", "batchInfo", shown), content_type=CONTENT["XML"])


def _batch(call: Call) -> tuple[OldJob, Batch]:
    job = _job(call)
    return job, _jobs(call).batch(job, call.arguments["batch"])


@endpoint("GET", "/{job}/batch/{batch}")
def read_batch(call: Call) -> Answer:
    """One batch as it stands."""
    job, batch = _batch(call)
    return _shown(call, job, "batchInfo", _batch_body(batch))


@endpoint("GET", "/{job}/batch/{batch}/request")
def request(call: Call) -> Answer:
    """The batch as the client sent it."""
    job, batch = _batch(call)
    return Answer(text=_jobs(call).request_path(batch).read_bytes(), content_type=CONTENT[job.content_type])


@endpoint("GET", "/{job}/batch/{batch}/result")
def results(call: Call) -> Answer:
    """What became of each row; for a query the ids of its answers."""
    job, batch = _batch(call)
    if batch.state == "Failed":
        raise OrgError(400, "InvalidBatch", batch.message or "Batch failed")
    if job.operation in QUERIES:
        if _wants_json(call, job):
            return Answer(body=[batch.result_id])
        text = formats.as_xml("result-list", {"result": batch.result_id})
        return Answer(text=text, content_type=CONTENT["XML"])
    text = formats.results_as(job.content_type, _jobs(call).results(batch))
    return Answer(text=text, content_type=CONTENT[job.content_type])


@endpoint("GET", "/{job}/batch/{batch}/result/{result}")
def answer(call: Call) -> Answer:
    """A query's answer."""
    job, batch = _batch(call)
    if batch.result_id is None or batch.result_id[:15] != call.arguments["result"][:15]:
        raise not_found(f"Unable to find result for id: {call.arguments['result']}")
    path = _jobs(call).result_path(batch)
    if job.content_type == "CSV":
        return Answer(file=path, content_type=CONTENT["CSV"])
    records = json.loads(path.read_text(encoding="utf-8"))
    shown = (
        formats.records_as_json(records) if job.content_type == "JSON" else formats.records_as_xml(records)
    )
    return Answer(text=shown, content_type=CONTENT[job.content_type])
