"""A private MariaDB for the Mautic tests, and twins to land.

The server is started by the fixture in a temporary folder, listens on one loopback port, and is stopped by
its own process id; the machine's own database service is never touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pymysql
import pytest
import sqlalchemy as sa

from loaders.rehearsal.twin.mautic import write_mautic

SERVER = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
PASSWORD = "p@ss:w/rd%#&?ü"  # every character that an URL or a message could trip over
WRITER_PASSWORD = "writer"


@dataclass(frozen=True)
class MariaDB:
    """A running server; `admin` may do everything, `reader` may only SELECT."""

    port: int
    socket: Path

    def url(self, database: str, user: str = "reader", password: str = PASSWORD) -> str:
        """A SQLAlchemy URL with the password percent-encoded."""
        password = WRITER_PASSWORD if user == "writer" else password
        return f"mysql+pymysql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str | None = None) -> None:
        """Runs statements as administrator."""
        session = pymysql.connect(
            unix_socket=str(self.socket), user="root", database=database, charset="utf8mb4", autocommit=True
        )
        with session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def create(self, database: str) -> str:
        """A new empty database; returns its name."""
        self.run(
            f"drop database if exists `{database}`", f"create database `{database}` character set utf8mb4"
        )
        return database


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """One private server for the whole run; skipped without the binary, except in CI, which must have it."""
    if not Path(SERVER).exists():
        if os.environ.get("CI"):
            pytest.fail("CI needs the mariadbd binary (Debian package mariadb-server)")
        pytest.skip("needs the mariadbd binary")
    folder = tmp_path_factory.mktemp("mariadb")
    process, server = _start(folder)
    try:
        _wait(process, server, folder)
        server.run(
            f"create user reader@'127.0.0.1' identified by '{PASSWORD}'",
            "grant select on *.* to reader@'127.0.0.1'",
            f"create user writer@'127.0.0.1' identified by '{WRITER_PASSWORD}'",
            "grant all on *.* to writer@'127.0.0.1'",
        )
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], MariaDB]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-defaults", f"--datadir={folder / 'data'}"] + (
        ["--user=root"] if os.geteuid() == 0 else []
    )
    subprocess.run(
        ["mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    # a socket path may have a hundred characters; pytest's temporary folders can be longer
    server = MariaDB(port, Path(f"/tmp/sfm-{os.getpid()}-{port}.sock"))
    process = subprocess.Popen(
        [
            SERVER, *options, "--bind-address=127.0.0.1", f"--port={port}", f"--socket={server.socket}",
            "--skip-name-resolve", "--default-time-zone=+03:00",
            "--innodb-buffer-pool-size=128M", "--innodb-flush-log-at-trx-commit=0",
            "--skip-log-bin", "--performance-schema=off", "--max-allowed-packet=64M",
            f"--pid-file={folder / 'pid'}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("wb"),
    )  # fmt: skip
    return process, server


def _wait(process: subprocess.Popen[bytes], server: MariaDB, folder: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            pytest.fail((folder / "log").read_text()[-2000:])
        try:
            server.run("select 1")
            return
        except pymysql.err.OperationalError:
            time.sleep(0.1)
    pytest.fail("the private MariaDB did not answer within 30 seconds")


@pytest.fixture
def mautic_from(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Points the Mautic source at a URL, with a prefix and a window size."""

    def point(url: str | Path, prefix: str = "", window: int | None = None) -> None:
        text = f"sqlite:///{url}" if isinstance(url, Path) else url
        monkeypatch.setenv("SOURCES__MAUTIC__DATABASE_URL", text)
        monkeypatch.setenv("SOURCES__MAUTIC__TABLE_PREFIX", prefix)
        if window:
            monkeypatch.setenv("SOURCES__MAUTIC__WINDOW_ROWS", str(window))

    return point


@pytest.fixture(scope="session")
def twin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite twin with 300 contacts, shared by tests that only read it."""
    path = tmp_path_factory.mktemp("twin") / "mautic.sqlite"
    write_mautic(f"sqlite:///{path}", 300)
    return path


@pytest.fixture
def twin_copy(twin_file: Path, tmp_path: Path) -> tuple[Path, Callable[..., None]]:
    """A twin to spoil, and a function that runs SQL on it."""
    path = tmp_path / "mautic.sqlite"
    shutil.copy(twin_file, path)

    def spoil(*statements: str) -> None:
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.begin() as session:
            for statement in statements:
                session.exec_driver_sql(statement)
        engine.dispose()

    return path, spoil
