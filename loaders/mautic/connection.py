"""Where Mautic's database is, how to reach it read-only, and what each failure means to the person at the
keyboard.
"""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dlt
import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from loaders import project
from loaders.errors import ConfigurationError, MigrationError, RemoteError, without_password
from loaders.mautic.settings import WINDOW_ROWS

SETTING = "SOURCES__MAUTIC__DATABASE_URL (or database_url under [sources.mautic] in .dlt/secrets.toml)"
PREFIX_SETTING = "SOURCES__MAUTIC__TABLE_PREFIX (or table_prefix under [sources.mautic] in .dlt/config.toml)"


@dataclass(frozen=True)
class Connection:
    """Where to read: a SQLAlchemy URL, Mautic's table prefix and the rows per window."""

    url: URL
    prefix: str = ""
    window_rows: int = WINDOW_ROWS

    @property
    def is_mysql(self) -> bool:
        """MySQL and MariaDB, Mautic's own databases."""
        return self.url.get_backend_name() in ("mysql", "mariadb")

    @property
    def label(self) -> str:
        """The database for messages: no user, no password."""
        if not self.url.host:
            return str(self.url.database)
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.url.host}{port}/{self.url.database or ''}"


def configured() -> Connection:
    """The connection from dlt's configuration; without a URL the synthetic twin in the data folder.

    Raises ConfigurationError for a URL or a number that cannot be read.
    """
    text = dlt.secrets.get("sources.mautic.database_url") or dlt.config.get("sources.mautic.database_url")
    prefix = dlt.config.get("sources.mautic.table_prefix") or ""
    window = dlt.config.get("sources.mautic.window_rows") or WINDOW_ROWS
    if not str(window).isdigit() or int(window) < 1:
        raise ConfigurationError(
            f"window_rows is {window!r}.", "set it to a whole number of rows, such as 50000"
        )
    url = (
        parse_url(str(text))
        if text
        else URL.create("sqlite", database=str(project.twin_dir() / "mautic.sqlite"))
    )
    return Connection(url, str(prefix), int(window))


def snapshot_file() -> Path | None:
    """The dump that was taken before the landing, as the setting names it; for SQLite the database file itself.

    Raises ConfigurationError if the named file is not there.
    """
    named = dlt.config.get("sources.mautic.snapshot_file")
    if named:
        path = Path(str(named)).expanduser()
        if not path.is_file():
            raise ConfigurationError(
                f"snapshot_file {path} is not there.",
                "dump the database first, or remove snapshot_file from [sources.mautic]",
            )
        return path
    url = configured().url
    path = Path(url.database or "")
    return path if url.get_backend_name() == "sqlite" and path.is_file() else None


def parse_url(text: str) -> URL:
    """The SQLAlchemy URL, with PyMySQL where no driver is named and utf8mb4 asked for. Raises
    ConfigurationError.
    """
    try:
        url = make_url(text)
        url.port  # noqa: B018  a port that is no number shows only when asked for
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            f"The Mautic database URL cannot be read: {without_password(text) if '@' in text else 'no URL'}.",
            f"set {SETTING} to something like mysql+pymysql://user:password@host:3306/mautic, with special "
            "characters of the password percent-encoded",
        ) from error
    if url.get_backend_name() in ("mysql", "mariadb"):
        if url.drivername in ("mysql", "mariadb") and importlib.util.find_spec("MySQLdb") is None:
            url = url.set(drivername="mysql+pymysql")
        if "charset" not in url.query:
            url = url.update_query_dict({"charset": "utf8mb4"})
    return url


@contextmanager
def open_engine(connection: Connection) -> Iterator[Engine]:
    """A read-only engine, disposed at the end; database errors inside leave as MigrationError with a next
    step.
    """
    shared = SharedEngine(connection)
    try:
        with shared.use() as engine:
            yield engine
    finally:
        shared.close()


class SharedEngine:
    """One read-only engine for several readers, made when the first one needs it: connecting takes longer than
    reading a small table.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._engine: Engine | None = None

    @contextmanager
    def use(self) -> Iterator[Engine]:
        """The engine; database errors inside leave as MigrationError with a next step."""
        try:
            if self._engine is None:
                self._engine = _engine(self.connection)
            yield self._engine
        except MigrationError:
            raise
        except (SQLAlchemyError, sqlite3.Error, ModuleNotFoundError) as error:
            raise explained(error, self.connection) from error

    def close(self) -> None:
        """Closes the connections; the next use opens new ones."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _engine(connection: Connection) -> Engine:
    """The engine of the connection's kind. Raises ConfigurationError when a SQLite file is not there."""
    if connection.url.get_backend_name() == "sqlite":
        path = Path(connection.url.database or "")
        if not path.is_file():
            raise ConfigurationError(
                f"No Mautic database at {path}.",
                f"make the synthetic twin with `rehearse seed`, or set {SETTING}",
            )
        uri = f"file:{quote(str(path.resolve()))}?mode=ro"
        return sa.create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(uri, uri=True, check_same_thread=False),
            poolclass=NullPool,  # a connection each: readers switch its text to bytes
        )
    engine = sa.create_engine(connection.url, pool_pre_ping=False, connect_args=_driver_options(connection))
    if connection.is_mysql:
        sa.event.listen(engine, "connect", _read_only_session)
    return engine


def _driver_options(connection: Connection) -> dict[str, Any]:
    """A dead host is noticed after seconds instead of minutes; a password may have any character."""
    if not connection.is_mysql:
        return {}
    options: dict[str, Any] = {} if "connect_timeout" in connection.url.query else {"connect_timeout": 10}
    if connection.url.password and not connection.url.password.isascii():
        options["password"] = (
            connection.url.password.encode()
        )  # PyMySQL would encode it as latin1, the server has UTF-8
    return options


def _read_only_session(session: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    """Makes every transaction of the session read-only and its clock UTC."""
    cursor = session.cursor()
    cursor.execute("SET SESSION TRANSACTION READ ONLY")
    cursor.execute("SET SESSION time_zone = '+00:00'")
    cursor.close()


def explained(error: Exception, connection: Connection) -> MigrationError:
    """The error as a person needs it: what failed, where, and the next step; never with a password."""
    if isinstance(error, (NoSuchModuleError, ModuleNotFoundError)):
        return ConfigurationError(
            f"No driver for {connection.url.drivername} databases is installed.",
            f"use mysql+pymysql:// or sqlite:/// in {SETTING}, or install the driver",
        )
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = original.args[0] if original.args and isinstance(original.args[0], int) else None
    where = connection.label
    if code in (1044, 1045, 1698):
        return ConfigurationError(
            f"{where} refuses the user {connection.url.username!r}.",
            f"check user and password in {SETTING}; the user needs SELECT and nothing else",
        )
    if code == 1049:
        return ConfigurationError(
            f"There is no database {connection.url.database!r} on {connection.url.host}.",
            f"check the database name in {SETTING}; it is db_name in Mautic's config/local.php",
        )
    if code in (1142, 1143):
        return ConfigurationError(
            f"The user {connection.url.username!r} may not read a table of {where}.",
            "grant SELECT on Mautic's database to that user",
        )
    if code in (2002, 2003, 2005, 2006, 2013, 1040, 1205):
        return RemoteError(
            f"{where} does not answer or dropped the connection.",
            f"check host and port in {SETTING} and the server, then run refresh-raw --source mautic again",
        )
    text = without_password(str(original).splitlines()[0] if str(original) else type(original).__name__)
    return RemoteError(
        f"Reading {where} failed: {text}", "run refresh-raw --source mautic again when it is fixed"
    )
