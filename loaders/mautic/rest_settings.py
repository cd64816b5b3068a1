"""Where Mautic's REST API is and what it gives: settings, and per table the way to its rows.

rest_tables.csv: `way` is list (a paged list of records), stats (raw rows of a statistics table), nested (a
property of another table's records), fields (the field registry) or gap (the API does not give it; `gap`
says so to the people). rest_columns.csv: where in a record a column is, if its name does not tell.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import dlt

from loaders.errors import ConfigurationError
from loaders.mautic.settings import Table
from loaders.rest_limiter import AT_ONCE

SETTING = "SOURCES__MAUTIC__BASE_URL (or base_url under [sources.mautic] in .dlt/config.toml)"
USER = "SOURCES__MAUTIC__USERNAME and SOURCES__MAUTIC__PASSWORD"
CLIENT = "SOURCES__MAUTIC__CLIENT_ID and SOURCES__MAUTIC__CLIENT_SECRET"
PAGE_ROWS = 200
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Way = Literal["list", "stats", "nested", "fields", "gap"]


@dataclass(frozen=True)
class Endpoint:
    """How one table is read: `path` below /api/, `inside` which property of a record holds nested rows."""

    table: str
    way: Way
    path: str = ""
    container: str = ""
    inside: str = ""
    permission: str = ""  # whose holders see the records of others, too
    gap: str = ""


@dataclass(frozen=True)
class Connection:
    """The API and how to log in: a user with a password, or the credentials of an OAuth2 client."""

    base_url: str
    username: str = ""
    password: str = ""
    client_id: str = ""
    client_secret: str = ""
    page_rows: int = PAGE_ROWS
    requests_at_once: int = AT_ONCE

    @property
    def host(self) -> str:
        """Name and port for messages."""
        return urlsplit(self.base_url).netloc

    @cached_property
    def caller(self) -> str:
        """Who asks, for messages."""
        return f"the client {self.client_id!r}" if self.client_id else f"the user {self.username!r}"

    def __repr__(self) -> str:
        return f"Connection({self.base_url!r}, {self.caller})"


def _lines(name: str) -> Iterator[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _json_paths() -> Mapping[str, Mapping[str, str]]:
    paths: dict[str, dict[str, str]] = {}
    for line in _lines("rest_columns.csv"):
        paths.setdefault(line["table_name"], {})[line["column_name"]] = line["json_path"]
    return paths


ENDPOINTS: Mapping[str, Endpoint] = {
    line["table_name"]: Endpoint(
        line["table_name"],
        cast(Way, line["way"]),
        line["path"],
        line["container"],
        line["inside"],
        line["permission"],
        line["gap"],
    )
    for line in _lines("rest_tables.csv")
}
JSON_PATHS = _json_paths()


def paths_of(table: Table, column: str) -> list[str]:
    """Where in a record of a list the column may be, likeliest first: a dot goes into an object, `^` to the
    record around a nested row.
    """
    if given := JSON_PATHS.get(table.name, {}).get(column):
        return [given]
    camel = _camel(column)
    if column.endswith("_id"):
        return [camel, f"{_camel(column.removesuffix('_id'))}.id"]
    return [camel]


def _camel(name: str) -> str:
    return re.sub(r"_+(\w)", lambda found: found[1].upper(), name)


def base_url() -> str:
    """The setting, empty without one."""
    return _secret("base_url").strip()


def configured() -> Connection:
    """The connection from dlt's configuration. Raises ConfigurationError for settings that do not fit."""
    url, text = base_url().rstrip("/").removesuffix("/api"), _secret
    parts = urlsplit(url)
    if text("database_url"):
        raise ConfigurationError(
            "Mautic has both a database_url and a base_url.",
            "keep one: the database is complete and faster, the REST API leaves declared gaps",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
        raise ConfigurationError(
            "Mautic's base_url is no address of the kind https://mautic.example.com.",
            f"set {SETTING} without user, password or query",
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigurationError(
            f"{parts.netloc} would get the password unencrypted.", f"use https:// in {SETTING}"
        )
    user, client = text("username"), text("client_id")
    if bool(user) == bool(client):
        raise ConfigurationError(
            f"Mautic's API needs one log-in, it has {'two' if user else 'none'}.",
            f"set either {USER} or {CLIENT}",
        )
    secret = "password" if user else "client_secret"
    if not text(secret):
        raise ConfigurationError(f"Mautic's {secret} is missing.", f"set {USER if user else CLIENT}")
    return Connection(
        url,
        user,
        text("password") if user else "",
        client,
        text("client_secret") if client else "",
        _number("page_rows", PAGE_ROWS),
        _number("requests_at_once", AT_ONCE),
    )


def _secret(name: str) -> str:
    key = f"sources.mautic.{name}"
    found: Any = dlt.secrets.get(key) or dlt.config.get(key)
    return str(found or "")


def _number(name: str, otherwise: int) -> int:
    given = dlt.config.get(f"sources.mautic.{name}") or otherwise
    if not str(given).isdigit() or int(given) < 1:
        raise ConfigurationError(f"{name} is {given!r}.", f"set it to a whole number, such as {otherwise}")
    return int(given)
