"""The REST API, read only: contacts and groups as a delivery that is then read like any other (the second mode).

The API tells less than the exports do, and its key comes from Actimo's support. Answers are `{status, data: [...]}`;
no paging is documented, so none is assumed; `api_paging` can say `page` or `offset`. Only GET is ever sent.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.auth import HTTPBasicAuth

from loaders.actimo.delivery import MANIFEST
from loaders.actimo.settings import Settings, tables
from loaders.errors import ConfigurationError, RemoteError
from loaders.rest_client import RestClient
from loaders.rest_limiter import HostLimiter

URL = "https://a.actimo.com/api/v1"
PATHS = "contacts=contacts,groups=groups"  # table=path, as the vendor's help and connectors show them
REQUESTS_PER_SECOND = 20.0
PAGE_SIZE = 1000
KEY_SETTING = "SOURCES__ACTIMO__API_KEY (or api_key under [sources.actimo] in .dlt/secrets.toml)"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _ApiKey(HTTPBasicAuth):
    """The header that Actimo wants; the key stays out of URLs and messages."""

    def __init__(self, key: str) -> None:
        super().__init__("", "")
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["api-key"] = self._key
        return request


@dataclass
class _Api:
    """The client with its pace: never more requests a second than the key allows."""

    client: RestClient
    pause: float
    last: float = 0.0

    def get(self, path: str, params: Mapping[str, Any]) -> list[Any]:
        """The list under `data`. Raises ConfigurationError for a refused key, RemoteError for any other failure."""
        time.sleep(max(0.0, self.last + self.pause - time.monotonic()))
        self.last = time.monotonic()
        reply = self.client.get(f"/{path.lstrip('/')}", params)
        if reply.status in (401, 403):
            raise ConfigurationError(f"{self.client.host} refuses the key.", f"check {KEY_SETTING}")
        if reply.status == 404:
            raise ConfigurationError(
                f"{self.client.host} has no {path}.", "check api_url and api_paths under [sources.actimo]"
            )
        data = reply.body.get("data") if isinstance(reply.body, dict) else reply.body
        if reply.status != 200 or (isinstance(reply.body, dict) and reply.body.get("status") is False):
            raise RemoteError(
                f"{self.client.host}/{path} answers with status {reply.status} and no data.",
                "run refresh-raw --source actimo again later",
            )
        return data if isinstance(data, list) else [data] if data else []


def fetch(settings: Settings, folder: Path) -> Settings:
    """Reads the API into `folder` and returns the settings that read it as a drop folder.

    Raises ConfigurationError without a key or with a wrong one, RemoteError when the API fails for too long.
    """
    api = _connect(settings.api)
    target = folder / (settings.workspace or "main")
    shutil.rmtree(folder, ignore_errors=True)
    target.mkdir(parents=True)
    try:
        project = api.get("project", {})
        name = str(project[0].get("name") or "") if project and isinstance(project[0], dict) else ""
        started = datetime.now(UTC)
        counts = {}
        for table, path in _paths(settings.api):
            counts[table] = _save(_pages(api, path, settings.api), target / f"{table}.json")
    finally:
        api.client.close()
    manifest = {
        "contract_version": "1",
        "export_id": f"api-{started:%Y%m%dT%H%M%SZ}",
        "exported_at": started.isoformat(),
        "workspace": name or target.name,
        "timezone": settings.timezone,
        "method": "api",
        "actimo_counts": counts,
        "files": [
            {"file": f"{table}.json", "entity": table, "format": "json", "rows": count}
            for table, count in counts.items()
        ],
    }
    (target / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return fetched(settings, folder)


def fetched(settings: Settings, folder: Path) -> Settings:
    """The settings that read what `fetch` wrote last."""
    return replace(settings, drop_folder=folder, mode="files")


def _connect(options: Mapping[str, Any]) -> _Api:
    key, url = options.get("key"), str(options.get("url") or URL)
    if not key:
        raise ConfigurationError("The API needs a key.", f"set {KEY_SETTING}; Actimo's support gives one out")
    address = urlsplit(url)
    if not address.hostname or (address.scheme != "https" and address.hostname not in _LOOPBACK):
        raise ConfigurationError(
            "sources.actimo.api_url is no https address; the key would travel in the open.",
            f"set it to {URL}",
        )
    pace = options.get("requests_per_second") or REQUESTS_PER_SECOND
    try:
        pause = 1 / float(pace)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigurationError(
            f"api_requests_per_second is {pace!r}.", "set it to a number such as 20"
        ) from error
    return _Api(RestClient(url, _ApiKey(str(key)), HostLimiter(most=1), "actimo"), pause)


def _paths(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Table and path, from `table=path` pairs. Raises ConfigurationError for an unknown table."""
    pairs = [
        one.strip().partition("=") for one in str(options.get("paths") or PATHS).split(",") if one.strip()
    ]
    for table, _, path in pairs:
        if table not in tables() or not re.fullmatch(r"[\w./-]+", path):
            raise ConfigurationError(f"api_paths has {table}={path}.", f"write pairs such as {PATHS}")
    return [(table, path) for table, _, path in pairs]


def _pages(api: _Api, path: str, options: Mapping[str, Any]) -> Iterator[list[Any]]:
    """The pages of a list; one without paging. A server that ignores paging repeats itself, which ends it."""
    paging, size = str(options.get("paging") or "none"), int(options.get("page_size") or PAGE_SIZE)
    if paging not in ("none", "page", "offset"):
        raise ConfigurationError(f"api_paging is {paging!r}.", "set it to none, page or offset")
    number, before = 0, None
    while True:
        params = {
            "none": {},
            "page": {"page": number + 1, "limit": size},
            "offset": {"offset": number * size, "limit": size},
        }[paging]
        rows = api.get(path, params)
        if rows == before:
            return
        yield rows
        if paging == "none" or len(rows) < size:
            return
        number, before = number + 1, rows


def _save(pages: Iterator[list[Any]], target: Path) -> int:
    """Writes the rows as one JSON list, page by page, and returns how many they are."""
    count = 0
    with target.open("wb") as file:
        file.write(b"[")
        for rows in pages:
            for row in rows:
                file.write((b",\n" if count else b"\n") + orjson.dumps(row))
                count += 1
        file.write(b"\n]\n")
    return count
