"""Pages of one list or statistics table of the API, several at once, each checked against its `total`.

Paging goes by key (`where key > last, order by key`), so that rows which come or go meanwhile shift nothing.
A large table is cut into ranges of its key, which are read side by side. A page with fewer rows than its own
`total` promises is asked for again; a page that ignores the condition stops the landing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from loaders.errors import ConfigurationError, RemoteError
from loaders.mautic.rest_settings import Connection, Endpoint
from loaders.mautic.settings import Table
from loaders.rest_client import Reply, RestClient

PAGES_OF_A_RANGE = 4
MOST_RANGES = 256
TRACES = ("^",)

Row = Mapping[str, Any]
Key = int | str | None
Made = TypeVar("Made")


class NotThereError(Exception):
    """The API has no such list: an older release, or a plugin that is not installed."""


@dataclass(frozen=True)
class Page:
    """Rows in key order; `last` is the key to go on from, None at the end of the range."""

    rows: Sequence[Row]
    last: Key = None


@dataclass(frozen=True)
class Listing:
    """What to ask for: the path below /api/, the property with the rows and the key that pages go by."""

    path: str
    container: str
    keys: tuple[str, ...]
    is_stats: bool = False

    @property
    def key(self) -> str:
        """The column by which pages go."""
        return self.keys[0]


def listing_of(endpoint: Endpoint, table: Table) -> Listing:
    """The listing of an endpoint; of a composite key the contact goes first, because one contact has few rows."""
    keys = sorted(table.primary_key, key=lambda name: name != "lead_id")
    if endpoint.way == "stats":
        return Listing(f"stats/{table.name}", "stats", tuple(keys), is_stats=True)
    return Listing(endpoint.path, endpoint.container, tuple(keys))


def count(client: RestClient, listing: Listing) -> int | None:
    """The API's own number of rows, None if it does not tell. Raises as `_read`."""
    return _total(_ask(client, listing, 1, None, None)[0])


def pages(
    client: RestClient,
    listing: Listing,
    connection: Connection,
    workers: ThreadPoolExecutor,
    make: Callable[[Sequence[Row]], Made],
) -> Iterator[Made]:
    """Every page of the list, run through `make` by a worker. Raises NotThereError, ConfigurationError or
    RemoteError.
    """
    limit, at_once = connection.page_rows, connection.requests_at_once

    def work(after: Key, upto: Key) -> tuple[Made, Key]:
        page = _read(client, listing, limit, after, upto)
        return make(page.rows), page.last

    waiting = deque(_ranges(client, listing, limit))
    running: dict[Future[tuple[Made, Key]], Key] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                after, upto = waiting.popleft()
                running[workers.submit(work, after, upto)] = upto
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                upto = running.pop(done)
                made, last = done.result()
                if last is not None:
                    waiting.appendleft((last, upto))  # a range that has begun goes on first
                yield made
    finally:
        for future in running:
            future.cancel()


def _ranges(client: RestClient, listing: Listing, limit: int) -> list[tuple[Key, Key]]:
    """Ranges of the key, `after` excluded and `upto` included; the ends are open."""
    body, first = _ask(client, listing, 1, None, None)
    total = _total(body)
    if total is None or total <= limit * 2 or not first or not _whole(first[0][listing.key]):
        return [(None, None)]
    _, newest = _ask(client, listing, 1, None, None, descending=True)
    if not newest:
        return [(None, None)]
    low, high = int(first[0][listing.key]), int(newest[0][listing.key])
    number = max(1, min(MOST_RANGES, total // (limit * PAGES_OF_A_RANGE)))
    edges = [low + (high - low) * step // number for step in range(1, number)]
    return list(zip([None, *edges], [*edges, None], strict=True))


def _read(client: RestClient, listing: Listing, limit: int, after: Key, upto: Key) -> Page:
    """One page. Rows of a composite key's last value are left to the next page, which has them all."""
    body, rows = _ask(client, listing, limit, after, upto)
    if len(rows) < limit:
        return Page(rows)
    last = rows[-1][listing.key]
    if len(listing.keys) == 1:
        return Page(rows, last)
    total = _total(body)
    if total is not None and total <= len(rows):
        return Page(rows)
    whole = [row for row in rows if row[listing.key] != last]
    if not whole:  # more rows of one value than a page has
        return _read(client, listing, limit * 2, after, upto)
    return Page(whole, whole[-1][listing.key])


def _ask(
    client: RestClient, listing: Listing, limit: int, after: Key, upto: Key, descending: bool = False
) -> tuple[Row, list[Row]]:
    """The body and its rows. Raises NotThereError, ConfigurationError or RemoteError."""
    parameters = _parameters(listing, limit, after, upto, descending)
    reply = client.get(
        f"/api/{listing.path}", parameters, lambda body: _fewer_than_promised(body, listing, limit)
    )
    refuse_errors(reply, f"/api/{listing.path}", client.host)
    rows = _rows(reply.body, listing)
    if rows is None:
        raise NotThereError
    if rows and _whole(rows[0][listing.key]):
        # the members of a JSON object have no order that could be relied on
        rows.sort(key=lambda row: int(row[listing.key]), reverse=descending)
        if after is not None and int(rows[0][listing.key]) <= int(after):
            raise RemoteError(
                f"{client.host}/api/{listing.path} ignores the condition on {listing.key}.",
                "read the database instead; without the condition rows could be lost between pages",
            )
    return reply.body, rows


def _parameters(
    listing: Listing, limit: int, after: Key, upto: Key, descending: bool
) -> dict[str, str | int]:
    parameters: dict[str, str | int] = {"limit": limit}
    conditions = [(after, "gt"), (upto, "lte")]
    for number, (bound, operator) in enumerate((b, o) for b, o in conditions if b is not None):
        parameters |= {
            f"where[{number}][col]": listing.key,
            f"where[{number}][expr]": operator,
            f"where[{number}][val]": str(bound),
        }
    direction = "desc" if descending else "asc"
    if not listing.is_stats:
        return parameters | {"orderBy": listing.key, "orderByDir": direction}
    for number, key in enumerate(listing.keys):
        parameters |= {f"order[{number}][col]": key, f"order[{number}][dir]": direction}
    return parameters


def _fewer_than_promised(body: Any, listing: Listing, limit: int) -> str | None:
    """What is wrong with a page that has fewer rows than its own `total` says."""
    rows, total = _rows(body, listing), _total(body)
    if rows is None or total is None or len(rows) >= min(limit, total):
        return None
    return f"a page has {len(rows)} rows instead of {min(limit, total)}"


def _rows(body: Any, listing: Listing) -> list[Row] | None:
    """The rows, whether they come as a list or keyed by id; None if the answer has none of its kind."""
    if not isinstance(body, dict) or (listing.container not in body and "total" not in body):
        return None
    held = body.get(listing.container)
    if held is None:  # some releases name a container otherwise; it is the only one beside the total
        held = next((value for value in body.values() if isinstance(value, dict | list)), [])
    rows = list(held.values()) if isinstance(held, dict) else list(held)
    return rows


def _total(body: Any) -> int | None:
    """`total`, which comes as a number or as text."""
    total = body.get("total") if isinstance(body, dict) else None
    return int(total) if total is not None and str(total).isdigit() else None


def _whole(value: Any) -> bool:
    return str(value).isdigit()


def refuse_errors(reply: Reply, path: str, host: str) -> None:
    """Raises for an answer that is an error, even one with HTTP 200, in the words of the API."""
    body = reply.body
    errors = body.get("errors") if isinstance(body, dict) else None
    if reply.status < 400 and not errors:
        if not isinstance(body, dict):
            raise ConfigurationError(f"{host} answers {path} with no JSON.", "check the base URL")
        return
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    message = str(first.get("message") or f"HTTP {reply.status}")[:300]
    if reply.status == 404:
        raise NotThereError
    if reply.status == 401:
        raise ConfigurationError(
            f"{host} does not accept the log-in: {message}",
            "check user and password, or client id and secret",
        )
    if first.get("type") == "api_disabled":
        raise ConfigurationError(
            f"The API of {host} is switched off: {message}",
            "switch it on in Mautic: Settings, Configuration, API settings; then clear Mautic's cache",
        )
    if reply.status == 403 or "permission" in message.lower():
        raise ConfigurationError(
            f"{host} refuses {path}: {message}",
            "give the API user's role the right to view these records, of all owners; where the message names "
            "basic authentication, switch it on in Mautic's API settings or use OAuth2",
        )
    raise RemoteError(f"{host} answers {path} with an error: {message}", "look at the log of Mautic")
