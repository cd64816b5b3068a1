"""The ledger: what was sent to which org, and what became of it. A DuckDB file apart from the warehouse.

Everything is keyed by org id, so one file serves sandbox and production. A load writes here before it
writes to the org, in this order, and a crash between any two steps can be resumed:

    prepared   part written, its hash, rows and their payload hashes are known
    created    the org made a job and told its id; no data there yet
    closed     the data is uploaded and the org was told to work
    complete   all results are in `records`          (or: aborted, failed, lost)

All statements are set-based: the rows themselves never become Python objects.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from loaders.errors import ConfigurationError
from loaders.salesforce import ledger_schema
from loaders.salesforce.collect_sql import (
    DELETIONS,
    NOW,
    collected_sql,
    deleted_sql,
    insert_sql,
    journal_sql,
    known_sql,
    undone_sql,
    update_sql,
    written_sql,
)
from loaders.salesforce.export import WAREHOUSE, literal
from loaders.salesforce.registry import transient_codes

LOAD, ROLLBACK = "load", "rollback"
SCRATCH = """
create or replace temp table resolved (mart varchar, match_key varchar, sf_id varchar, copies bigint);
create or replace temp table planned (mart varchar, record_key varchar);
create or replace temp table org_keys (mart varchar, record_key varchar, sf_id varchar);
create or replace temp table org_clashes (mart varchar, record_key varchar, sf_id varchar);
create or replace temp table sample (mart varchar, record_key varchar);
create or replace temp table images (
    record_key varchar, sf_id varchar, payload varchar, modstamp varchar, modified_at varchar, modified_by varchar
);
create or replace temp table wrote (result_key varchar, written varchar, filled varchar);
create or replace temp table undoing (record_key varchar, image_run varchar);
"""
# Most of the time of a load into the ledger would go into these, for a third of the size.
SLOW_COMPRESSION = "fsst,zstd,dict_fsst,dictionary"
OPEN_STATES = ("prepared", "created", "closed")


@dataclass(frozen=True)
class Job:
    """One part and the Bulk API job that carries it."""

    job_key: str
    run_id: str
    mart: str
    object: str
    operation: str
    result_columns: tuple[str, ...]
    part_file: Path
    sha256: str
    bytes: int
    rows: int = 0
    job_no: int = 0
    job_id: str | None = None
    job_created_at: str | None = None
    state: str = "prepared"
    purpose: str = LOAD
    finished_at: str | None = None
    user_id: str | None = None
    clashes: frozenset[int] = frozenset()  # numbers of the jobs that lock a record that this one locks


class Ledger:
    """An open ledger. Use as a context manager; one process at a time can hold it."""

    def __init__(self, path: Path, spill: Path | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.con = duckdb.connect(":memory:")
        self.con.execute("set TimeZone = 'UTC'")
        self.con.execute("set enable_progress_bar = false")
        self.con.execute(f"set disabled_compression_methods = {literal(SLOW_COMPRESSION)}")
        self.con.execute(f"set memory_limit = {literal(os.environ.get('SFM_MEMORY_LIMIT', '600MB'))}")
        self.con.execute(f"set temp_directory = {literal(str(spill or path.parent / 'spill'))}")
        self._attach(path, "ledger", "")
        ledger_schema.prepare(self.con, path)
        self.con.execute(SCRATCH)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.con.close()

    def _attach(self, path: Path, name: str, options: str) -> None:
        """Attaches a file; ConfigurationError when another process holds it."""
        try:
            self.con.execute(f"attach {literal(str(path))} as {name} {options}")
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise ConfigurationError(
                    f"{path} is in use by another process ({_holder(str(error))}).",
                    "wait until that command has ended, then run this one again",
                ) from error
            raise ConfigurationError(f"{path} cannot be opened: {error}") from error
        except duckdb.Error as error:
            raise ConfigurationError(
                f"{path} is no database that this version can read: {str(error).splitlines()[0]}",
                "move it away, or use the version that wrote it",
            ) from error

    @contextmanager
    def warehouse(self, path: Path) -> Iterator[None]:
        """The warehouse, attached read-only as `warehouse`, only while needed: dbt is not locked out."""
        if not path.exists():
            raise ConfigurationError(f"{path} is not there.", "run `refresh-raw` and `dbt build` first")
        self._attach(path, WAREHOUSE, "(read_only)")
        try:
            yield
        finally:
            self.con.execute(f"detach {WAREHOUSE}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self.con.execute("begin")
        try:
            yield
        except BaseException:
            self.con.execute("rollback")
            raise
        self.con.execute("commit")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""
        return self.con.execute(sql, list(parameters)).fetchall()

    def columns_of(self, relation: str) -> set[str]:
        """Column names of a mart; ConfigurationError when the warehouse does not have it."""
        try:
            rows = self.rows(f"describe {WAREHOUSE}.{relation}")
        except duckdb.CatalogException as error:
            raise ConfigurationError(
                f"The warehouse has no {relation}, which target/manifest.json promises.", "run `dbt build`"
            ) from error
        return {row[0] for row in rows}

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of an answer."""
        row = self.con.execute(sql, list(parameters)).fetchone()
        assert row is not None, sql  # noqa: S101  an aggregate always has a row
        return row

    # runs

    def begin_run(self, run_id: str, org_id: str, target: str, command: str, facts: dict[str, Any]) -> None:
        """Journals the start of a run."""
        self.con.execute(
            "insert into ledger.runs (run_id, org_id, target, command, marts, state, git_commit, "
            "manifest_hash, mapping_hash, started_at) "
            f"values (?, ?, ?, ?, ?, 'running', ?, ?, ?, {NOW})",
            [
                run_id,
                org_id,
                target,
                command,
                json.dumps(facts["marts"]),
                facts.get("git_commit"),
                facts.get("manifest_hash"),
                facts.get("mapping_hash"),
            ],
        )

    def end_run(self, run_id: str, state: str, exit_code: int, counts: object) -> None:
        """Journals the end of a run."""
        self.con.execute(
            f"update ledger.runs set state = ?, exit_code = ?, counts = ?, ended_at = {NOW} where run_id = ?",
            [state, exit_code, json.dumps(counts), run_id],
        )

    # jobs

    def prepare_job(self, org_id: str, job: Job, sent_select: str) -> Job:
        """Journals a part before anything is sent: the job and, from `sent_select`, its rows.

        The rows of a load get their before-image from `images`, those of a rollback are the lines of `undoing`.
        Returns the job with the number of its rows.
        """
        number: int = self.one("select coalesce(max(job_no), 0) + 1 from ledger.jobs")[0]
        with self.transaction():
            self.con.execute(
                f"insert into ledger.sent select {number}, record_key, result_key, payload_hash, is_new, "
                f"filled from ({sent_select})"
            )
            counted = f"select count(*) from ledger.sent where job_no = {number}"
            job = replace(job, rows=self.one(counted)[0], job_no=number)
            self.con.execute(
                "insert into ledger.jobs (job_key, job_no, run_id, org_id, mart, object, operation, "
                "result_columns, part_file, sha256, bytes, rows, purpose, state, created_at, updated_at) "
                f"values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'prepared', {NOW}, {NOW})",
                [
                    job.job_key,
                    job.job_no,
                    job.run_id,
                    org_id,
                    job.mart,
                    job.object,
                    job.operation,
                    json.dumps(job.result_columns),
                    str(job.part_file),
                    job.sha256,
                    job.bytes,
                    job.rows,
                    job.purpose,
                ],
            )
            for statement in self._journal(org_id, job):
                self.con.execute(statement)
        return job

    def _journal(self, org_id: str, job: Job) -> list[str]:
        """The statements that note what a prepared job will do to the records."""
        if job.purpose == LOAD:
            return journal_sql(org_id, job, has_images=self._has_images(org_id, job))
        return [
            f"update ledger.before_images as image set undo_job = {job.job_no}, undo_error = null,\n"
            f"    undo_class = null from undoing, ledger.sent as sent\n"
            f"where sent.job_no = {job.job_no} and sent.record_key = undoing.record_key\n"
            f"    and image.org_id = {literal(org_id)} and image.mart = {literal(job.mart)}\n"
            "    and image.record_key = undoing.record_key and image.run_id = undoing.image_run"
        ]

    def _has_images(self, org_id: str, job: Job) -> bool:
        """Whether the job's run has before-images of the mart already: an earlier round or part."""
        return bool(
            self.rows(
                "select 1 from ledger.before_images where org_id = ? and run_id = ? and mart = ? limit 1",
                [org_id, job.run_id, job.mart],
            )
        )

    def job_created(self, job_key: str, job_id: str, created_at: str | None) -> None:
        """Journals the id that the org gave the job, before any data goes there."""
        self.con.execute(
            f"update ledger.jobs set job_id = ?, job_created_at = ?, state = 'created', updated_at = {NOW} "
            "where job_key = ?",
            [job_id, created_at, job_key],
        )

    def job_state(self, job_key: str, state: str, error_text: str | None = None) -> None:
        """Journals a job's state; a job that will bring no more results forgets its rows."""
        with self.transaction():
            self.con.execute(
                f"update ledger.jobs set state = ?, error_text = ?, updated_at = {NOW} where job_key = ?",
                [state, error_text, job_key],
            )
            if state not in OPEN_STATES:
                self.con.execute(
                    "delete from ledger.sent where job_no in "
                    "(select job_no from ledger.jobs where job_key = ?)",
                    [job_key],
                )

    def open_jobs(self, org_id: str) -> list[Job]:
        """Jobs that a run left unfinished, oldest first."""
        rows = self.rows(
            "select job_key, run_id, mart, object, operation, result_columns, part_file, sha256, bytes, "
            "rows, job_id, job_created_at, state, job_no, coalesce(purpose, 'load') from ledger.jobs "
            "where org_id = ? and state in ('prepared', 'created', 'closed') order by created_at, job_key",
            [org_id],
        )
        return [
            Job(
                job_key=row[0],
                run_id=row[1],
                mart=row[2],
                object=row[3],
                operation=row[4],
                result_columns=tuple(json.loads(row[5])),
                part_file=Path(row[6]),
                sha256=row[7],
                bytes=row[8],
                rows=row[9],
                job_id=row[10],
                job_created_at=row[11],
                state=row[12],
                job_no=row[13],
                purpose=row[14],
            )
            for row in rows
        ]

    # results

    def collect(
        self, org_id: str, job: Job, state: str, error_text: str | None, contents: str = "select * from wrote"
    ) -> dict[tuple[str, str | None], int]:
        """Writes the temporary table `answers` to `records` and the job's state to `jobs`, all or nothing.

        `answers` has result_key, sf_id, outcome (accepted, found, refused), error_code, error_text; `contents` selects
        result_key, written and filled of what the part held. Returns how many rows had which outcome and code.
        """
        codes = ", ".join(literal(code) for code in transient_codes())
        with self.transaction():
            self.con.execute(collected_sql(job, codes, self._told_twice()))
            for statement in self._settling(org_id, job, contents):
                self.con.execute(statement)
            self.con.execute("delete from ledger.sent where job_no = ?", [job.job_no])
            self.con.execute(
                f"update ledger.jobs set state = ?, error_text = ?, finished_at = ?, user_id = ?,\n"
                f"    updated_at = {NOW} where job_key = ?",
                [state, error_text, job.finished_at, job.user_id, job.job_key],
            )
        rows = self.rows("select outcome, error_code, count(*) from collected group by all order by all")
        return {(outcome, code): count for outcome, code, count in rows}

    def _settling(self, org_id: str, job: Job, contents: str) -> list[str]:
        """The statements that bring `collected` into the ledger."""
        if job.purpose == ROLLBACK:
            return undone_sql(org_id, job, contents)
        if job.operation in DELETIONS:
            return deleted_sql(org_id, job)
        known = self.one(known_sql(org_id, job))[0]
        change = [update_sql(org_id, job, contents)] if known else []
        return [
            *change,
            insert_sql(org_id, job, contents, is_known=bool(known)),
            *written_sql(org_id, job, has_images=self._has_images(org_id, job)),
        ]

    def _told_twice(self) -> bool:
        """Whether some row has more than one answer, which costs a sort to settle."""
        doubles: int = self.one("select count(*) - count(distinct result_key) from answers")[0]
        return doubles > 0

    def write_blocked(self, org_id: str, mart: str, run_id: str, detail_sql: str) -> None:
        """Replaces what is known about held-back rows of a mart by the blocked rows of `decided`."""
        with self.transaction():
            self.con.execute("delete from ledger.blocked where org_id = ? and mart = ?", [org_id, mart])
            self.con.execute(
                "insert into ledger.blocked select "
                f"{literal(org_id)}, {literal(mart)}, record_key, reason, field, missing_mart, missing_key, "
                f"{detail_sql}, {literal(run_id)}, {NOW} from decided where decision = 'blocked'"
            )


def _holder(message: str) -> str:
    """The process that DuckDB's lock message names, or all of the message."""
    start, end = message.find("("), message.find(")")
    return message[start + 1 : end] if 0 <= start < end else message.splitlines()[0]
