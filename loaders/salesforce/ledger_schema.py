"""Brings a ledger file to the shape that this version works with, or says why it cannot.

The shape is ledger.sql. A file made by an earlier version lacks tables and columns, never has others: they are added
empty. What was never written down is then unknown, and the load treats it so: a record without `written` has no
protection of edits, a write without a before-image cannot be rolled back.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb

from loaders.errors import ConfigurationError

VERSION = 2  # 1: files without the table `meta`
SCHEMA = files("loaders.salesforce").joinpath("ledger.sql")


def prepare(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Makes the tables of `ledger` complete. Raises ConfigurationError for a file that is none or is too new."""
    script = SCHEMA.read_text(encoding="utf-8")
    try:
        con.execute(script)
        found = _version(con)
        if found is not None and found > VERSION:
            raise ConfigurationError(
                f"{path} was written by a newer version of this project (ledger version {found}, this one knows "
                f"{VERSION}).",
                "check out the version that wrote it, or a later one",
            )
        if found != VERSION:
            _add_columns(con, script)
            _complete_old_rows(con, path)
            con.execute("delete from ledger.meta")
            con.execute("insert into ledger.meta values (?)", [VERSION])
    except duckdb.Error as error:
        raise ConfigurationError(
            f"{path} is no ledger that this version can work with: {str(error).splitlines()[0]}",
            "move it away; the next load asks the org for what it needs to know",
        ) from error


def _version(con: duckdb.DuckDBPyConnection) -> int | None:
    """The version that the file says it has."""
    row = con.execute("select max(version) from ledger.meta").fetchone()
    return row[0] if row else None


def _add_columns(con: duckdb.DuckDBPyConnection, script: str) -> None:
    """Adds the columns that the tables of the file lack, found by making the tables anew beside them."""
    con.execute("attach ':memory:' as wanted")
    try:
        con.execute(script.replace("ledger.", "wanted."))
        missing = con.execute(
            "select table_name, column_name, data_type from duckdb_columns() where database_name = 'wanted'\n"
            "and (table_name, column_name) not in (\n"
            "    select (table_name, column_name) from duckdb_columns() where database_name = 'ledger'\n)\n"
            "order by table_name, column_index"
        ).fetchall()
    finally:
        con.execute("detach wanted")
    for table, column, kind in missing:
        con.execute(f'alter table ledger."{table}" add column if not exists "{column}" {kind}')


def _complete_old_rows(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Numbers jobs that have no number yet.

    Raises ConfigurationError when a job is open whose rows were noted in the old way: nobody could collect it.
    """
    con.execute(
        "update ledger.jobs set job_no = numbered.job_no from (\n"
        "    select job_key, row_number() over (order by created_at, job_key) as job_no from ledger.jobs\n"
        ") as numbered where ledger.jobs.job_key = numbered.job_key and ledger.jobs.job_no is null"
    )
    lost = con.execute("select count(*) from ledger.sent where job_no is null").fetchone()
    if lost and lost[0]:
        raise ConfigurationError(
            f"{path} was written by an older version, and {lost[0]:,} rows of it are still on their way.",
            "finish that load with the version that began it, then run this command again",
        )
