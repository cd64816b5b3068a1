"""How fast the rehearsal org is: bulk ingest of Accounts with 12 columns, and single-record REST calls.

    python tests/benchmarks/bench_rehearsal_org.py [rows ...]      default: 200000 1000000; 0: REST alone

Starts an org in a process of its own and prints a table: rows per second from upload to JobComplete, peak
resident memory of the org, medians of REST calls in milliseconds over http. Run by hand on an idle machine.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "loaders"))

from rehearsal_support import KEY, Client, write_manifest

from loaders.rehearsal.process import RunningOrg, start_org

HEADER = (
    "Name,Source_System_ID__c,Industry,Phone,Website,BillingStreet,BillingCity,BillingPostalCode,"
    "BillingCountry,NumberOfEmployees,AnnualRevenue,Description\n"
)
PART = 100 * 1000 * 1000
CALLS = 60


def csv_parts(rows: int) -> list[bytes]:
    """The upload in parts of at most 100 MB."""
    parts, buffer = [], io.StringIO(HEADER)
    buffer.seek(0, io.SEEK_END)
    for number in range(rows):
        buffer.write(
            f"Company {number} GmbH,bench:company:{number},Energy,+49 89 {number},https://c{number}.example,"
            f"Street {number % 997},Munich,{10000 + number % 80000},Germany,{number % 5000},{number}.5,made up\n"
        )
        if buffer.tell() > PART:
            parts.append(buffer.getvalue().encode())
            buffer = io.StringIO(HEADER)
            buffer.seek(0, io.SEEK_END)
    return [*parts, buffer.getvalue().encode()]


def peak_mb(org: RunningOrg) -> int:
    """Peak resident memory of the org's process."""
    lines = Path(f"/proc/{org.pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


def bulk(rows: int, folder: Path) -> tuple[str, str, str]:
    """One line of the table for an ingest of that many rows into an empty org."""
    parts = csv_parts(rows)
    with start_org(state=folder / f"{rows}.duckdb", declare=write_manifest(folder / "manifest.json")) as org:
        client = Client(org)
        started = time.monotonic()
        for part in parts:
            job = client.open_job("Account", "insert")["id"]
            client.call(
                "PUT", f"/jobs/ingest/{job}/batches", data=part, headers={"Content-Type": "text/csv"}
            ).raise_for_status()
            client.call("PATCH", f"/jobs/ingest/{job}", json={"state": "UploadComplete"}).raise_for_status()
            state = ""
            while state != "JobComplete":
                time.sleep(0.05)
                state = client.call("GET", f"/jobs/ingest/{job}").json()["state"]
        seconds = time.monotonic() - started
        return f"bulk insert {rows:,} rows", f"{rows / seconds:,.0f} rows/s", f"{peak_mb(org)} MB"


def rest(folder: Path) -> list[tuple[str, str, str]]:
    """The lines for single-record calls on Account and Contact."""
    with start_org(declare=write_manifest(folder / "manifest.json")) as org:
        client = Client(org)
        account = client.call("POST", "/sobjects/Account", json={"Name": "parent"}).json()["id"]
        given = {
            "Account": {"Name": "n", "Industry": "Energy", "Phone": "1"},
            "Contact": {"LastName": "n", "FirstName": "a", "Email": "a@b.example", "AccountId": account},
        }
        return [line for name, body in given.items() for line in _calls(client, name, body)]


def _calls(client: Client, name: str, body: dict[str, str]) -> list[tuple[str, str, str]]:
    """One line per kind of call on an object."""
    ids: list[str] = []

    def create(number: int) -> None:
        made = client.call("POST", f"/sobjects/{name}", json={**body, KEY: f"{name}{number}"})
        ids.append(made.json()["id"])

    def update(number: int) -> None:
        client.call("PATCH", f"/sobjects/{name}/{ids[number]}", json={"Description": "x"}).raise_for_status()

    def upsert(number: int) -> None:
        path = f"/sobjects/{name}/{KEY}/{name}{number}"
        client.call("PATCH", path, json={"Description": f"{number}"}).raise_for_status()

    def get(number: int) -> None:
        client.call("GET", f"/sobjects/{name}/{ids[number]}").raise_for_status()

    def query(number: int) -> None:
        client.query(f"SELECT Id, Name FROM {name} WHERE Id = '{ids[number]}'")

    def delete(number: int) -> None:
        client.call("DELETE", f"/sobjects/{name}/{ids[number]}").raise_for_status()

    return [
        (f"REST {call.__name__} {name}", median(call), "")
        for call in (create, update, upsert, get, query, delete)
    ]


def median(call: Callable[[int], None]) -> str:
    """Median milliseconds of the later calls; the first ones warm up."""
    times = []
    for number in range(CALLS):
        started = time.perf_counter()
        call(number)
        times.append((time.perf_counter() - started) * 1000)
    return f"{statistics.median(times[CALLS // 4 :]):.1f} ms"


def main() -> None:
    """Prints the table."""
    sizes = [int(text) for text in sys.argv[1:]] if len(sys.argv) > 1 else [200_000, 1_000_000]
    with tempfile.TemporaryDirectory(prefix="bench-org-") as name:
        for line in [*(bulk(rows, Path(name)) for rows in sizes if rows), *rest(Path(name))]:
            print(f"{line[0]:<30} {line[1]:>18} {line[2]:>10}")


if __name__ == "__main__":
    main()
