"""The Bulk CSV parts: the text of every type, the cut, and that results read back as they were written."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from load_fixtures import KEY, ORG, Workspace, column, model

from loaders.errors import MigrationError
from loaders.salesforce import parts
from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.decide import decide_sql
from loaders.salesforce.export import Cut, cell_sql, cut_for, read_sql
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.parts import write_parts
from loaders.salesforce.plan import Counts, counts_sql


def _contract(workspace: Workspace) -> Contract:
    columns = [
        column("record_key", KEY),
        column("name", {"field": "Name", "type": "Text"}),
        column("note", {"field": "Description", "type": "LongTextArea"}),
        column("created_at", {"field": "CreatedDate", "type": "DateTime", "audit": True}),
    ]
    workspace.declare(
        [model("sf_accounts", columns, object="Account", mode="upsert", key="Source_System_ID__c")]
    )
    return read_contracts(workspace.manifest)["accounts"]


def _write(workspace: Workspace, contract: Contract, known: str = "") -> tuple[list[Job], Counts]:
    folder = workspace.path / "data" / "outbox"
    with Ledger(workspace.ledger) as ledger, ledger.warehouse(workspace.warehouse):
        for table in ("records", "sent", "jobs"):
            ledger.con.execute(f"delete from ledger.{table}")
        if known:
            ledger.con.execute(f"insert into ledger.records by name {known}")
        ledger.con.execute(decide_sql(contract, {contract.mart: contract}, ORG))
        counts = Counts(*ledger.one(counts_sql(contract, ORG)))
        return write_parts(ledger, contract, ORG, "run", folder / contract.mart / "1", counts), counts


def _read(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8"), newline="")))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("Text", "'a,\"b\"'", 'a,"b"'),
        ("Text", "''", None),
        ("Text", "' kept '", " kept "),
        ("Checkbox", "true", "true"),
        ("Checkbox", "0::bigint", "false"),
        ("Checkbox", "null::boolean", None),
        ("Date", "date '2024-02-29'", "2024-02-29"),
        ("DateTime", "timestamp '2024-02-29 23:59:58.1239'", "2024-02-29T23:59:58.123Z"),
        ("DateTime", "timestamptz '2024-02-29 23:59:58+02'", "2024-02-29T21:59:58.000Z"),
        ("Currency", "1234567.5::decimal(18,2)", "1234567.50"),
        ("Currency", "1e15::double", "1000000000000000.00"),
        ("Number", "(-3)::bigint", "-3"),
        ("MultiselectPicklist", "'a;b'", "a;b"),
    ],
)
def test_values_are_written_as_the_bulk_api_reads_them(kind: str, value: str, text: str | None) -> None:
    field = Field("X__c", "x", kind, scale=2 if kind == "Currency" else None)
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    assert con.execute(f"select {cell_sql(field, value)}").fetchone() == (text,)


def test_null_empties_a_field_only_where_the_last_load_wrote_a_value(workspace: Workspace) -> None:
    contract = _contract(workspace)
    workspace.mart(
        "sf_accounts",
        "select 'k' || i as record_key, 'n' as name, null::varchar as note, null::timestamp as created_at "
        "from range(1, 5) as numbers(i)",
    )
    known = (
        f"select '{ORG}' as org_id, 'accounts' as mart, 'k2' as record_key, '001A' as sf_id, "
        "'old' as payload_hash, 'accepted' as status, "
        "',Name,Description,CreatedDate,' as filled union all select "
        f"'{ORG}', 'accounts', 'k3', '001B', null, 'found', null union all select "
        f"'{ORG}', 'accounts', 'k4', '001C', 'old', 'accepted', ',Name,'"
    )
    (job,), counts = _write(workspace, contract, known)
    assert (counts.new, counts.changed) == (2, 2)
    assert [row["Description"] for row in _read(job.part_file)] == ["", "#N/A", "", ""]
    assert _read(job.part_file)[1]["CreatedDate"] == "", "audit fields are settable on insert only"


def test_custom_fields_come_out_of_the_json_column(workspace: Workspace) -> None:
    contract = _contract(workspace)
    extra = (Field("Colour__c", None, "Text"), Field("Vip__c", None, "Checkbox"))
    contract = replace(contract, fields=(*contract.fields, *extra))
    workspace.mart(
        "sf_accounts",
        """select 'k1' as record_key, 'n' as name, null::varchar as note, null::timestamp as created_at,
        '{"Colour__c": "blue, \\"deep\\"", "Vip__c": "true"}' as custom_fields
        union all select 'k2', 'n', null, null, null""",
    )
    (job,), _ = _write(workspace, contract)
    found = [(row["Colour__c"], row["Vip__c"]) for row in _read(job.part_file)]
    assert found == [('blue, "deep"', "true"), ("", "")]


def test_parts_are_the_same_bytes_every_time(workspace: Workspace) -> None:
    contract = _contract(workspace)
    workspace.mart(
        "sf_accounts",
        "select 'k' || i as record_key, md5(i::varchar) as name, null::varchar as note, "
        "null::timestamp as created_at from range(20000) as numbers(i) order by random()",
    )
    first = [job.sha256 for job in _write(workspace, contract)[0]]
    assert [job.sha256 for job in _write(workspace, contract)[0]] == first


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
ADVERSARIAL = "repeat('\"😀' || chr(10) || chr(13), 1 + (i % 40)::integer)"


@pytest.mark.parametrize("text", [ADVERSARIAL, "repeat('x', 30000)", "null::varchar"])
def test_no_part_is_too_large_and_every_row_is_in_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    limit = 200_000
    monkeypatch.setattr(parts, "PART_LIMIT", limit)
    monkeypatch.setattr(parts, "cut_for", lambda widest: cut_for(widest, limit, limit * 95 // 100))
    contract = _contract(workspace)
    workspace.mart(
        "sf_accounts",
        f"select 'k' || i as record_key, {ADVERSARIAL} as name, "
        f"case when i % 100 = 0 then {text} end as note, "
        "null::timestamp as created_at from range(2000) as numbers(i)",
    )
    jobs, counts = _write(workspace, contract)
    assert max(job.bytes for job in jobs) <= limit
    assert max(len(row["Name"].encode()) for row in _read(jobs[0].part_file)) < counts.widest
    keys = [row["Source_System_ID__c"] for job in jobs for row in _read(job.part_file)]
    assert len(keys) == len(set(keys)) == 2000
    with duckdb.connect(str(workspace.ledger), read_only=True) as con:
        sent = con.execute("select count(*), count(distinct record_key) from ledger.sent").fetchone()
    assert sent == (2000, 2000)


def test_ordinary_rows_are_cut_by_duckdb_and_wide_ones_row_by_row() -> None:
    assert cut_for(500) == Cut(95_000_000, exact=False)
    assert cut_for(10_000) == Cut(100_000_000 - 2048 * 10_000, exact=False)
    assert cut_for(131_072 * 4) == Cut(100_000_000 - 131_072 * 4, exact=True)


def test_mart_whose_keys_are_not_unique_is_not_sent(workspace: Workspace) -> None:
    contract = _contract(workspace)
    workspace.mart(
        "sf_accounts",
        "select 'k' as record_key, 'n' as name, null::varchar as note, null::timestamp as created_at "
        "from range(2) as numbers(i)",
    )
    with pytest.raises(MigrationError, match="unique"):
        _write(workspace, contract)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(CHARACTERS, min_size=1), min_size=1))
def test_whatever_text_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    file = tmp_path_factory.mktemp("csv") / "part.csv"
    con = duckdb.connect()
    con.execute("create table rows_of (k integer, v varchar)")
    con.executemany("insert into rows_of values (?, ?)", list(enumerate(texts)))
    con.execute(f"copy (from rows_of order by k) to '{file}' (format csv, header)")
    back = con.execute(f"select v from {read_sql([str(file)], ['k', 'v'])} order by k::integer").fetchall()
    assert [value for (value,) in back] == texts


def test_large_results_with_line_ends_inside_cells_are_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "successfulResults.csv"
    cell = "\r\n".join(["a", '""b""', "c" * 200])
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write('"sf__Id","sf__Created","K","Text"\n')
        stream.writelines(f'"001{n}","true","k{n}","{cell}"\n' for n in range(200_000))
    con = duckdb.connect()
    columns = ["sf__Id", "sf__Created", "K", "Text"]
    select = f"select count(*), count(distinct K), min(length(Text)) from {read_sql([str(file)], columns)}"
    assert con.execute(select).fetchone() == (200_000, 200_000, len(cell) - 2)
