"""Which rows of a Bulk batch cannot lock their parent: by a fault, or because another job in flight holds it.

Salesforce locks the parents of a new or changed record. Two jobs that are in flight at the same time and share a
parent collide on it: the job that was made later loses, by the org's seed, half of its rows that have such a
parent, whichever of the two is worked on first. Same jobs, same rows, same seed: same losers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import duckdb

from loaders.rehearsal.org.checks import comparable
from loaders.rehearsal.org.faults import Rule
from loaders.rehearsal.org.header import Column
from loaders.rehearsal.org.jobs import Job
from loaders.rehearsal.org.store import literal, quote, table
from loaders.rehearsal.org.values import error

if TYPE_CHECKING:
    from loaders.rehearsal.org.state import Org

LOCK_ERROR = error("UNABLE_TO_LOCK_ROW", "'unable to obtain exclusive access to this record'")
STORAGE_ERROR = error("STORAGE_LIMIT_EXCEEDED", "'storage limit exceeded'")
UNLOCKED = frozenset({"OwnerId", "CreatedById", "LastModifiedById", "RecordTypeId"})


class Locks:
    """The contention of one org's ingest jobs; `columns` tells what a job's header means."""

    def __init__(self, org: Org, columns: Callable[[Job, list[str]], list[Column]]) -> None:
        self.org, self.columns = org, columns

    def losers(
        self, connection: duckdb.DuckDBPyConnection, job: Job, rows: str, rules: Mapping[str, Rule]
    ) -> str | None:
        """Working table with number and error of the rows that fail, None when nothing can fail. `rows` is the
        batch."""
        parts = []
        for action, refusal in (("lock_error", LOCK_ERROR), ("storage_full", STORAGE_ERROR)):
            if action in rules:
                after = rules[action].value("after_rows", 0)
                where = f"row_no > {after} and {chosen(job, rules[action])}"
                parts.append(f"select row_no, {refusal} as error from ({rows}) where {where}")
        if self.org.options.row_locks:
            parts += self._contended(connection, job, rows)
        if not parts:
            return None
        connection.execute(
            f"create or replace temp table w_locked as select row_no, min(error) as error from "
            f"({' union all '.join(parts)}) group by 1"
        )
        self.forget(connection, job)  # what an older job held it holds no more when the next batch comes
        return "w_locked"

    def forget(self, connection: duckdb.DuckDBPyConnection, job: Job) -> None:
        """Lets go of what the job's rows collided with."""
        connection.execute(f"drop table if exists {_held(job)}")

    def _contended(self, connection: duckdb.DuckDBPyConnection, job: Job, rows: str) -> list[str]:
        """Queries for rows that lose a parent to an older job."""
        parents = self._parents(job, rows)
        if parents is None:
            return []
        held = [f"select parent from {_held(job)}"] if _is_table(connection, _held_name(job)) else []
        for other in self.org.jobs.running():
            if other.id == job.id or not _is_table(connection, f"upload_{other.id}"):
                continue
            if other.id > job.id:  # the younger one learns of our parents even if we end first
                connection.execute(
                    f"create temp table if not exists {quote(_held_name(other))} (parent varchar)"
                )
                connection.execute(f"insert into {_held(other)} select distinct parent from ({parents})")
                continue
            span = self.org.options.batch_rows
            waiting = (
                f"select rowid + 1 as row_no, * from {upload_table(other)} "
                f"where rowid between {other.next_row - 1} and {other.next_row + span - 2}"
            )
            theirs = self._parents(other, waiting)
            held += [f"select parent from ({theirs})"] if theirs else []
        if not held:
            return []
        return [
            f"select row_no, {LOCK_ERROR} as error from ({parents}) where parent in ({' union all '.join(held)}) "
            f"and hash(row_no, {self.org.options.seed}) % 2 = 0"
        ]

    def _parents(self, job: Job, rows: str) -> str | None:
        """Query: row_no and the first 15 characters of the id of each parent that the rows name."""
        found = []
        for column in self.columns(job, job.header):
            field, cell = column.field, f"c{column.index}"
            if field.type != "reference" or field.name in UNLOCKED:
                continue
            if column.parent and column.parent_field:
                stored = comparable(column.parent_field, f"p.{quote(column.parent_field.name)}::varchar")
                wanted = comparable(column.parent_field, f"trim({cell})")
                found.append(
                    f'select row_no, left(p."Id", 15) as parent from ({rows}) r join '
                    f'{table(column.parent.name)} p on {stored} = {wanted} where not p."IsDeleted"'
                )
            else:
                found.append(
                    f"select row_no, left(trim({cell}), 15) as parent from ({rows}) where {cell} is not null"
                )
        return " union all ".join(found) or None


def chosen(job: Job, rule: Rule) -> str:
    """SQL: whether a row is in the rule's share of the job; the same rows each time."""
    share = int(rule.value("fraction", 1.0) * 1_000_000)
    return f"(hash(row_no, {rule.number}, {literal(job.id)}) % 1000000 < {share})"


def upload_table(job: Job) -> str:
    """The working table with a job's cells."""
    return f"temp.{quote(f'upload_{job.id}')}"


def _held_name(job: Job) -> str:
    return f"locks_{job.id}"


def _held(job: Job) -> str:
    return f"temp.{quote(_held_name(job))}"


def _is_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return (
        connection.execute("select 1 from duckdb_tables() where table_name = ?", [name]).fetchone()
        is not None
    )
