"""The dlt source that reads the org back: bulk query -> CSV files -> DuckDB -> Arrow, never row by row.

Read is what a mart could have written: records with an external id, in the recycle bin too, and for marts
that are only matched (users) all records, since lookups point at them. Objects that carry no external id are read
whole, or by the parents of our records where the org tells no more, and our records among them get their key from
the ledger. What the org hides is left out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.sources import DltSource

from loaders.project import data_dir, ledger_path
from loaders.salesforce import bulk
from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import DescribedObject, read_objects
from loaders.salesforce.export import literal, quoted, read_sql
from loaders.salesforce.facts import object_facts
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.results import header_of
from loaders.salesforce.session import Org
from loaders.salesforce.soql import id_lists
from loaders.salesforce.targets import read_target

BATCH = 50_000
TARGET_VARIABLE = "SF_TARGET"
TEXT = pa.string()
MOMENT = pa.timestamp("us")
RECORDS = pa.schema(
    [
        pa.field("object", TEXT, nullable=False),
        pa.field("sf_id", TEXT, nullable=False),
        pa.field("record_key", TEXT),
        pa.field("is_deleted", pa.bool_(), nullable=False),
        pa.field("payload", TEXT),
        pa.field("read_at", MOMENT),
    ]
)
LEDGER_RECORDS = pa.schema(
    [
        *(pa.field(name, TEXT, nullable=False) for name in ("org_id", "mart", "record_key")),
        *(
            pa.field(name, TEXT)
            for name in ("sf_id", "payload_hash", "status", "error_code", "error_text", "run_id", "job_id")
        ),
        pa.field("updated_at", MOMENT),
    ]
)
LEDGER_RUNS = pa.schema(
    [
        pa.field("run_id", TEXT, nullable=False),
        pa.field("org_id", TEXT, nullable=False),
        *(pa.field(name, TEXT) for name in ("target", "command", "marts", "state", "git_commit")),
        *(pa.field(name, TEXT) for name in ("manifest_hash", "mapping_hash", "counts")),
        pa.field("started_at", MOMENT),
        pa.field("ended_at", MOMENT),
        pa.field("exit_code", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Reading:
    """One object to read and the fields that the marts fill in it."""

    object: str
    key: str | None
    fields: tuple[str, ...]
    marts: tuple[str, ...] = ()  # that write records without an external id


def salesforce() -> DltSource:
    """Three resources of Arrow tables, for the target that SF_TARGET names or the default one.

    Raises ConfigurationError and RemoteError as logging in does; reading happens when dlt asks for rows.
    """
    org = Org(read_target(os.environ.get(TARGET_VARIABLE)))
    org_id = org.identity().org_id
    contracts = project_contracts()
    return _source(org, org_id, readings(list(contracts.values())))


def readings(contracts: Sequence[Contract]) -> list[Reading]:
    """One reading an object, whichever marts fill it, with all their fields."""
    found: dict[str, Reading] = {}
    for contract in contracts:
        earlier = found.get(contract.object, Reading(contract.object, contract.key, ()))
        more = ("ContentDocumentId",) if contract.mode == "file" else ()  # what links to the file refer to
        names = tuple(dict.fromkeys([*earlier.fields, *(field.name for field in contract.fields), *more]))
        marts = earlier.marts if contract.key or contract.mode == "match" else (*earlier.marts, contract.mart)
        found[contract.object] = Reading(contract.object, earlier.key or contract.key, names, marts)
    return list(found.values())


@dlt.source(name="salesforce", max_table_nesting=0)  # type: ignore[untyped-decorator]
def _source(org: Org, org_id: str, wanted: Sequence[Reading]) -> Any:
    """The resources. Each yields an empty table first, so that it is there even if the org is empty."""
    tables: list[tuple[str, pa.Schema, Callable[[], Iterator[pa.Table]]]] = [
        ("records", RECORDS, lambda: _records(org, org_id, wanted)),
        ("ledger_records", LEDGER_RECORDS, lambda: _from_ledger(LEDGER_RECORDS_SQL, org_id)),
        ("ledger_runs", LEDGER_RUNS, lambda: _from_ledger(LEDGER_RUNS_SQL, org_id)),
    ]
    for name, schema, rows in tables:
        yield dlt.resource(
            _typed, name=name, write_disposition="replace", columns=_hints(schema), primary_key=None
        )(schema, rows)


def _typed(schema: pa.Schema, rows: Callable[[], Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """The rows in the declared types."""
    yield schema.empty_table()
    for table in rows():
        if table.num_rows:
            yield table.select(schema.names).cast(schema)


def _records(org: Org, org_id: str, wanted: Sequence[Reading]) -> Iterator[pa.Table]:
    """All records of all objects that the org has, one page of the bulk query after the other."""
    described = read_objects(org, [reading.object for reading in wanted])
    for reading in wanted:
        there = described.get(reading.object.lower())
        if there is None:
            org.report(f"The org has no {reading.object}; nothing to read back.")
            continue
        with tempfile.TemporaryDirectory(dir=_readback_dir()) as folder:
            for soql, operation in _queries(reading, there, org_id):
                for page in bulk.query_to_files(org, soql, Path(folder), operation):
                    yield from _page(reading, page, org_id)
                    page.unlink()


def _queries(reading: Reading, described: DescribedObject, org_id: str) -> Iterator[tuple[str, str]]:
    """The queries and their operation: deleted records too, where the object knows them."""
    deletable = ["IsDeleted"] if described.field("IsDeleted") else []
    shown = [name for name in reading.fields if described.field(name)]
    fields = dict.fromkeys(["Id", *deletable, *shown])
    operation = "queryAll" if deletable else "query"
    select = f"SELECT {', '.join(fields)} FROM {reading.object}"
    asked_by = object_facts(reading.object).asked_by
    if asked_by:
        yield from ((f"{select} WHERE {one}", "query") for one in id_lists(asked_by, _documents(org_id)))
    elif reading.key and reading.key in shown:
        yield f"{select} WHERE {reading.key} != null", operation
    else:
        yield select, operation


def _documents(org_id: str) -> list[str]:
    """The documents of the files that we uploaded; their links are the only ones that the org tells us."""
    if not ledger_path().exists():
        return []
    with duckdb.connect() as con:
        con.execute(f"attach {literal(str(ledger_path()))} as ledger (read_only)")
        rows = con.execute(
            "select distinct json_extract_string(written, '$.ContentDocumentId') as document\n"
            "from ledger.records where org_id = ? and contains(written, 'ContentDocumentId')\n"
            "    and sf_id is not null order by 1",
            [org_id],
        ).fetchall()
    return [document for (document,) in rows if document]


def _page(reading: Reading, page: Path, org_id: str) -> Iterator[pa.Table]:
    """One page as Arrow tables in the shape of raw_salesforce.records."""
    columns = header_of(page)
    if not columns:
        return
    shown = [name for name in columns if name not in ("Id", "IsDeleted")]
    payload = ", ".join(f"{literal(name)}, {quoted(name)}" for name in shown)
    key = quoted(reading.key) if reading.key in columns else "null::varchar"
    deleted = "coalesce(lower(IsDeleted) = 'true', false)" if "IsDeleted" in columns else "false"
    with duckdb.connect() as con:
        con.execute("set threads = 2")
        con.execute("set enable_progress_bar = false")
        if reading.marts and ledger_path().exists():
            con.execute(f"attach {literal(str(ledger_path()))} as ledger (read_only)")
            marts = ", ".join(literal(mart) for mart in reading.marts)
            con.execute(
                "create temp table ours as select sf_id, min(record_key) as record_key from ledger.records\n"
                f"where org_id = {literal(org_id)} and mart in ({marts}) and sf_id is not null group by 1"
            )
            key = f"(select record_key from ours where ours.sf_id = page.{quoted('Id')})"
        rows = con.execute(
            f"select {literal(reading.object)} as object, Id as sf_id, {key} as record_key,\n"
            f"{deleted} as is_deleted, cast(json_object({payload}) as varchar) as payload,\n"
            "now() at time zone 'UTC' as read_at\n"
            f"from {read_sql([str(page)], columns)} as page"
        )
        for batch in rows.to_arrow_reader(BATCH):
            yield pa.Table.from_batches([batch])


LEDGER_RECORDS_SQL = """
select
    org_id, mart, record_key, sf_id, payload_hash, status, error_code, error_text,
    run_id, job_id, updated_at
from ledger.records
where org_id = $1 and not ends_with(mart, '.links')  -- a second pass says nothing about where a record is
union all
select org_id, mart, record_key, null, null, 'blocked', null, detail, run_id, null, updated_at
from ledger.blocked
where
    org_id = $1
    and not ends_with(mart, '.links')
    and record_key is not null
    and (mart, record_key) not in (select (mart, record_key) from ledger.records where org_id = $1)
"""
LEDGER_RUNS_SQL = """
select
    run_id, org_id, target, command, marts, state, git_commit, manifest_hash, mapping_hash, counts,
    started_at, ended_at, exit_code::bigint as exit_code
from ledger.runs
where org_id = $1
order by started_at
"""


def _from_ledger(select: str, org_id: str) -> Iterator[pa.Table]:
    """Rows of the ledger for one org; none if nothing was ever loaded from here."""
    if not ledger_path().exists():
        return
    with duckdb.connect() as con:
        con.execute(f"attach {literal(str(ledger_path()))} as ledger (read_only)")
        for batch in con.execute(select, [org_id]).to_arrow_reader(BATCH):
            yield pa.Table.from_batches([batch])


def _hints(schema: pa.Schema) -> dict[str, Any]:
    """dlt's column hints: moments are UTC and carry no zone."""
    return {
        field.name: {"nullable": field.nullable}
        | ({"data_type": "timestamp", "timezone": False} if pa.types.is_timestamp(field.type) else {})
        for field in schema
    }


def _readback_dir() -> Path:
    """Where pages lie while they are landed."""
    folder = data_dir() / "readback"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
