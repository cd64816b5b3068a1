"""What changed between two landings, told by row hashes (SRC-03, MAU-25): sources do not say truthfully when a
record was edited, and deletes leave no trace.

After a landing each row is hashed in DuckDB and compared with the hashes of the landing before: rows that are
new, changed or deleted are listed in raw_<source>.landing_changes by their primary key. landing_snapshots has
one line per landing and table, with a hash over the whole content that proves which data a migration was made
from (MAU-20). The hashes of the last landing stay in landing.row_hashes.

A hash is MD5 over `column=value` of all columns that are not null, in alphabetical order: a new column changes
no hash until it has a value, and the same data give the same hash on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

CHANGES, SNAPSHOTS = "landing_changes", "landing_snapshots"


@dataclass(frozen=True)
class Snapshot:
    """A landing: its id and moment (UTC), and the database dump taken before it, if there is one."""

    landing_id: str
    landed_at: datetime
    dump_file: str | None = None
    dump_sha256: str | None = None


@dataclass(frozen=True)
class Changed:
    """Rows of one table since the landing before. `first` says that there was none, so all rows are new."""

    new: int
    changed: int
    deleted: int
    first: bool
    content_hash: str


@dataclass(frozen=True)
class LandedRows:
    """A landed table: its primary key, all its columns, and the source's own row count, if it has one."""

    name: str
    key: Sequence[str]
    columns: Sequence[str]
    rows_in_source: int | None = None


def record(
    warehouse: duckdb.DuckDBPyConnection, source: str, tables: Sequence[LandedRows], snapshot: Snapshot
) -> Mapping[str, Changed]:
    """Compares every table with the landing before and writes down what changed; the result by table name.

    Tables without a primary key are left out. Raises duckdb.Error when the warehouse cannot be written.
    """
    _prepare(warehouse, source)
    warehouse.execute("begin")
    try:
        found = {table.name: _compare(warehouse, source, table, snapshot) for table in tables if table.key}
    except BaseException:
        warehouse.execute("rollback")
        raise
    warehouse.execute("commit")
    return found


def _prepare(warehouse: duckdb.DuckDBPyConnection, source: str) -> None:
    warehouse.execute(
        f"""
        create schema if not exists landing;
        create table if not exists "raw_{source}".{CHANGES} (
            landing_id varchar, table_name varchar, row_key varchar, change varchar, found_at timestamp
        );
        create table if not exists "raw_{source}".{SNAPSHOTS} (
            landing_id varchar, table_name varchar, rows_landed bigint, rows_in_source bigint,
            rows_new bigint, rows_changed bigint, rows_deleted bigint, content_hash varchar,
            snapshot_file varchar, snapshot_sha256 varchar, landed_at timestamp
        )
        """
    )


def _compare(
    warehouse: duckdb.DuckDBPyConnection, source: str, table: LandedRows, snapshot: Snapshot
) -> Changed:
    kept = f"landing.{_name(f'{source}.{table.name}')}"
    known = warehouse.execute(
        "select 1 from duckdb_tables() where schema_name = 'landing' and table_name = ?",
        [f"{source}.{table.name}"],
    ).fetchone()
    warehouse.execute(_hashed(source, table))
    if known:
        warehouse.execute(
            f"""
            insert into "raw_{source}".{CHANGES}
            select
                ?, ?, coalesce(now_landed.row_key, before.row_key),
                case when before.row_key is null then 'new' when now_landed.row_key is null then 'deleted'
                    else 'changed' end,
                ?
            from now_landed
            full join {kept} as before on now_landed.row_key = before.row_key
            where now_landed.row_hash is distinct from before.row_hash
            """,
            [snapshot.landing_id, table.name, snapshot.landed_at],
        )
    warehouse.execute(f"create or replace table {kept} as select row_key, row_hash from now_landed")
    rows, content = warehouse.execute(
        """
        select count(*), md5(concat_ws('/', count(*), bit_xor(row_hash), sum((row_hash % 4294967296)::bigint)))
        from now_landed
        """
    ).fetchall()[0]
    counted = dict(
        warehouse.execute(
            f'select change, count(*) from "raw_{source}".{CHANGES} where landing_id = ? and table_name = ? group by 1',
            [snapshot.landing_id, table.name],
        ).fetchall()
    )
    found = Changed(
        counted.get("new", 0) if known else rows,
        counted.get("changed", 0),
        counted.get("deleted", 0),
        not known,
        content,
    )
    warehouse.execute(
        f'insert into "raw_{source}".{SNAPSHOTS} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        [
            snapshot.landing_id, table.name, rows, table.rows_in_source, found.new, found.changed, found.deleted,
            content, snapshot.dump_file, snapshot.dump_sha256, snapshot.landed_at,
        ],
    )  # fmt: skip
    warehouse.execute("drop table now_landed")
    return found


def _hashed(source: str, table: LandedRows) -> str:
    """The statement that makes the temporary table now_landed: key and hash of each row."""
    # concat_ws leaves nulls out; the control characters keep columns and values apart
    values = ", ".join(f"""{_text(name + "=")} || {_name(name)}::varchar""" for name in sorted(table.columns))
    key = ", ".join(f"{_name(name)}::varchar" for name in table.key)
    return f"""
        create or replace temp table now_landed as
        select concat_ws('/', {key}) as row_key, md5_number(concat_ws(chr(31), {values})) as row_hash
        from "raw_{source}".{_name(table.name)}
        """


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
