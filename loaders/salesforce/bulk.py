"""Bulk API 2.0: jobs that write and queries that read, both as files on disk, never held as a whole.

One upload a job: a second PUT spoils it, so a part whose upload failed goes into a new job and the old one
is aborted.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from requests import RequestException
from urllib3.exceptions import HTTPError

from loaders.errors import RemoteError
from loaders.salesforce.session import BLOCK, Org, RequestFailedError

RESULT_SETS = ("successfulResults", "failedResults", "unprocessedrecords")
FINAL = frozenset({"JobComplete", "Failed", "Aborted"})
CLOSED = frozenset({"UploadComplete", "InProgress", "JobComplete", "Failed"})
_BROKEN = (HTTPError, RequestException, OSError, EOFError)
QUERY_PAGE = 250_000  # rows a page; the org may send fewer


@dataclass(frozen=True)
class JobInfo:
    """What the org says about a job."""

    job_id: str
    state: str
    created_at: str | None
    processed: int
    failed: int
    error: str | None
    modified: str | None = None
    user_id: str | None = None

    @classmethod
    def of(cls, body: dict[str, Any]) -> JobInfo:
        """From the JSON of the API."""
        return cls(
            job_id=body["id"],
            state=body["state"],
            created_at=body.get("createdDate"),
            processed=int(body.get("numberRecordsProcessed") or 0),
            failed=int(body.get("numberRecordsFailed") or 0),
            error=body.get("errorMessage"),
            modified=body.get("systemModstamp"),
            user_id=body.get("createdById"),
        )


def create_job(org: Org, sobject: str, operation: str, key: str | None) -> JobInfo:
    """A new open job for one part. A try without an answer may leave an empty job, which does no harm."""
    body = {
        "object": sobject,
        "operation": operation,
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    if operation == "upsert":
        body["externalIdFieldName"] = str(key)
    return JobInfo.of(org.request("POST", "jobs/ingest", json=body).json())


def upload(org: Org, job_id: str, part: Path) -> None:
    """Streams a part into an open job, once. Raises RemoteError when it is not sure that the org has it."""
    with part.open("rb") as file:
        org.request(
            "PUT",
            f"jobs/ingest/{job_id}/batches",
            once=True,
            data=file,
            headers={"Content-Type": "text/csv; charset=UTF-8", "Content-Length": str(part.stat().st_size)},
        )


def close_job(org: Org, job_id: str) -> None:
    """Tells the org to work on the job. An answer that was lost is no failure if the org did understand."""
    try:
        org.request("PATCH", f"jobs/ingest/{job_id}", json={"state": "UploadComplete"})
    except RequestFailedError:
        if job_info(org, job_id).state not in CLOSED:
            raise


def abort_job(org: Org, job_id: str) -> None:
    """Ends an open job without effect; a job that is gone or over is left as it is."""
    try:
        org.request("PATCH", f"jobs/ingest/{job_id}", json={"state": "Aborted"})
    except RequestFailedError as error:
        if error.status not in (400, 404, 405):
            raise


def job_info(org: Org, job_id: str, kind: str = "ingest") -> JobInfo:
    """The job as the org sees it now; RequestFailedError 404 when the org has forgotten it."""
    return JobInfo.of(org.request("GET", f"jobs/{kind}/{job_id}").json())


def wait_for_job(
    org: Org, job_id: str, kind: str = "ingest", pause: Callable[[float], object] = time.sleep
) -> JobInfo:
    """The job once it has ended, asked ever less often; RemoteError after Pace.job_patience seconds.

    `pause` waits between two looks; what it raises ends the waiting.
    """
    deadline = time.monotonic() + org.pace.job_patience
    seconds = org.pace.first_poll
    while True:
        info = job_info(org, job_id, kind)
        if info.state in FINAL:
            return info
        if time.monotonic() > deadline:
            raise RemoteError(f"Job {job_id} is still {info.state} after {org.pace.job_patience:.0f} s.")
        pause(seconds)
        seconds = min(seconds * 1.5, org.pace.longest_poll)


def download_results(org: Org, job_id: str, stem: Path) -> dict[str, Path]:
    """The three result sets of a job as files beside `stem`, by name of the set."""
    files = {}
    for name in RESULT_SETS:
        files[name] = stem.with_name(f"{stem.name}.{name}.csv")
        _download(org, f"jobs/ingest/{job_id}/{name}", files[name], {})
    return files


def query_to_files(org: Org, soql: str, folder: Path, operation: str = "query") -> Iterator[Path]:
    """The answer to a bulk query as CSV files, one a page; `operation` may be queryAll."""
    folder.mkdir(parents=True, exist_ok=True)
    body = {"operation": operation, "query": soql, "lineEnding": "LF", "columnDelimiter": "COMMA"}
    job_id = org.request("POST", "jobs/query", json=body).json()["id"]
    info = wait_for_job(org, job_id, kind="query")
    if info.state != "JobComplete":
        raise RemoteError(
            f"The query job {job_id} ended {info.state}: {info.error or 'no reason given'}. Query: {soql}"
        )
    locator, number = "", 0
    while locator != "null":
        params: dict[str, str | int] = {"maxRecords": QUERY_PAGE}
        if locator:
            params["locator"] = locator
        page = folder / f"{job_id}_{number:05d}.csv"
        locator = _download(org, f"jobs/query/{job_id}/results", page, params) or "null"
        number += 1
        yield page


def _download(org: Org, path: str, target: Path, params: dict[str, Any]) -> str | None:
    """Streams an answer to a file, whole or not at all, and returns the locator of the next page.

    A connection that breaks in the middle is not seen by the retries of the call itself, so it starts again
    here.
    """
    part = target.with_name(f"{target.name}.part")
    for attempt in range(1, org.pace.attempts + 1):
        try:
            with org.request(
                "GET", path, params=params, headers={"Accept": "text/csv"}, stream=True
            ) as response:
                response.raw.decode_content = True
                with part.open("wb") as file:
                    shutil.copyfileobj(response.raw, file, BLOCK)
                _check_length(response.headers, part)
                locator = response.headers.get("Sforce-Locator")
            part.replace(target)
            return str(locator) if locator else None
        except _BROKEN as error:
            if attempt == org.pace.attempts:
                raise RemoteError(f"{path} broke off {attempt} times ({type(error).__name__}).") from error
            org.report(f"{path} broke off; reading it again.")
            time.sleep(min(org.pace.first_wait * 2**attempt, org.pace.longest_wait))
    raise AssertionError("unreachable")


def _check_length(headers: Mapping[str, str], file: Path) -> None:
    """EOFError when a plain answer is shorter than announced; a stream that ends early raises nothing."""
    length = headers.get("Content-Length")
    if length and "Content-Encoding" not in headers and file.stat().st_size != int(length):
        raise EOFError(f"{file.stat().st_size} of {length} bytes")
