"""A running stand-in for Mautic's API over a twin, and short ways to land single tables from it."""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from loaders.mautic import rest, rest_settings
from loaders.mautic.rest_check import check, client_of
from loaders.mautic.settings import TABLES
from loaders.rehearsal.process import start_org

NAMES = ("BASE_URL", "USERNAME", "PASSWORD", "CLIENT_ID", "CLIENT_SECRET", "PAGE_ROWS", "DATABASE_URL")


@dataclass(frozen=True)
class StandIn:
    """The address of a stand-in, and the database behind it."""

    url: str
    database: Path

    def told(self, **settings: Any) -> None:
        """Gives it these settings and no others."""
        self.call("POST", "/_rehearsal", settings)

    def shown(self) -> dict[str, Any]:
        """Its settings and counters."""
        return dict(self.call("GET", "/_rehearsal")[1])

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of one call, logged in as the administrator."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        basic = {"Authorization": "Basic YWRtaW46cmVoZWFyc2Fs", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, {**basic, **headers}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with sqlite3.connect(self.database) as database:
            return database.execute(query).fetchall()


@contextmanager
def running(folder: Path) -> Iterator[StandIn]:
    """A stand-in over the twin in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SFM_DATA_DIR", str(folder))
        with start_org() as org:
            yield StandIn(f"{org.url}/mautic", folder / "twin" / "mautic.sqlite")


def configure(patch: pytest.MonkeyPatch, url: str, **settings: Any) -> None:
    """Points the source at an API; without a log-in as the stand-in's administrator."""
    for name in NAMES:
        patch.delenv(f"SOURCES__MAUTIC__{name}", raising=False)
    if not {"username", "client_id"} & set(settings):
        settings |= {"username": "admin", "password": settings.get("password", "rehearsal")}
    for name, value in {"base_url": url, **settings}.items():
        patch.setenv(f"SOURCES__MAUTIC__{name.upper()}", str(value))


def landing(attempts: int = 12, backoff: float = 0.02) -> rest._Landing:
    """A landing with the settings at hand that does not wait long before it tries again."""
    connection = rest_settings.configured()
    client = client_of(connection)
    client.attempts, client.backoff = attempts, backoff
    client.limiter.shortest_guess = 0.01
    return rest._Landing(connection, client, check(client, connection))


def land(table: str, run: rest._Landing | None = None) -> pa.Table:
    """One table, as it would land."""
    found = next(one for one in TABLES if one.name == table)
    batches = [batch for batch in (run or landing()).read(found) if batch is not None]
    return pa.concat_tables(batches)


def ids(table: pa.Table, column: str = "id") -> list[int]:
    """The values of a key, sorted."""
    return sorted(table.column(column).to_pylist())
