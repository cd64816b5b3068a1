"""Landing Mautic from MariaDB, beside the plain client and dlt's own database source.

    python tests/benchmarks/bench_mautic_landing.py                                   # 100,000 contacts, 500,000 sends
    python tests/benchmarks/bench_mautic_landing.py --contacts 1000000 --sends 5000000 --rounds 3

A private MariaDB is filled with a small synthetic twin and that many more contacts and e-mail statistics, a third of
which were opened (PHP-serialized details). Every round runs each way once, in turn and in a process of its own:

    floor       mariadb --quick -B -N -e 'select * from ...' > /dev/null
    ours        the table through loaders.mautic and dlt into a DuckDB file
    refresh     refresh-raw as a whole: all tables, counts before and after, row hashes of both tables
    dlt arrow   dlt's sql_database with the pyarrow backend, on the first 100,000 rows
    dlt default dlt's sql_database as it comes, on the first 20,000 rows

and dumps the tables once for the server's own CPU seconds. The table has medians, rows a second, peak memory and the
server's CPU; ratios are taken within this run. Goals: wide table at most 3.5 times the floor, narrow table 2.4, server CPU
1.3 times the dump, at least 2.5 times faster than dlt arrow and 20 times than dlt default, memory below 1.5 GB.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "loaders"))
WIDE, NARROW = "leads", "email_stats"
ARROW_ROWS, DEFAULT_ROWS = 100_000, 20_000

LEADS = """
insert into leads (id, is_published, date_added, created_by, created_by_user, date_modified, owner_id, stage_id, points,
    last_active, internal, date_identified, title, firstname, lastname, company, position, email, phone, mobile, address1,
    city, state, zipcode, timezone, country, preferred_locale, attribution, website, linkedin, favourite_colour, seats,
    birthday, demo_requested_at, sales_notes)
select 1000 + seq, 1, '2024-01-01' + interval seq second, 1, 'Ada Abendroth', '2025-01-01' + interval seq second,
    1 + seq % 12, 1 + seq % 12, seq % 500, '2025-06-01' + interval seq second, 'a:0:{}',
    '2024-01-01' + interval seq second, 'Mrs',
    concat('First', seq % 1000), concat('Last', seq % 5000), concat('Company ', seq % 50000, ' GmbH'), 'Head of Marketing',
    concat('person.', seq, '@example.com'), '+49 30 23125 123', '+44 20 7946 0123', concat('Example Street ', seq % 300),
    'Hamburg', 'Hamburg', '20095', 'Europe/Berlin', 'Germany', 'de_DE', seq / 7, concat('https://www.example.com/~', seq),
    'https://www.linkedin.com/in/synthetic-twin-1', 'green', seq % 90, '1980-01-01' + interval seq % 9000 day,
    '2025-01-01' + interval seq second, concat('Called twice, no answer ', seq)
from seq_1_to_{rows}
"""
SENDS = """
insert into email_stats (id, email_id, lead_id, list_id, copy_id, email_address, date_sent, is_read, is_failed,
    viewed_in_browser, date_read, tracking_hash, retry_count, source, source_id, tokens, open_count,
    last_opened, open_details)
select 1000000 + seq, 1 + seq % 12, 1000 + seq % {contacts}, 1, md5(seq % 12),
    concat('person.', seq % {contacts}, '@example.com'),
    '2024-01-01' + interval seq second, seq % 3 = 0, seq % 50 = 0, 0,
    if(seq % 3 = 0, '2024-01-02' + interval seq second, null),
    md5(seq), 0, 'campaign.event', seq % 90, 'a:0:{}', if(seq % 3 = 0, 1, 0),
    if(seq % 3 = 0, '2024-01-02' + interval seq second, null),
    if(seq % 3 = 0, concat('a:1:{i:0;a:3:{s:8:"datetime";s:19:"',
        date_format('2024-01-02' + interval seq second, '%Y-%m-%d %H:%i:%s'),
        '";s:9:"useragent";s:31:"Mozilla/5.0 (Synthetic; Twin) 0";s:9:"inBrowser";b:0;}}'), 'a:0:{}')
from seq_1_to_{rows}
"""


@dataclass
class Measured:
    """One run: wall seconds, rows, peak memory of the process in MB, CPU seconds of the server."""

    seconds: float
    rows: int
    peak_mb: float
    server_cpu: float


def land_table(table: str) -> None:
    """One table through our source and dlt into a DuckDB file."""
    from loaders import mautic, pipeline

    pipeline._make_room("mautic")
    pipeline._run(pipeline._pipeline("mautic"), mautic.source().with_resources(table), False)


def refresh(_: str) -> None:
    """All of it, as refresh-raw does it."""
    from loaders import pipeline

    pipeline.refresh(["mautic"])


def dlt_table(table: str, backend: str, rows: int) -> None:
    """dlt's own database source."""
    import dlt
    from dlt.sources.sql_database import sql_table

    url = os.environ["SOURCES__MAUTIC__DATABASE_URL"]
    # one batch: the backend refuses a second one in which a column is empty that was not in the first
    data = sql_table(url, table=table, backend=backend, chunk_size=rows).add_limit(1)
    destination = dlt.destinations.duckdb(os.environ["SFM_DATA_DIR"] + "/dlt.duckdb")
    dlt.pipeline(
        "bench", pipelines_dir=os.environ["SFM_DATA_DIR"], destination=destination, dataset_name="raw"
    ).run(data)


WAYS: dict[str, Callable[[str], None]] = {
    "ours": land_table,
    "refresh": refresh,
    "dlt arrow": lambda table: dlt_table(table, "pyarrow", ARROW_ROWS),
    "dlt default": lambda table: dlt_table(table, "sqlalchemy", DEFAULT_ROWS),
}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    """A private server with the data, and the ways to read them."""

    def __init__(self, folder: Path, contacts: int, sends: int) -> None:
        import mautic_fixtures

        from loaders.rehearsal.twin.mautic import write_mautic

        self.folder = folder
        self.process, self.server = mautic_fixtures._start(folder)
        mautic_fixtures._wait(self.process, self.server, folder)
        self.server.run(
            "create user bench@'127.0.0.1' identified by 'bench'", "grant all on *.* to bench@'127.0.0.1'"
        )
        database = self.server.create("mautic")
        self.url = f"mysql+pymysql://bench:bench@127.0.0.1:{self.server.port}/{database}"
        write_mautic(self.url, 50)
        fill = {"contacts": contacts}
        for statement, rows in ((LEADS, contacts), (SENDS, sends)):
            for name, value in {**fill, "rows": rows}.items():
                statement = statement.replace("{" + name + "}", str(value))
            self.server.run(statement, database=database)
        self.rows = {WIDE: contacts, NARROW: sends}

    def client(self, program: str, *arguments: str) -> Measured:
        """A MariaDB program, its output thrown away."""
        options = [program, "--no-defaults", f"--socket={self.server.socket}", "-uroot", *arguments]
        before, started = cpu_seconds(self.process.pid), time.monotonic()
        subprocess.run(options, check=True, stdout=subprocess.DEVNULL)
        return Measured(time.monotonic() - started, 0, 0, cpu_seconds(self.process.pid) - before)

    def floor(self, table: str) -> Measured:
        """What the plain client needs to read the table."""
        read = self.client("mariadb", "--quick", "-B", "-N", "-e", f"select * from {table}", "mautic")
        return Measured(read.seconds, self.rows[table], 0, read.server_cpu)

    def dump(self, table: str) -> Measured:
        """What mariadb-dump costs the server."""
        return self.client("mariadb-dump", "--single-transaction", "--quick", "mautic", table)

    def way(self, name: str, table: str) -> Measured:
        """A way in a process of its own, with a folder of its own."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            environment = {**os.environ, "SFM_DATA_DIR": folder, "SOURCES__MAUTIC__DATABASE_URL": self.url}
            before, started = cpu_seconds(self.process.pid), time.monotonic()
            process = subprocess.run(
                [sys.executable, __file__, "--way", name, "--table", table],
                env=environment, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            seconds = time.monotonic() - started
            peak, ready = (float(number) for number in process.stdout.split()[-2:])
            limit = {"dlt arrow": ARROW_ROWS, "dlt default": DEFAULT_ROWS}.get(name, sum(self.rows.values()))
            rows = limit if name == "refresh" else min(limit, self.rows[table])
            return Measured(seconds - ready, rows, peak, cpu_seconds(self.process.pid) - before)

    def close(self) -> None:
        """Stops the server."""
        self.process.terminate()
        self.process.wait(30)


def measure(bench: Bench, rounds: int, ways: list[str]) -> None:
    """Runs everything and prints the table."""
    found: dict[tuple[str, str], list[Measured]] = {}
    for _ in range(rounds):
        for table in (WIDE, NARROW):
            found.setdefault((table, "floor"), []).append(bench.floor(table))
            found.setdefault((table, "mariadb-dump"), []).append(bench.dump(table))
            for name in ways:
                if name != "refresh":
                    found.setdefault((table, name), []).append(bench.way(name, table))
        if "refresh" in ways:
            found.setdefault(("both", "refresh"), []).append(bench.way("refresh", WIDE))
    print(
        f"{'table':<12}{'way':<14}{'seconds':>9}{'rows/s':>11}{'x floor':>9}{'peak MB':>9}{'server CPU':>12}{'x dump':>8}"
    )
    for (table, name), runs in found.items():
        middle = {
            field: statistics.median(getattr(run, field) for run in runs)
            for field in ("seconds", "peak_mb", "server_cpu")
        }
        floors = [table] if table in bench.rows else list(bench.rows)
        floor = sum(statistics.median(run.seconds for run in found[(one, "floor")]) for one in floors)
        dump = sum(
            statistics.median(run.server_cpu for run in found[(one, "mariadb-dump")]) for one in floors
        )
        whole = runs[0].rows in (bench.rows.get(table), sum(bench.rows.values()))
        ratio = f"{middle['seconds'] / floor:9.2f}" if whole else f"{'':>9}"
        cpu = (
            f"{middle['server_cpu'] / max(dump, 0.01):8.2f}"
            if whole or name == "mariadb-dump"
            else f"{'':>8}"
        )
        print(
            f"{table:<12}{name:<14}{middle['seconds']:9.2f}{runs[0].rows / middle['seconds']:11,.0f}{ratio}"
            f"{middle['peak_mb']:9.0f}{middle['server_cpu']:12.2f}{cpu}"
        )


def main() -> None:
    """Reads the options; with --way it is the process that runs one way."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--sends", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--table", default=WIDE, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        import loaders.mautic  # so that the time of imports, the same for every way, is not measured
        import loaders.pipeline  # noqa: F401

        ready = time.monotonic() - started
        WAYS[options.way](options.table)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, ready)
        return
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.contacts, options.sends)
        try:
            measure(bench, options.rounds, options.ways)
        finally:
            bench.close()


if __name__ == "__main__":
    main()
