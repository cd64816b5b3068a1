"""dbt build: overhead per node, and what a quarter of the memory costs.

    python tests/benchmarks/bench_dbt_build.py --contacts 1000000 --rounds 3

Lands a twin, multiplies it inside DuckDB to the size asked for, and builds it with memory_limit 4GB and 1GB in turn.
Prints one table: wall time, SQL time (sum of the nodes' execution times), overhead against 8 s + 0.06 s a node, peak
memory of the dbt process, and the ratio of the two limits, all taken in this run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

BIN = Path(sys.executable).parent
LIMITS = ("4GB", "1GB")
# Every copy gets ids of its own, and e-mail addresses and domains of its own, so that copies do not merge.
COPY = """
create or replace table raw_mautic.{table} as
select original.* replace ({replace})
from raw_mautic.{table} as original
cross join range({copies}) as copy (n)
"""
REPLACED = {
    "leads": "id + copy.n * 100000000 as id, replace(email, '@', '@c' || copy.n || '.') as email",
    "companies": "id + copy.n * 100000000 as id, companyname || ' ' || copy.n as companyname, "
    "replace(replace(companywebsite, 'www.', ''), '.example', copy.n || '.example') as companywebsite, "
    "replace(companyemail, '@', '@c' || copy.n || '.') as companyemail",
    "companies_leads": "company_id + copy.n * 100000000 as company_id, lead_id + copy.n * 100000000 as lead_id",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-dbt-") as folder:
        environment = {
            **os.environ,
            "SFM_DATA_DIR": folder,
            "DBT_TARGET_PATH": f"{folder}/target",
            "DBT_LOG_PATH": f"{folder}/logs",
        }
        rows = _prepare(Path(folder), environment, arguments.contacts)
        print(f"{rows:,} raw rows", flush=True)
        runs: dict[str, list[dict[str, float]]] = {limit: [] for limit in LIMITS}
        for number in range(arguments.rounds):
            for limit in LIMITS:
                runs[limit].append(_build(Path(folder), environment, limit))
                print(f"round {number + 1} {limit}: {runs[limit][-1]['wall']:.1f} s", flush=True)
        _print(runs)


def _prepare(folder: Path, environment: dict[str, str], contacts: int) -> int:
    sample = min(contacts, 20_000)
    for command in (["rehearse", "seed", "--contacts", str(sample)], ["refresh-raw", "--source", "mautic"]):
        subprocess.run(
            [str(BIN / command[0]), *command[1:]], env=environment, check=True, stdout=subprocess.DEVNULL
        )
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        for table, replace in REPLACED.items():
            connection.execute(COPY.format(table=table, replace=replace, copies=max(1, contacts // sample)))
        counts = [
            connection.execute(f"select count(*) from raw_mautic.{table}").fetchone() for table in REPLACED
        ]
    shutil.copyfile(folder / "warehouse.duckdb", folder / "landed.duckdb")
    return sum(count[0] for count in counts if count)


def _build(folder: Path, environment: dict[str, str], limit: str) -> dict[str, float]:
    shutil.copyfile(folder / "landed.duckdb", folder / "warehouse.duckdb")
    started = time.monotonic()
    process = subprocess.Popen(
        [str(BIN / "dbt"), "--quiet", "build"], env={**environment, "SFM_MEMORY_LIMIT": limit}
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"dbt build ended with {process.returncode}")
    results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return {
        "wall": wall,
        "sql": sum(result["execution_time"] for result in results),
        "nodes": len(results),
        "rss_mb": usage.ru_maxrss / 1024,
    }


def _print(runs: dict[str, list[dict[str, float]]]) -> None:
    print(
        f"\n{'memory_limit':<14}{'nodes':>7}{'wall s':>9}{'SQL s':>9}{'overhead s':>12}{'allowed s':>11}{'RSS MB':>9}"
    )
    for limit, measured in runs.items():
        middle = {key: statistics.median(run[key] for run in measured) for key in measured[0]}
        print(
            f"{limit:<14}{middle['nodes']:>7.0f}{middle['wall']:>9.1f}{middle['sql']:>9.1f}"
            f"{middle['wall'] - middle['sql']:>12.1f}{8 + 0.06 * middle['nodes']:>11.1f}{middle['rss_mb']:>9.0f}"
        )
    walls = [statistics.median(run["wall"] for run in runs[limit]) for limit in LIMITS]
    print(f"\n{LIMITS[1]} against {LIMITS[0]}: {walls[1] / walls[0]:.2f}x (goal: at most 1.25x)")


if __name__ == "__main__":
    main()
