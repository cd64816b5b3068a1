"""Pushing rows: export, upload and results into the ledger, beside simple-salesforce's bulk2 helper.

    python tests/benchmarks/bench_push.py --rows 200000 --rounds 3

Every way pushes the same Account rows of a DuckDB file to the same stub on loopback, which accepts at once,
and ends with a map from record_key to Id. `load-sf` also decides what is new, journals every step and keeps
the ledger. Each round runs every way once, in a process of its own; the table has medians, and ratios taken
in this run. The stub writes the results with DuckDB; its seconds are measured and subtracted from every way.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "loaders"))
KEY = "Source_System_ID__c"
COLUMNS = [
    KEY,
    "Name",
    "Website",
    "Phone",
    "BillingStreet",
    "BillingCity",
    "Description",
    "NumberOfEmployees",
]
ROWS = """
select
    'mautic:company:' || i as record_key, 'Company, "No. ' || i || '"' as name,
    'https://c' || i || '.example' as website,
    '+49 30 ' || i as phone, i || ' Main Street' as street, 'Berlin' as city,
    case when i % 4 = 0 then 'first line' || chr(10) || repeat('text ', 20) end as description,
    i % 1000 as employees
from range({rows}) as numbers(i)
"""
FIELDS = dict(zip(("name", "website", "phone", "street", "city", "description"), COLUMNS[1:7], strict=True))


class Stub(BaseHTTPRequestHandler):
    """An org that takes everything at once."""

    protocol_version = "HTTP/1.1"
    folder: Path
    lock = threading.Lock()
    jobs = 0
    seconds = 0.0

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _answer(self, body: Any, status: int = 200) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _job(self, number: str, state: str) -> dict[str, Any]:
        created = "2026-01-01T00:00:00.000+0000"
        counts = {"numberRecordsProcessed": 1, "numberRecordsFailed": 0}
        return {"id": number, "state": state, "createdDate": created, **counts}

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_POST(self) -> None:
        self._read()
        if "oauth2" in self.path:
            self._answer({"access_token": "token", "instance_url": f"http://{self.headers['Host']}"})
            return
        with Stub.lock:
            Stub.jobs += 1
            number = f"750{Stub.jobs:015d}"
        self._answer(self._job(number, "Open"))

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        with (self.folder / self.path.split("/")[-2]).open("wb") as file:
            while left:
                block = self.rfile.read(min(left, 1 << 20))
                file.write(block)
                left -= len(block)
        self._answer(None, 201)

    def do_PATCH(self) -> None:
        begun = time.perf_counter()
        self._read()
        number = self.path.rstrip("/").split("/")[-1]
        part = self.folder / number
        duckdb.connect().execute(
            "copy (select 'a' || left(md5(row_number() over ()::varchar), 17) as sf__Id, "
            f"'true' as sf__Created, * from read_csv('{part}', header = true, all_varchar = true, "
            "delim = ',', quote = '\"', escape = '\"', new_line = '\\n')) "
            f"to '{part}.ok' (format csv, header, force_quote *)"
        )
        Stub.seconds += time.perf_counter() - begun
        self._answer(self._job(number, "UploadComplete"))

    def do_GET(self) -> None:
        if self.path == "/seconds":
            self._answer(Stub.seconds)
        elif "/query" in self.path:
            row = {"Id": "00D000000000001AAA", "Name": "Stub", "OrganizationType": "Stub", "IsSandbox": True}
            self._answer({"done": True, "records": [row]})
        elif self.path.endswith("successfulResults") or self.path.endswith("successfulResults/"):
            file = self.folder / f"{self.path.rstrip('/').split('/')[-2]}.ok"
            self.send_response(200)
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()
            with file.open("rb") as stream:
                shutil.copyfileobj(stream, self.wfile, 1 << 20)
        elif "Results" in self.path or "unprocessed" in self.path:
            self._answer(None)
        else:
            self._answer(self._job(self.path.rstrip("/").split("/")[-1], "JobComplete"))


def serve(folder: Path, port: Any) -> None:
    """Serves the stub in this process, for ever."""
    Stub.folder = folder
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    port.send(server.server_port)
    server.serve_forever()


def with_load_sf(folder: Path, url: str) -> int:
    """The loader of this project, journal and ledger included."""
    from loaders.salesforce.load import load
    from loaders.salesforce.session import Pace

    os.chdir(folder)
    os.environ.update({"SFM_DATA_DIR": str(folder / "data"), "REHEARSAL_URL": url})
    return load(None, pace=Pace(first_poll=0.01)).marts[0].accepted


def _client(url: str) -> Any:
    from simple_salesforce import Salesforce  # noqa: TID251  the tool to compare with

    client = Salesforce(session_id="token", instance_url=url)
    client.bulk2_url = f"{url}/services/data/v59.0/jobs/"
    return client


def _id_map(client: Any, results: list[dict[str, Any]]) -> int:
    ids = {}
    for result in results:
        text = client.bulk2.Account.get_successful_records(result["job_id"])
        ids.update({row[KEY]: row["sf__Id"] for row in csv.DictReader(io.StringIO(text))})
    return len(ids)


def with_dicts(folder: Path, url: str) -> int:
    """simple-salesforce from a list of dicts, its usual way."""
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as con:
        rows = con.execute("select * from marts.sf_accounts").fetchall()
    records = [dict(zip(COLUMNS, map(str, row), strict=True)) for row in rows]
    client = _client(url)
    return _id_map(client, client.bulk2.Account.upsert(records=records, external_id_field=KEY, wait=1))


def with_file(folder: Path, url: str) -> int:
    """simple-salesforce from a CSV file that DuckDB wrote."""
    file = folder / "accounts.csv"
    with duckdb.connect(str(folder / "data" / "warehouse.duckdb"), read_only=True) as con:
        renamed = ", ".join(f'"{name}" as "{field}"' for name, field in FIELDS.items())
        columns = f'record_key as "{KEY}", {renamed}, employees as "NumberOfEmployees"'
        select = f"select {columns} from marts.sf_accounts"
        con.execute(f"copy ({select}) to '{file}' (format csv, header)")
    client = _client(url)
    return _id_map(client, client.bulk2.Account.upsert(csv_file=str(file), external_id_field=KEY, wait=1))


WAYS: dict[str, Callable[[Path, str], int]] = {
    "load-sf": with_load_sf,
    "simple-salesforce, CSV file": with_file,
    "simple-salesforce, dicts": with_dicts,
}


def _stub_seconds(url: str) -> float:
    """Seconds that the stub has spent on results so far."""
    with urllib.request.urlopen(f"{url}/seconds", timeout=10) as answer:
        return float(answer.read())


def measure(way: str, folder: Path, url: str, told: Any) -> None:
    """Seconds, peak memory in MB and rows of one way, in a process of its own."""
    import simple_salesforce  # noqa: F401, TID251  imports are not what is measured

    import loaders.salesforce.load  # noqa: F401

    before = _stub_seconds(url)
    begun = time.perf_counter()
    rows = WAYS[way](folder, url)
    seconds = time.perf_counter() - begun - (_stub_seconds(url) - before)
    told.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rows))


def workspace(rows: int) -> Path:
    """A project with one mart of `rows` rows."""
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
    texts = [column(name, {"field": field, "type": "Text"}) for name, field in FIELDS.items()]
    count = column("employees", {"field": "NumberOfEmployees", "type": "Number"})
    made = Workspace(folder)
    columns = [column("record_key", KEY_META), *texts, count]
    made.declare([model("sf_accounts", columns, object="Account", mode="upsert", key=KEY)])
    made.mart("sf_accounts", ROWS.format(rows=rows))
    return folder


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    results: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    folder = workspace(given.rows)
    stub_folder = Path(tempfile.mkdtemp(prefix="bench-stub-"))
    mine, theirs = context.Pipe()
    stub = context.Process(target=serve, args=(stub_folder, theirs), daemon=True)
    stub.start()
    url = f"http://127.0.0.1:{mine.recv()}"
    try:
        for _ in range(given.rounds):
            for way in WAYS:
                (folder / "data" / "ledger.duckdb").unlink(missing_ok=True)
                process = context.Process(target=measure, args=(way, folder, url, theirs))
                process.start()
                seconds, memory, rows = mine.recv()
                process.join()
                if rows != given.rows:
                    raise SystemExit(f"{way}: {rows} of {given.rows} rows came back")
                results[way].append((seconds, memory))
    finally:
        stub.terminate()
        stub.join()
        shutil.rmtree(folder)
        shutil.rmtree(stub_folder)
    medians = {
        way: [statistics.median(each) for each in zip(*runs, strict=True)] for way, runs in results.items()
    }
    base = medians["load-sf"][0]
    print(f"{'way':32}{'seconds':>10}{'rows/s':>12}{'peak MB':>10}{'times load-sf':>15}")
    for way, (seconds, memory) in medians.items():
        print(f"{way:32}{seconds:10.2f}{given.rows / seconds:12,.0f}{memory:10.0f}{seconds / base:15.1f}")


if __name__ == "__main__":
    main()
