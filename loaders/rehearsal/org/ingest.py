"""How the data of a Bulk 2.0 ingest job becomes records: upload file → staging table → batches → three
result files.

Rows never pass through Python: DuckDB reads the upload, the writer checks and stores ten thousand rows
at a time, and the results are written in an order shuffled by the org's seed, because Salesforce
promises none.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from loaders.rehearsal.org.deletes import delete_batch
from loaders.rehearsal.org.failures import HeaderError
from loaders.rehearsal.org.faults import Rule
from loaders.rehearsal.org.header import Column, resolve
from loaders.rehearsal.org.jobs import DELIMITERS, LINE_ENDINGS, Job
from loaders.rehearsal.org.locks import Locks, chosen, upload_table
from loaders.rehearsal.org.state import Org, Session
from loaders.rehearsal.org.store import literal, quote
from loaders.rehearsal.org.writer import write_batch

HEADER_BYTES = 1 << 20
RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")
DELETES = ("delete", "hardDelete")


class UploadError(Exception):
    """Data that fails the whole job; the text is the job's errorMessage."""


class Ingest:
    """Works on the ingest jobs of one org."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.locks = Locks(org, self.columns)

    def step(self, job: Job) -> None:
        """Stages the upload, or writes the next batch, or ends the job."""
        rules = {rule.action: rule for rule in self.org.faults.for_job(job.id, job.object, job.operation)}
        if job.state == "UploadComplete":
            if "slow" in rules and not job.not_before:
                job.not_before = time.time() + rules["slow"].value("seconds", 2.0)
                return
            self.org.edits.happened("at_job")
            try:
                self._stage(job)
            except (UploadError, HeaderError) as problem:
                prefix = "" if isinstance(problem, UploadError) else "InvalidBatch : "
                self.fail(job, f"{prefix}{problem}")
            return
        if "stuck" in rules:
            job.not_before = time.time() + 3600
            return
        if "fail" in rules and job.next_row > rules["fail"].value("after_rows", 0):
            self.fail(
                job, "InternalServerError : Unable to process the batch; the job has been retried 10 times"
            )
            return
        used, allowed = self.org.limits.used("DailyBulkApiBatches"), self.org.options.daily_bulk_batches
        if job.next_row <= job.rows and used >= allowed:
            self.fail(job, "ExceededQuota : The daily limit of Bulk API batches has been exceeded")
            return
        if job.next_row <= job.rows:
            self._batch(job, rules)
        if job.next_row > job.rows:
            self.end(job, "JobComplete")

    def fail(self, job: Job, message: str) -> None:
        """Ends the job as Failed; what was written stays, the rest is reported as unprocessed."""
        job.error = message
        self.end(job, "Failed")

    def upload_path(self, job: Job) -> Path:
        """Where the job's data lies."""
        return self.org.store.files / f"{job.id}.csv"

    def result_path(self, job: Job, name: str) -> Path:
        """Where one of the three result sets lies."""
        return self.org.store.files / f"{job.id}.{name}.csv"

    def discard(self, job: Job) -> None:
        """Removes everything that belongs to the job but the job itself."""
        for path in (self.upload_path(job), *(self.result_path(job, name) for name in RESULTS)):
            path.unlink(missing_ok=True)
        with self.org.store.write() as connection:
            connection.execute(f"drop table if exists {upload_table(job)}")
            connection.execute(f"drop table if exists {_result(job)}")

    def at_once(self, job: Job, path: Path, most: int) -> list[tuple[str | None, bool, str | None]]:
        """Writes a whole upload in one transaction: id, created and error of each row, in the order of
        the upload.

        For Bulk v1, whose results keep that order. Raises UploadError or HeaderError for data that
        fails as a whole.
        """
        rules = {rule.action: rule for rule in self.org.faults.for_job(job.id, job.object, job.operation)}
        job.header = read_header(path, job)
        self.columns(job, job.header)
        with self.org.store.write() as connection:
            try:
                connection.execute(_read_csv(job, path, len(job.header)))
            except duckdb.Error as problem:
                raise UploadError(f"InvalidBatch : {_plain_reason(str(problem))}") from None
            count = (connection.execute(f"select count(*) from {upload_table(job)}").fetchone() or (0,))[0]
            if count > most:
                raise UploadError(
                    f"InvalidBatch : Records not processed. The batch has more than {most} records"
                )
            rows = f"select rowid + 1 as row_no, * from {upload_table(job)}"
            locked = self.locks.losers(connection, job, rows, rules)
            if locked:
                self._write(job, f"select * from ({rows}) where row_no not in (select row_no from {locked})")
                connection.execute(f"insert into outcome select row_no, null, false, error from {locked}")
            else:
                self._write(job, rows)
            found = connection.execute("select id, created, error from outcome order by row_no").fetchall()
            connection.execute(f"drop table {upload_table(job)}")
        return [(identifier, bool(created), error) for identifier, created, error in found]

    # -- staging
    # ---------------------------------------------------------------------------------------------------

    def _stage(self, job: Job) -> None:
        path = self.upload_path(job)
        header = read_header(path, job)
        self.columns(job, header)
        with self.org.store.write() as connection:
            connection.execute(f"drop table if exists {upload_table(job)}")
            try:
                connection.execute(_read_csv(job, path, len(header)))
            except duckdb.Error as problem:
                raise UploadError(f"InvalidBatch : {_plain_reason(str(problem))}") from None
            connection.execute(
                f"create or replace table {_result(job)} (row_no bigint, id varchar, created "
                f"boolean, error varchar)"
            )
            job.rows = (connection.execute(f"select count(*) from {upload_table(job)}").fetchone() or (0,))[0]
            job.header, job.state, job.next_row = header, "InProgress", 1
            if self.org.options.row_locks:
                job.not_before = time.time() + self.org.options.lock_seconds
            self.org.jobs.save(job)

    def _restage(self, job: Job) -> None:
        """Reads the upload again after the org was stopped half-way.

        In a transaction of its own: rows that are not committed yet have other rowids.
        """
        with self.org.store.write() as connection:
            if not _is_staged(connection, job):
                connection.execute(_read_csv(job, self.upload_path(job), len(job.header)))

    def columns(self, job: Job, header: list[str]) -> list[Column]:
        """The meaning of the header. Raises HeaderError; a delete takes nothing but ids."""
        info = self.org.catalogue.object(job.object)
        columns = resolve(self.org.catalogue, info, header)
        binary = [column.name for column in columns if column.field.type == "base64"]
        if binary:
            raise HeaderError(f"Binary fields are not supported by Bulk API 2.0 : {binary[0]}")
        if job.operation in DELETES and (len(columns) != 1 or columns[0].field.name != "Id"):
            raise HeaderError("Only the Id field is allowed in a delete job")
        return columns

    # -- batches
    # ---------------------------------------------------------------------------------------------------

    def _batch(self, job: Job, rules: Mapping[str, Rule]) -> None:
        started = time.monotonic()
        last = min(job.next_row + self._span() - 1, job.rows)
        if "fail" in rules and rules["fail"].value("after_rows", 0) >= job.next_row:
            last = min(last, int(rules["fail"].value("after_rows", 0)))
        before = (job.next_row, job.processed, job.failed)
        self._restage(job)
        between = f"rowid between {job.next_row - 1} and {last - 1}"
        rows = f"select rowid + 1 as row_no, * from {upload_table(job)} where {between}"
        try:
            with self.org.store.write() as connection:
                if job.state != "InProgress":
                    return
                locked = self.locks.losers(connection, job, rows, rules)
                untried = [f"select row_no from {locked}"] if locked else []
                if "unprocessed" in rules:
                    untried.append(f"select row_no from ({rows}) where {chosen(job, rules['unprocessed'])}")
                tried = f"select * from ({rows}) where row_no not in ({' union all '.join(untried)})"
                self._write(job, tried if untried else rows)
                if locked:
                    connection.execute(f"insert into outcome select row_no, null, false, error from {locked}")
                connection.execute(f"insert into {_result(job)} select * from outcome")
                done, failed = connection.execute(
                    "select count(*), count(error) from outcome"
                ).fetchone() or (0, 0)
                job.processed, job.failed, job.next_row = job.processed + done, job.failed + failed, last + 1
                job.seconds += time.monotonic() - started
                self.org.jobs.save(job)
        except BaseException:
            job.next_row, job.processed, job.failed = before
            raise
        self.org.limits.count("DailyBulkApiBatches", -(-done // self.org.options.batch_rows))
        self.org.limits.count("BulkRecords", done)

    def _span(self) -> int:
        """Rows of one transaction: several internal batches at once, because planning a statement costs
        as much as running it over ten thousand rows. Chunks and allowances are counted as if they had
        gone one by one.
        """
        at_once = 1 if self.org.options.row_locks else self.org.options.batches_at_once
        left = self.org.options.daily_bulk_batches - self.org.limits.used("DailyBulkApiBatches")
        return self.org.options.batch_rows * max(1, min(at_once, left))

    def _write(self, job: Job, rows: str) -> None:
        session = Session("", job.user_id, 0.0)
        context = self.org.context(session, "bulk")
        info = context.catalogue.object(job.object)
        if job.operation in DELETES:
            hard = job.operation == "hardDelete"
            delete_batch(self.org.store, context, info, f"select row_no, c0 as id from ({rows})", hard=hard)
            return
        columns = self.columns(job, job.header)
        external_id = info.field(job.external_id) if job.external_id else None
        write_batch(self.org.store, context, info, job.operation, columns, rows, external_id)

    # -- results
    # ---------------------------------------------------------------------------------------------------

    def end(self, job: Job, state: str) -> None:
        """Writes the three result sets of a job and closes it; rows that were not tried are unprocessed."""
        if job.header and job.rows:
            self._restage(job)
        with self.org.store.write() as connection:
            if job.state == "Aborted":  # by a client while the last batch was running
                return
            staged = _is_staged(connection, job)
            original = [f"c{place} as {quote(name)}" for place, name in enumerate(job.header)]
            for name, extra, where in (
                (
                    RESULTS[0],
                    ['id as "sf__Id"', 'coalesce(created, false) as "sf__Created"'],
                    "tried is not null and error is null",
                ),
                (
                    RESULTS[1],
                    ["coalesce(id, '') as \"sf__Id\"", f'{_error_text()} as "sf__Error"'],
                    "error is not null",
                ),
                (RESULTS[2], [], "tried is null"),
            ):
                path = self.result_path(job, name)
                if not staged:
                    path.write_text("", encoding="utf-8")
                    continue
                self._export(connection, job, path, [*extra, *original], where)
            connection.execute(f"drop table if exists {upload_table(job)}")
            connection.execute(f"drop table if exists {_result(job)}")
            self.locks.forget(connection, job)
            job.state = state
            self.org.jobs.save(job)
        self.upload_path(job).unlink(missing_ok=True)

    def _export(
        self, connection: duckdb.DuckDBPyConnection, job: Job, path: Path, columns: list[str], where: str
    ) -> None:
        for rule in self.org.faults.for_job(job.id, job.object, job.operation):
            if rule.action == "lost_results":
                where = f"({where}) and not {chosen(job, rule).replace('row_no', 'uploads.row_no')}"
        mark = literal(DELIMITERS[job.delimiter])
        ending = "\\r\\n" if job.line_ending == "CRLF" else "\\n"
        source = (
            f"select {', '.join(columns)} from (select rowid + 1 as row_no, * from {upload_table(job)}) "
            f"uploads left join "
            f"(select row_no as tried, id, created, error from {_result(job)}) on tried = "
            f"uploads.row_no where {where} "
            f"order by hash(uploads.row_no + {self.org.options.seed} * 1000003)"
        )
        connection.execute(
            f"copy ({source}) to {literal(str(path))} (format csv, header, force_quote *, "
            f"delimiter {mark}, new_line '{ending}')"
        )
        _drop_last_newline(path, len(LINE_ENDINGS[job.line_ending]))


def read_header(path: Path, job: Job) -> list[str]:
    """The column names of an upload. Raises UploadError for an empty file, foreign encoding or the
    wrong line ending."""
    if not path.exists():
        raise UploadError("InvalidBatch : No data was uploaded")
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    try:
        text = head.decode("utf-8-sig", "strict" if len(head) < HEADER_BYTES else "ignore")
    except UnicodeDecodeError:
        raise UploadError("ClientInputError : Data is not encoded in UTF-8") from None
    if not text.strip():
        raise UploadError("InvalidBatch : The data has no header row")
    first_line = text.splitlines(keepends=True)[0]
    ending = "CRLF" if first_line.endswith("\r\n") else "LF"
    if first_line.endswith(("\n", "\r")) and ending != job.line_ending:
        raise UploadError(
            f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is "
            f"{job.line_ending}"
        )
    try:
        return next(
            csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[job.delimiter], strict=True)
        )
    except (csv.Error, StopIteration):
        raise UploadError("InvalidBatch : The header row is not valid CSV") from None


def _read_csv(job: Job, path: Path, width: int) -> str:
    names = [f"c{place}" for place in range(width)]
    spec = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    # new_line is only given for LF: with an explicit CRLF DuckDB 1.5 skips every row.
    ending = ", new_line = '\\n'" if job.line_ending == "LF" else ""
    return (
        f"create temp table {upload_table(job)} as select {', '.join(names)} from "
        f"read_csv({literal(str(path))}, header = true, auto_detect = false, columns = {{{spec}}}, "
        f"delim = {literal(DELIMITERS[job.delimiter])}, quote = '\"', escape = '\"'{ending}, "
        f"nullstr = '', strict_mode = true)"
        # With one column an empty line is read as a row; elsewhere a row of empty cells is a row.
        f"{' where c0 is not null' if width == 1 else ''}"
    )


def _plain_reason(text: str) -> str:
    """DuckDB's complaint in words that fit: it must not show paths of this machine."""
    lowered = text.lower()
    if "unicode" in lowered or "utf-8" in lowered or "utf8" in lowered:
        return "Data is not encoded in UTF-8"
    if "expected number of columns" in lowered:
        return "A row of the CSV data has more or fewer columns than the header"
    if "unterminated quote" in lowered:
        return "Unterminated or misplaced quote in the CSV data"
    if "maximum line size" in lowered:
        return "A record is longer than 400,000 characters"
    return "The CSV data could not be read"


def _error_text() -> str:
    """SQL: an `outcome` error as the text of a Bulk result row."""
    code = "split_part(error, chr(31), 1)"
    fields = "replace(regexp_extract(error, '[^\\x1f]*$'), ', ', ' ')"
    ends = f"length({code}) - length(regexp_extract(error, '[^\\x1f]*$'))"
    message = f"substr(error, length({code}) + 2, length(error) - {ends} - 2)"
    return (
        f"({code} || ':' || {message} || ':' || case when {fields} = '' then '--' else {fields} || ' --' end)"
    )


def _is_staged(connection: duckdb.DuckDBPyConnection, job: Job) -> bool:
    return _is_table(connection, f"upload_{job.id}")


def _is_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return (
        connection.execute("select 1 from duckdb_tables() where table_name = ?", [name]).fetchone()
        is not None
    )


def _result(job: Job) -> str:
    return f"meta.{quote(f'result_{job.id}')}"


def _drop_last_newline(path: Path, length: int) -> None:
    size = path.stat().st_size
    if size > length:
        with path.open("r+b") as file:
            file.truncate(size - length)
