"""How fast the rehearsal org is: bulk ingest of Accounts with 12 columns, and single-record REST calls.

    python tests/benchmarks/bench_rehearsal_org.py [rows ...]      default: 200000 1000000

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

from rehearsal_support import Client, write_manifest

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
    """The lines for single-record calls."""
    with start_org(declare=write_manifest(folder / "manifest.json")) as org:
        client, ids = Client(org), []

        def create(number: int) -> None:
            body = {"Name": f"n{number}", "Industry": "Energy", "Source_System_ID__c": f"k{number}"}
            ids.append(client.call("POST", "/sobjects/Account", json=body).json()["id"])

        def update(number: int) -> None:
            client.call("PATCH", f"/sobjects/Account/{ids[number]}", json={"Name": "x"}).raise_for_status()

        def get(number: int) -> None:
            client.call("GET", f"/sobjects/Account/{ids[number]}").raise_for_status()

        def query(number: int) -> None:
            client.query(f"SELECT Id, Name FROM Account WHERE Id = '{ids[number]}'")

        return [(f"REST {call.__name__}", median(call), "") for call in (create, update, get, query)]


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
    sizes = [int(text) for text in sys.argv[1:]] or [200_000, 1_000_000]
    with tempfile.TemporaryDirectory(prefix="bench-org-") as name:
        for line in [*(bulk(rows, Path(name)) for rows in sizes), *rest(Path(name))]:
            print(f"{line[0]:<30} {line[1]:>18} {line[2]:>10}")


if __name__ == "__main__":
    main()
