"""How a Bulk 2.0 query job gets its answer: run once into a Parquet file, read from there a page at a
time as CSV."""

from __future__ import annotations

import tempfile
from pathlib import Path

from loaders.rehearsal.org.jobs import DELIMITERS, Job
from loaders.rehearsal.org.state import Org
from loaders.rehearsal.org.store import literal
from loaders.rehearsal.soql import SoqlError, translate_bulk


class Queries:
    """Works on the query jobs of one org."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def step(self, job: Job) -> None:
        """Runs the query; one step is the whole job."""
        job.state = "InProgress"
        try:
            found = translate_bulk(
                job.soql or "", self.org.catalogue, include_deleted=job.operation == "queryAll"
            )
        except SoqlError as problem:
            self.fail(job, f"{problem.code}: {problem.message}")
            return
        with self.org.store.reader() as cursor:
            target = literal(str(self.path(job)))
            cursor.execute(f"copy ({found.sql}) to {target} (format parquet)", list(found.parameters))
            counted = cursor.execute(f"select count(*) from read_parquet({target})").fetchone()
        job.header, job.processed, job.state = list(found.header), (counted or (0,))[0], "JobComplete"
        self.org.jobs.save(job)

    def fail(self, job: Job, message: str) -> None:
        """Ends the job as Failed."""
        job.error, job.state = message, "Failed"
        self.org.jobs.save(job)

    def path(self, job: Job) -> Path:
        """Where the answer lies."""
        return self.org.store.files / f"{job.id}.parquet"

    def page(self, job: Job, start: int, count: int) -> Path:
        """A temporary CSV file with rows `start` to `start + count`, header included; the caller
        removes it."""
        page = Path(tempfile.mkstemp(dir=self.org.store.files, suffix=".page")[1])
        mark = literal(DELIMITERS[job.delimiter])
        ending = "\\r\\n" if job.line_ending == "CRLF" else "\\n"
        source = (
            f"select * exclude (file_row_number) from read_parquet({literal(str(self.path(job)))}, "
            f"file_row_number = true) "
            f"where file_row_number >= {start} and file_row_number < {start + count} order by file_row_number"
        )
        with self.org.store.reader() as cursor:
            cursor.execute(
                f"copy ({source}) to {literal(str(page))} "
                f"(format csv, header, force_quote *, delimiter {mark}, new_line '{ending}')"
            )
        return page

    def discard(self, job: Job) -> None:
        """Removes the answer."""
        self.path(job).unlink(missing_ok=True)
