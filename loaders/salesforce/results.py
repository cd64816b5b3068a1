"""What became of a job's rows: all three result sets, by key and never by order, and what was not told.

Accepted, failed and unprocessed rows must add up to the rows sent. What is missing is asked of the org by
key before anything is sent again: a row that the org changed after the job was made was accepted, and only
its answer was lost.
"""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loaders.errors import RemoteError
from loaders.salesforce import bulk
from loaders.salesforce.collect_sql import wrote_sql
from loaders.salesforce.export import literal, quoted, read_sql, result_key_sql
from loaders.salesforce.facts import object_facts
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.session import Org, RequestFailedError
from loaders.salesforce.soql import id_lists

ANSWERS = (
    "create or replace temp table answers (result_key varchar, sf_id varchar, outcome varchar, error_code varchar, "
    "error_text varchar);\n"
    "create or replace temp table wrote (result_key varchar, written varchar, filled varchar)"
)
TOLD = "insert into answers (result_key, sf_id, outcome, error_code, error_text)"


@dataclass(frozen=True)
class Outcome:
    """What became of one job. `failure` is set when the job itself failed, after `processed` rows."""

    job: Job
    accepted: int
    refused: int
    unprocessed: int
    lost: int
    failure: str | None = None
    processed: int = 0

    def line(self) -> str:
        """One line of progress."""
        parts = [f"{self.accepted:,} accepted"]
        parts += [f"{self.refused:,} refused"] if self.refused else []
        parts += [f"{self.unprocessed:,} not processed"] if self.unprocessed else []
        parts += [f"{self.lost:,} without an answer"] if self.lost else []
        return f"{self.job.mart}: job {self.job.job_id}: {', '.join(parts)}"


@dataclass(frozen=True)
class Fetched:
    """A job that is over, and its three result sets as files by name."""

    info: bulk.JobInfo
    files: Mapping[str, Path]

    @property
    def failure(self) -> str | None:
        """Why the job as such failed, None if it did not."""
        return self.info.error or f"it ended {self.info.state}" if self.info.state != "JobComplete" else None


def fetch(org: Org, job: Job, pause: Callable[[float], object] = time.sleep) -> Fetched:
    """The results of a closed job, once it is over. Raises RemoteError. Does not touch the ledger."""
    assert job.job_id, job.job_key  # noqa: S101  a closed job has an id
    try:
        info = bulk.wait_for_job(org, job.job_id, pause=pause)
        return Fetched(info, bulk.download_results(org, job.job_id, job.part_file))
    except RequestFailedError as error:
        if error.status != 404:
            raise
    org.report(f"{job.mart}: the org has forgotten job {job.job_id}; asking for its rows by key.")
    forgotten = "the org has forgotten the job"
    return Fetched(bulk.JobInfo(job.job_id, "Forgotten", job.job_created_at, 0, 0, forgotten), {})


def settle(org: Org, ledger: Ledger, org_id: str, job: Job, fetched: Fetched) -> Outcome:
    """The outcome of a job that is over, once everything is in the ledger. Raises RemoteError."""
    info, failure = fetched.info, fetched.failure
    ledger.con.execute(ANSWERS)
    for name, file in fetched.files.items():
        _read_answers(ledger, job, name, file, failure)
    missing = _check_sum(ledger, job)
    if missing and info.state == "Failed" and not info.processed:
        _mark_unprocessed(ledger, job, failure)
    elif missing:
        _ask_by_key(org, ledger, job, info.created_at or job.job_created_at)
    contents = _contents(ledger, job, None if missing else fetched.files.get("successfulResults"))
    job = replace(job, finished_at=info.modified, user_id=info.user_id)
    state = {"JobComplete": "complete", "Aborted": "aborted", "Forgotten": "lost"}.get(info.state, "failed")
    counts = ledger.collect(org_id, job, state, failure, contents)
    return _outcome(job, counts, failure if info.state != "Forgotten" else None, info.processed)


def _outcome(
    job: Job, counts: Mapping[tuple[str, str | None], int], failure: str | None, processed: int
) -> Outcome:
    """Sums by outcome; a row that was only found is still without an answer."""
    refused = {code: count for (outcome, code), count in counts.items() if outcome == "refused"}
    unprocessed, lost = refused.pop("UNPROCESSED", 0), refused.pop("LOST_RESULT", 0)
    return Outcome(
        job=job,
        accepted=counts.get(("accepted", None), 0),
        refused=sum(refused.values()),
        unprocessed=unprocessed,
        lost=lost + counts.get(("found", None), 0),
        failure=failure,
        processed=processed,
    )


def _read_answers(ledger: Ledger, job: Job, name: str, file: Path, failure: str | None) -> None:
    """Adds one result set to `answers`."""
    columns = header_of(file)
    if not columns:
        return
    key = result_key_sql(
        ["sf__Id"] if job.result_columns == ("Id",) and "Id" not in columns else job.result_columns
    )
    if name == "successfulResults":
        cells = "sf__Id, 'accepted', null, null"
    elif name == "failedResults":
        cells = "sf__Id, 'refused', trim(split_part(sf__Error, ':', 1)), trim(sf__Error)"
    else:
        reason = literal(f"job {job.job_id}: {failure or 'not processed'}")
        cells = f"null, 'refused', 'UNPROCESSED', {reason}"
    ledger.con.execute(f"{TOLD} select {key}, {cells} from {read_sql([str(file)], columns)}")


def _contents(ledger: Ledger, job: Job, accepted: Path | None) -> str:
    """A select of result_key, written and filled of the accepted rows of a job.

    From the results of accepted rows, which repeat what was sent, if they tell all of it; else from the part, which may
    have been removed meanwhile: then it is not known any more.
    """
    part = header_of(job.part_file) if job.part_file.exists() else []
    fields = [name for name in part if name != "Id"]
    told = header_of(accepted) if accepted else []
    if not fields:
        return "select * from wrote"
    unique = len(job.result_columns) == 1
    key = result_key_sql(job.result_columns)
    if accepted and unique and set(part) <= set(told):
        return wrote_sql(key, fields, read_sql([str(accepted)], told))
    select = wrote_sql(key, fields, read_sql([str(job.part_file)], part))
    return select if unique else f"{select} qualify row_number() over (partition by result_key) = 1"


def header_of(file: Path) -> list[str]:
    """The column names of a result file; none if it is empty."""
    with file.open(encoding="utf-8", newline="") as stream:
        return next(csv.reader(stream), [])


def _check_sum(ledger: Ledger, job: Job) -> int:
    """How many rows have no answer. Raises RemoteError for answers to rows that were never in the job."""
    sent = f"(select result_key from ledger.sent where job_no = {job.job_no}) as sent"
    missing, strange = ledger.one(
        "select count(*) filter (answers.result_key is null), count(*) filter (sent.result_key is null)\n"
        f"from {sent} full join answers on sent.result_key = answers.result_key"
    )
    if strange:
        rows = ledger.rows(
            f"select result_key from answers where result_key not in (select result_key from {sent}) limit 3"
        )
        raise RemoteError(
            f"{job.mart}: the results of job {job.job_id} name rows that were not in {job.part_file.name}: "
            f"{', '.join(str(key) for (key,) in rows)}.",
            f"compare {job.part_file} with the job in Salesforce Setup > Bulk Data Load Jobs",
        )
    return int(missing)


def _mark_unprocessed(ledger: Ledger, job: Job, failure: str | None) -> None:
    """Adds an answer for the rows of a job that failed before its first row; the org says nothing of them."""
    reason = literal(f"job {job.job_id}: {failure}")
    ledger.con.execute(
        f"{TOLD} select result_key, null, 'refused', 'UNPROCESSED', {reason}\n"
        f"from ledger.sent where job_no = {job.job_no}\n"
        "and result_key not in (select result_key from answers)"
    )


def _ask_by_key(org: Org, ledger: Ledger, job: Job, since: str | None) -> None:
    """Adds an answer for every row without one, by what the org holds now.

    A new row that is there and was touched since the job was made is accepted. A changed row that is there
    is sent again, which does no harm: whether the change or a person touched it cannot be told.
    """
    columns = list(dict.fromkeys(["Id", *job.result_columns, "SystemModstamp"]))
    folder = job.part_file.with_name(f"{job.part_file.name}.asked")
    files = []
    for condition in _asked_for(ledger, job, since):
        soql = f"SELECT {', '.join(columns)} FROM {job.object}{condition}"
        files += [str(file) for file in bulk.query_to_files(org, soql, folder) if header_of(file)]
    found = "select null::varchar as result_key, null::varchar as sf_id where false"
    if files:
        key = result_key_sql(job.result_columns)
        found = f"select {key} as result_key, {quoted('Id')} as sf_id from {read_sql(files, columns)}"
    ledger.con.execute(f"create or replace temp table in_org as {found}")
    provable = "sent.is_new" if since else "false"
    silence = f"job {job.job_id} gave no answer for this row"
    ledger.con.execute(
        f"{TOLD} select sent.result_key, max(in_org.sf_id),\n"
        f"    case when max(in_org.sf_id) is null then 'refused' when any_value({provable}) then 'accepted'\n"
        "        else 'found' end,\n"
        "    case when max(in_org.sf_id) is null then 'LOST_RESULT' end,\n"
        f"    case when max(in_org.sf_id) is null then {literal(silence)} end\n"
        "from ledger.sent as sent left join in_org on sent.result_key = in_org.result_key\n"
        f"where sent.job_no = {job.job_no}\n"
        "    and sent.result_key not in (select result_key from answers)\ngroup by sent.result_key"
    )


def _asked_for(ledger: Ledger, job: Job, since: str | None) -> Iterator[str]:
    """The conditions of the queries for rows without an answer: since when, or of which parents if the org asks for that."""
    asked_by = object_facts(job.object).asked_by
    if asked_by not in job.result_columns:
        yield f" WHERE SystemModstamp >= {soql_time(since)}" if since else ""
        return
    place = job.result_columns.index(asked_by) + 1
    values = ledger.rows(
        f"select distinct split_part(result_key, chr(31), {place}) from ledger.sent where job_no = {job.job_no}\n"
        "and result_key not in (select result_key from answers) order by 1"
    )
    yield from (f" WHERE {one}" for one in id_lists(asked_by, [value for (value,) in values]))


def soql_time(stamp: str) -> str:
    """A date and time as SOQL wants it, from what the API gives (`…+0000` or `…Z`)."""
    return re.sub(r"(\+0000|\+00:00)$", "Z", stamp)


def problems_sql(org_id: str, mart: str, limit: int = 10) -> tuple[str, Sequence[str | int]]:
    """The most frequent refusals of a mart, with one example each: code, count, record_key, text."""
    return (
        "select error_code, count(*), min(record_key), arg_min(error_text, record_key) from ledger.records "
        "where org_id = ? and mart = ? and status = 'refused' group by 1 order by 2 desc, 1 limit ?",
        [org_id, mart, limit],
    )
