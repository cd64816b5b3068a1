"""Writing the parts and reading the results, beside the plain ways: goals for CSV egress and for the map of ids.

    python tests/benchmarks/bench_egress.py --rows 1000000 --rounds 3

Egress: the loader's cut into parts beside one plain COPY of the same rows, and beside csv.writer on a tenth of them.
Hostile rows (every cell quoted, lines broken, characters of four bytes, some cells at the longest) must give no part
above the limit. Results: DuckDB's read_csv into a table of ids beside csv.DictReader into a dict. Rounds alternate
and the table has medians; ratios are taken within this run.
"""

from __future__ import annotations

import argparse
import csv
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from loaders.salesforce.export import PART_LIMIT, copy_sql, cut_for, read_sql

ROWS = """select 'mautic:hit:' || i as "Source_System_ID__c", 'Visited page ' || i % 977 as "Subject",
    '2020-01-01' as "ActivityDate", 'https://example.com/' || md5(i::varchar) as "Description" from range({rows}) as t(i)"""
HOSTILE = """select 'k"' || i as "Source_System_ID__c", repeat('a "quoted" 😀' || chr(10), 12) as "Subject",
    '2020-01-01' as "ActivityDate", repeat('😀"', case when i % 50 = 0 then 3600 else 40 end) as "Description"
    from range({rows}) as t(i)"""
WIDEST = 3_600 * 6 + 2_000  # bytes of the longest hostile row, quotes doubled
COLUMNS = ["sf__Id", "sf__Created", "Source_System_ID__c", "Subject", "ActivityDate", "Description"]


def _parts(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    con.execute("set threads = 1")
    con.execute(copy_sql("select * from ordinary", str(folder), cut_for(200)))
    con.execute("reset threads")


def _plain(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    con.execute(f"copy ordinary to '{folder / 'plain.csv'}' (format csv, header)")


def _writer(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    rows = con.execute("select * from ordinary using sample 10 percent (system)")
    with (folder / "writer.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        while some := rows.fetchmany(10_000):
            writer.writerows(some)


def _ids(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    source = read_sql([str(folder / "results.ok")], COLUMNS)
    con.execute(f'create or replace temp table ids as select "Source_System_ID__c", sf__Id from {source}')


def _dict_reader(_: duckdb.DuckDBPyConnection, folder: Path) -> None:
    with (folder / "results.ok").open(encoding="utf-8", newline="") as file:
        {row["Source_System_ID__c"]: row["sf__Id"] for row in csv.DictReader(file)}


WAYS: dict[str, tuple[Callable[[duckdb.DuckDBPyConnection, Path], None], float, str]] = {
    "parts": (_parts, 1, "plain COPY"),
    "plain COPY": (_plain, 1, "plain COPY"),
    "csv.writer": (_writer, 0.1, "plain COPY"),
    "ids by read_csv": (_ids, 1, "ids by read_csv"),
    "ids by csv.DictReader": (_dict_reader, 1, "ids by read_csv"),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-egress-") as name, duckdb.connect() as con:
        con.execute("set memory_limit = '2GB'; set enable_progress_bar = false")
        folder = Path(name)
        largest = _hostile(con, folder, given.rows // 10)
        con.execute(f"create table ordinary as {ROWS.format(rows=given.rows)}")
        con.execute(
            "copy (select '001' || lpad(row_number() over ()::varchar, 15, '0') as sf__Id, 'true' as sf__Created, *\n"
            f"from ordinary) to '{folder / 'results.ok'}' (format csv, header, force_quote *)"
        )
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for number in range(given.rounds):
            for way, (run, _, _) in WAYS.items():
                target = folder / f"{number}-{way.replace(' ', '-')}" if way == "parts" else folder
                begun = time.perf_counter()
                run(con, target)
                seconds[way].append(time.perf_counter() - begun)
    rates = {way: given.rows * WAYS[way][1] / statistics.median(times) for way, times in seconds.items()}
    print(f"{given.rows:,} rows; largest part of hostile rows {largest:,} bytes (limit {PART_LIMIT:,})")
    print(f"{'way':26}{'rows/s':>14}{'times slower':>14}")
    for way, (_, _, base) in WAYS.items():
        print(f"{way:26}{rates[way]:14,.0f}{rates[base] / rates[way]:14.2f}")
    print(
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB, csv.DictReader's dict included"
    )


def _hostile(con: duckdb.DuckDBPyConnection, folder: Path, rows: int) -> int:
    """Bytes of the largest part of hostile rows, cut as the loader does it for rows so wide."""
    cut = cut_for(WIDEST)
    if cut.exact:
        raise SystemExit("rows so wide are cut row by row; choose narrower ones")
    con.execute("set threads = 1")
    con.execute(copy_sql(HOSTILE.format(rows=rows), str(folder / "hostile"), cut))
    con.execute("reset threads")
    return max(file.stat().st_size for file in (folder / "hostile").iterdir())


if __name__ == "__main__":
    main()
