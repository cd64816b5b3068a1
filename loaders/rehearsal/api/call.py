"""What every API function takes and returns, and the table of routes. No network in here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.catalogue import Catalogue, ObjectInfo
from loaders.rehearsal.org.failures import OrgError, bad_request, not_found
from loaders.rehearsal.org.state import Org, Session

NEWEST = 66
OLDEST = 31
JSON = "application/json;charset=UTF-8"


@dataclass
class Answer:
    """One HTTP answer; `body` is JSON-ready, `text` or `file` take its place."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | bytes | None = None
    file: Path | None = None
    stream: Iterator[bytes] | None = None
    content_type: str = JSON


@dataclass
class Call:
    """One request. `file` holds an upload that was streamed to disk, `arguments` the named parts of the
    path."""

    org: Org
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: Path | None = None
    base_url: str = ""
    version: str = f"{NEWEST}.0"
    session: Session | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def user(self) -> Session:
        """The session; routes that need none never ask."""
        if self.session is None:
            raise OrgError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        return self.session

    @property
    def catalogue(self) -> Catalogue:
        """The org's catalogue."""
        return self.org.catalogue

    @property
    def context(self) -> Context:
        """Who writes, and whether the client insists on saving what a duplicate rule only warns of."""
        header = self.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
        insists = "allowsave=true" in header.split(";")
        return replace(self.org.context(self.user), save_duplicates=insists)

    @property
    def root(self) -> str:
        """`/services/data/vXX.0` of this call."""
        return f"/services/data/v{self.version}"

    def json(self) -> Any:
        """The body as JSON. Raises OrgError as Salesforce does for text that is none."""
        if not self.body.strip():
            return {}
        try:
            return json.loads(self.body.decode("utf-8-sig"), parse_constant=_no_constant)
        except (UnicodeDecodeError, ValueError, RecursionError) as error:
            raise bad_request("JSON_PARSER_ERROR", f"Unexpected character or end of input: {error}") from None

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object."""
        body = self.json()
        if not isinstance(body, dict):
            raise bad_request(
                "JSON_PARSER_ERROR", "Unexpected JSON value: an object was expected at [line:1, column:1]"
            )
        return body

    def object(self, name: str | None = None) -> ObjectInfo:
        """The object named in the path. Raises OrgError 404."""
        wanted = name if name is not None else self.arguments["object"]
        if not self.catalogue.has(wanted):
            raise not_found()
        return self.catalogue.object(wanted)


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Route:
    """A path pattern below the version (or from the root) and its function."""

    methods: frozenset[str]
    pattern: re.Pattern[str]
    handler: Handler
    versioned: bool
    public: bool
    looseness: int


ROUTES: list[Route] = []


def route(
    methods: str, path: str, *, versioned: bool = True, public: bool = False
) -> Callable[[Handler], Handler]:
    """Registers a function for a path; `{name}` matches one segment, `{name*}` the rest. Trailing
    slashes are legal."""
    looseness = path.count("{") + 10 * path.count(
        "*}"
    )  # /sobjects/{object}/describe goes before /sobjects/{object}/{id}
    pattern = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", path)
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)

    def register(handler: Handler) -> Handler:
        ROUTES.append(
            Route(
                frozenset(methods.split()), re.compile(pattern + "/?"), handler, versioned, public, looseness
            )
        )
        ROUTES.sort(key=lambda known: known.looseness)
        return handler

    return register


def find_route(method: str, path: str) -> tuple[Route, dict[str, str], str | None]:
    """The route of a request, its path arguments and API version. Raises OrgError 404 or 405."""
    version, rest = None, path
    matched = re.fullmatch(r"/services/data/v(\d{2})\.0(/.*)?", path)
    if matched:
        number = int(matched.group(1))
        if not OLDEST <= number <= NEWEST:
            raise not_found()
        version, rest = f"{number}.0", matched.group(2) or "/"
    allowed = False
    for candidate in ROUTES:
        if candidate.versioned != bool(matched):
            continue
        found = candidate.pattern.fullmatch(rest)
        if found:
            allowed = True
            if method in candidate.methods or (method == "HEAD" and "GET" in candidate.methods):
                return candidate, found.groupdict(), version
    if allowed:
        raise OrgError(
            405, "METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed. Allowed are GET,HEAD,POST"
        )
    raise not_found()


def error_body(error: OrgError) -> list[dict[str, Any]]:
    """The array in which REST reports errors."""
    entry: dict[str, Any] = {"message": error.message, "errorCode": error.code}
    if error.fields is not None:
        entry["fields"] = error.fields
    return [entry]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")
