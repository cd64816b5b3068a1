"""Pushing rows: export, upload and results into the ledger, beside simple-salesforce's bulk2 helper and CumulusCI.

    python tests/benchmarks/bench_push.py                                 # 200,000 Accounts, 3 rounds
    python tests/benchmarks/bench_push.py --rows 2000000 --rounds 1 --objects Account Task --ways load-sf file

Every way pushes the same rows of a DuckDB file to the same stub on loopback (push_stub.py), which accepts at once, and
ends with a map from record_key to Id. `load-sf` also decides what is new, resolves parents, keeps before-images,
journals every step and fills the ledger; its preflight is not part of it. The others get every help: simple-salesforce
does not sleep before it polls (by default it does, 5 seconds a job), its CSV file is written by DuckDB with the parents'
Ids in it, and CumulusCI's bulk step is fed from a cursor, without its own database layer.

Each round runs every way once, in turn and in a process of its own; the stub makes the results of the same content once,
in a first round that does not count. The table has medians and peak memory; ratios are taken within this run.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import io
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import push_stub

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "loaders"))
KEY = "Source_System_ID__c"


@dataclass(frozen=True)
class Kind:
    """One object to push: its mart, the API names of the mart's columns, and the rows."""

    mart: str
    columns: dict[str, str]
    rows: str

    def csv_select(self) -> str:
        """The rows as a client would send them; the Id of a parent is made from its key."""
        cells = [
            f"'001' || lpad(split_part({name}, ':', 3), 15, '0') as \"{field}\""
            if field == "WhatId"
            else f'{name} as "{field}"'
            for name, field in self.columns.items()
        ]
        return f"select {', '.join(cells)} from marts.{self.mart}"


KINDS = {
    "Account": Kind(
        "sf_accounts",
        dict(
            record_key=KEY, name="Name", website="Website", phone="Phone", street="BillingStreet",
            city="BillingCity", description="Description", employees="NumberOfEmployees",
        ),
        """
select
    'mautic:company:' || i as record_key, 'Company, "No. ' || i || '"' as name,
    'https://c' || i || '.example' as website,
    '+49 30 ' || i as phone, i || ' Main Street' as street, 'Berlin' as city,
    case when i % 4 = 0 then 'first line' || chr(10) || repeat('text ', 20) end as description,
    i % 1000 as employees
from range({rows}) as numbers(i)""",
    ),
    "Task": Kind(
        "sf_tasks",
        dict(record_key=KEY, subject="Subject", due="ActivityDate", text="Description", parent_key="WhatId"),
        """
select
    'mautic:hit:' || i as record_key, 'Visited page ' || i % 977 as subject,
    date '2020-01-01' + (i % 2000)::integer as due,
    case when i % 3 = 0 then 'Referrer: https://example.com/' || md5(i::varchar) end as text,
    'mautic:company:' || (i * 7919) % {rows} as parent_key
from range({rows}) as numbers(i)""",
    ),
}  # fmt: skip


def with_load_sf(kind: Kind, folder: Path, url: str) -> int:
    """The loader of this project, journal and ledger included."""
    from loaders.salesforce.load import load
    from loaders.salesforce.session import Pace

    os.chdir(folder)
    os.environ.update({"SFM_DATA_DIR": str(folder / "data"), "REHEARSAL_URL": url})
    return load([kind.mart], pace=Pace(first_poll=0.01), preflight=False).marts[0].accepted


def _client(url: str) -> Any:
    from simple_salesforce import Salesforce  # noqa: TID251  the tool to compare with

    client = Salesforce(session_id="token", instance_url=url)
    client.bulk2_url = f"{url}/services/data/v59.0/jobs/"
    return client


def _upsert(kind: Kind, url: str, **source: Any) -> int:
    """simple-salesforce's bulk2 upsert, and its results as a map."""
    client = _client(url)
    object_name = next(name for name, one in KINDS.items() if one is kind)
    bulk = getattr(client.bulk2, object_name)
    ids: dict[str, str] = {}
    for result in bulk.upsert(external_id_field=KEY, wait=0, **source):
        text = bulk.get_successful_records(result["job_id"])
        ids.update({row[KEY]: row["sf__Id"] for row in csv.DictReader(io.StringIO(text))})
    return len(ids)


@contextmanager
def _warehouse(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as con:
        yield con


def with_file(kind: Kind, folder: Path, url: str) -> int:
    """simple-salesforce from a CSV file that DuckDB wrote."""
    file = folder / "push.csv"
    with _warehouse(folder) as con:
        con.execute(f"copy ({kind.csv_select()}) to '{file}' (format csv, header)")
    return _upsert(kind, url, csv_file=str(file))


def with_dicts(kind: Kind, folder: Path, url: str) -> int:
    """simple-salesforce from a list of dicts, its usual way."""
    with _warehouse(folder) as con:
        names = list(kind.columns.values())
        rows = con.execute(kind.csv_select()).fetchall()
    texts = [
        dict(zip(names, ("" if cell is None else str(cell) for cell in row), strict=True)) for row in rows
    ]
    return _upsert(kind, url, records=texts)


def with_cumulusci(kind: Kind, folder: Path, url: str) -> int:
    """CumulusCI's bulk step, in CumulusCI's own environment; rows come from an SQLite file, as it wants them."""
    object_name = next(name for name, one in KINDS.items() if one is kind)
    command = [str(_cumulusci()), str(Path(__file__).with_name("push_cumulusci.py"))]
    arguments = [str(folder / f"{kind.mart}.sqlite"), url, object_name, KEY, *kind.columns.values()]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    TOLD.update(told)
    return int(told["rows"])


TOLD: dict[str, float] = {}  # what a way that runs elsewhere measured itself
WAYS: dict[str, tuple[str, Callable[[Kind, Path, str], int]]] = {
    "load-sf": ("load-sf", with_load_sf),
    "file": ("simple-salesforce, CSV file", with_file),
    "dicts": ("simple-salesforce, dicts", with_dicts),
    "cumulusci": ("CumulusCI, bulk step", with_cumulusci),
}


def _cumulusci() -> Path | None:
    """The Python of CumulusCI's environment, where the client tests put it."""
    from client_support import clients_dir

    python = clients_dir() / "cumulusci" / "bin" / "python"
    return python if python.exists() else None


def measure(way: str, name: str, folder: Path, url: str, told: Any) -> None:
    """Tells seconds, CPU seconds, peak memory in MB and rows of one way; runs in a process of its own."""
    import simple_salesforce  # noqa: F401, TID251  imports are not what is measured

    import loaders.salesforce.load  # noqa: F401

    begun, before = time.perf_counter(), time.process_time()
    rows = WAYS[way][1](KINDS[name], folder, url)
    seconds = TOLD.get("seconds", time.perf_counter() - begun)
    memory = TOLD.get("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    told.send((seconds, TOLD.get("cpu", time.process_time() - before), memory, rows))


def workspace(rows: int, ways: Sequence[str]) -> Path:
    """A project with the marts, `rows` rows each."""
    from load_fixtures import KEY as KEY_META
    from load_fixtures import Workspace, column, model

    folder = Path(tempfile.mkdtemp(prefix="bench-push-"))
    for name in ("target", "seeds/maps", "data", "profiles"):
        (folder / name).mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: bench\n")
    (folder / "profiles" / "salesforce.yml").write_text(
        "default: x\ntargets:\n  x:\n    instance_url: ${REHEARSAL_URL}\n    auth: session\n"
        "    access_token: token\n"
    )
    made, models = Workspace(folder), []
    for object_name, kind in KINDS.items():
        columns = [column("record_key", KEY_META)]
        for name, field in list(kind.columns.items())[1:]:
            meta: dict[str, Any] = {"field": field, "type": "Text"}
            if field == "WhatId":
                meta = {"field": field, "type": "Lookup", "references": ["sf_accounts"]}
            columns.append(column(name, meta))
        partition = {"partition_by": "parent_key"} if "parent_key" in kind.columns else {}
        models.append(model(kind.mart, columns, object=object_name, mode="upsert", key=KEY, **partition))
        made.mart(kind.mart, kind.rows.format(rows=rows))
    made.declare(models)
    if "cumulusci" in ways:
        _sqlite(folder)
    return folder


def _sqlite(folder: Path) -> None:
    """The rows in SQLite files."""
    import sqlite3

    with _warehouse(folder) as con:
        for kind in KINDS.values():
            rows = con.execute(kind.csv_select())
            marks = ", ".join("?" for _ in kind.columns)
            with sqlite3.connect(folder / f"{kind.mart}.sqlite") as database:
                database.execute(f"create table rows_of ({', '.join(kind.columns.values())})")
                while some := rows.fetchmany(50_000):
                    texts = [[cell if cell is None else str(cell) for cell in row] for row in some]
                    database.executemany(f"insert into rows_of values ({marks})", texts)


def _stub_seconds(url: str) -> float:
    """Seconds that the stub has spent on results so far."""
    with urllib.request.urlopen(f"{url}/seconds", timeout=10) as answer:
        return float(answer.read())


@contextmanager
def stub() -> Iterator[str]:
    """The address of a running stub."""
    fields = sorted({field for kind in KINDS.values() for field in kind.columns.values()})
    folder = Path(tempfile.mkdtemp(prefix="bench-stub-"))
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=push_stub.serve, args=(folder, fields, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        process.terminate()
        process.join()
        shutil.rmtree(folder)


def run_way(way: str, name: str, folder: Path, url: str, expected: int) -> tuple[float, ...]:
    """Seconds, CPU seconds, peak memory in MB, and the stub's seconds on new results, of one way."""
    if way == "load-sf":
        ledger = folder / "data" / "ledger.duckdb"
        if name == "Account":
            ledger.unlink(missing_ok=True)
        else:
            _only_accounts(ledger)
        shutil.rmtree(folder / "data" / "outbox", ignore_errors=True)
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    before = _stub_seconds(url)
    process = context.Process(target=measure, args=(way, name, folder, url, theirs))
    process.start()
    theirs.close()
    try:
        seconds, cpu, memory, rows = mine.recv()
    except EOFError:
        raise SystemExit(f"{WAYS[way][0]} failed") from None
    finally:
        process.join()
    if rows != expected:
        raise SystemExit(f"{way}: {rows} of {expected} rows came back")
    return seconds, cpu, memory, _stub_seconds(url) - before


def _only_accounts(ledger: Path) -> None:
    """Forgets the Tasks of the round before."""
    with duckdb.connect(str(ledger)) as con:
        for table in ("records", "before_images", "jobs"):
            con.execute(f"delete from {table} where mart <> 'accounts'")


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--objects", nargs="+", choices=list(KINDS), default=["Account"])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    given = parser.parse_args()
    ways = list(given.ways)
    if "cumulusci" in ways and _cumulusci() is None:
        ways.remove("cumulusci")
        print("CumulusCI is left out: tests/loaders/test_real_clients.py installs it.", file=sys.stderr)
    objects = [
        name for name in KINDS if name in given.objects or name == "Account"
    ]  # Tasks need their parents
    folder = workspace(given.rows, ways)
    results: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    try:
        with stub() as url:
            for number in range(given.rounds + 1):
                for name in objects:
                    for way in ways:
                        measured = run_way(way, name, folder, url, given.rows)
                        print(
                            f"round {number} {name} {way}: {measured[0]:.2f} s", file=sys.stderr, flush=True
                        )
                        if number:
                            results.setdefault((name, way), []).append(measured)
    finally:
        shutil.rmtree(folder)
    _print(results, given.rows)


def _print(results: dict[tuple[str, str], list[tuple[float, ...]]], rows: int) -> None:
    """The table of medians."""
    version = importlib.metadata.version("simple-salesforce")
    print(f"{rows:,} rows an object, simple-salesforce {version}, {os.cpu_count()} cores")
    print(
        f"{'object':9}{'way':30}{'seconds':>9}{'CPU s':>8}{'rows/s':>11}{'peak MB':>9}{'times load-sf':>15}{'stub s':>8}"
    )
    medians = {
        each: [statistics.median(column) for column in zip(*runs, strict=True)]
        for each, runs in results.items()
    }
    for (name, way), (seconds, cpu, memory, made) in medians.items():
        ours = medians.get((name, "load-sf"))
        times = f"{seconds / ours[0]:15.1f}" if ours else " " * 15
        label = WAYS[way][0]
        print(
            f"{name:9}{label:30}{seconds:9.2f}{cpu:8.2f}{rows / seconds:11,.0f}{memory:9.0f}{times}{made:8.2f}"
        )


if __name__ == "__main__":
    main()
