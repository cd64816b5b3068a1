"""A stand-in for Mautic's REST API (version 1) over the synthetic twin, served below /mautic.

It answers as Mautic does, with its quirks: containers that are objects keyed by id or lists, `total` as text,
30 rows unless asked for more (100 on statistics), `limit=0` for all (nothing on statistics), statistics
errors with HTTP 200, 500 for a condition that cannot be read, own records only for a role without "view
others". `POST /mautic/_rehearsal` makes it throttle, fail, break connections, lose rows and expire tokens.
Rows are read from SQLite page by page.
"""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from loaders.rehearsal.sources import mautic_reads as reads
from loaders.rehearsal.sources import mautic_writes as writes
from loaders.rehearsal.sources.mautic_query import BadQueryError
from loaders.rehearsal.sources.mautic_records import ENDPOINTS
from loaders.rehearsal.sources.mautic_state import State

Answer = tuple[int, Any]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(data_dir: Path) -> list[BaseRoute]:
    """The stand-in's routes over `<data_dir>/twin/mautic.sqlite`."""
    api = Mautic(data_dir / "twin" / "mautic.sqlite")
    return [
        Route("/_rehearsal", api.control, methods=["GET", "POST"]),
        Route("/oauth/v2/token", api.token, methods=["GET", "POST"]),
        Route("/api/{path:path}", api.call, methods=METHODS),
        Route("/", _home),
    ]


async def _home(_: Request) -> Response:
    """What a browser sees: no JSON, as in Mautic."""
    return Response("<html><title>Mautic (rehearsal)</title></html>", media_type="text/html")


class Mautic:
    """One instance: the twin's database and what it was told about faults."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = State()

    async def control(self, request: Request) -> Response:
        """Shows the settings, after replacing them by those that are posted."""
        if request.method == "POST":
            try:
                self.state.change(await request.json())
            except (TypeError, json.JSONDecodeError) as error:
                return _json(400, {"error": str(error)})
        return _json(200, self.state.shown())

    async def token(self, request: Request) -> Response:
        """OAuth2: a token for client credentials."""
        settings = self.state.settings
        form = dict(parse_qsl((await request.body()).decode())) | dict(request.query_params)
        if form.get("grant_type") != "client_credentials":
            return _json(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type"})
        if (form.get("client_id"), form.get("client_secret")) != (settings.client_id, settings.client_secret):
            return _json(
                400,
                {"error": "invalid_client", "error_description": "The client credentials are invalid"},
            )
        body = {"access_token": self.state.new_token(), "expires_in": 3600, "token_type": "bearer"}
        return _json(200, body)

    async def call(self, request: Request) -> Response:
        """One call of the API, with the faults of its turn."""
        path, settings = request.path_params["path"].strip("/"), self.state.settings
        number, chance = self.state.next_request(path)
        if settings.slow_seconds:
            await run_in_threadpool(time.sleep, settings.slow_seconds)
        if fault := self._fault(chance):
            return fault
        if settings.delete_after == number and settings.delete_contacts:
            await run_in_threadpool(self._delete_contacts)
        body = await request.body()
        status, answer = await run_in_threadpool(self._answer, request, path, body)
        response = _json(status, answer, {"Mautic-Version": settings.version})
        if status == 200 and request.method == "GET" and path != "users/self":
            if chance.random() < settings.halved:
                response = _json(200, _halved(answer), {"Mautic-Version": settings.version})
            if chance.random() < settings.cut:
                return _Cut(response, chance.random() < 0.5)
        return response

    def _fault(self, chance: Random) -> Response | None:
        """The refusal, error or broken connection that this request gets instead of an answer."""
        settings = self.state.settings
        if chance.random() < settings.throttled or self.state.over_the_limit():
            tells = settings.retry_after == "always" or (
                settings.retry_after == "random" and chance.random() < 0.5
            )
            headers = {"Retry-After": str(settings.retry_seconds)} if tells else {}
            return _json(429, _errors(429, "API rate limit exceeded."), headers)
        if chance.random() < settings.failing:
            return _json(500, _errors(500, "Looks like I encountered an error (error #500)."))
        if chance.random() < settings.dropped:
            return _Cut(None, False)
        return None

    def _delete_contacts(self) -> None:
        with closing(self._open(writing=True)) as database, database:
            for number in self.state.settings.delete_contacts:
                database.execute("delete from leads where id = ?", [number])

    def _open(self, writing: bool = False) -> sqlite3.Connection:
        mode = "rw" if writing else "ro"
        return sqlite3.connect(f"file:{quote(str(self.path))}?mode={mode}", uri=True, timeout=30)

    def _answer(self, request: Request, path: str, body: bytes) -> Answer:
        settings = self.state.settings
        if not settings.api_enabled:
            text = (
                "API disabled. You need to enable the API in the API settings of your Mautic's Configuration."
            )
            return 403, _errors(403, text, "api_disabled")
        if refused := self._refuse_login(request.headers.get("authorization", "")):
            return refused
        if not self.path.is_file():
            return 503, _errors(503, f"There is no twin at {self.path}; make one with `rehearse seed`.")
        writing = request.method != "GET"
        pairs = parse_qsl(request.url.query, keep_blank_values=True)
        try:
            with closing(self._open(writing)) as database, database:
                if not writing:
                    return reads.answer(database, path, pairs, settings)
                return _write(database, request.method, path, _parameters(request, body), settings)
        except writes.WriteError as error:
            return error.status, {"errors": [error.body()]}
        except (BadQueryError, sqlite3.OperationalError) as error:
            return 500, _errors(500, str(error))

    def _refuse_login(self, header: str) -> Answer | None:
        settings = self.state.settings
        scheme, _, given = header.partition(" ")
        if scheme.lower() == "bearer":
            if self.state.token_is_valid(given):
                return None
            return 401, _errors(401, "The access token provided has expired.", "invalid_grant")
        if scheme.lower() != "basic":
            return 401, _errors(401, "OAuth2 authentication required", "access_denied")
        if not settings.basic_auth:
            return 403, _errors(403, "Basic authentication is disabled.", "access_denied")
        try:
            user, _, password = base64.b64decode(given).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        if (user, password) == (settings.username, settings.password):
            return None
        return 401, _errors(401, "Invalid username or password.", "access_denied")


def _parameters(request: Request, body: bytes) -> Any:
    """The body's JSON or form; an empty one is an empty object, whatever its content type says."""
    if not body:
        return {}
    if "form" in request.headers.get("content-type", ""):
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise writes.WriteError(400, "Invalid JSON") from None


def _write(database: sqlite3.Connection, method: str, path: str, given: Any, settings: Any) -> Answer:
    """One write: contacts and companies one by one or in batches, and memberships."""
    parts = path.split("/")
    if len(parts) == 5 and parts[2] == "contact" and parts[4] in ("add", "remove"):
        kind = parts[0]
        if kind in writes.MEMBERSHIPS and method == "POST" and parts[1].isdigit() and parts[3].isdigit():
            writes.membership(database, kind, int(parts[1]), int(parts[3]), parts[4] == "add")
            return 200, {"success": 1}
    endpoint = ENDPOINTS.get(parts[0])
    if endpoint is None or endpoint.table not in ("leads", "companies"):
        raise writes.not_found()
    save = _saver(database, endpoint.table, method)
    if parts[1:] in (["batch", "new"], ["batch", "edit"]):
        return _batch(database, endpoint, parts[2], given, save, settings)
    if parts[1:] == ["new"] and method == "POST":
        number, status = save(None, given)
    elif len(parts) == 3 and parts[2] == "edit" and parts[1].isdigit() and method in ("PATCH", "PUT"):
        number, status = save(int(parts[1]), given)
    else:
        raise writes.not_found()
    return status, {endpoint.single: reads.record(database, endpoint, number, settings)}


def _saver(
    database: sqlite3.Connection, table: str, method: str
) -> Callable[[int | None, Any], tuple[int, int]]:
    """A function that saves one record and gives its id and status. It raises WriteError."""

    def save(number: int | None, given: Any) -> tuple[int, int]:
        if not isinstance(given, dict):
            raise writes.WriteError(400, "Bad request")
        if number is not None:
            try:
                writes.change(database, table, number, given, blanks=method == "PUT")
                return number, 200
            except writes.WriteError as error:
                if error.status != 404 or method == "PATCH":
                    raise
        made, is_new = writes.create(database, table, given)
        return made, 201 if is_new else 200

    return save


def _batch(
    database: sqlite3.Connection, endpoint: Any, kind: str, given: Any, save: Any, settings: Any
) -> Answer:
    """Many records at once: those that can be saved are, the others are named by their place."""
    if isinstance(given, dict):
        given = list(given.values())
    if len(given) > 200:
        return 500, _errors(500, "Batch is limited to 200 entities.")
    saved: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    codes: dict[str, int] = {}
    for place, one in enumerate(given):
        try:
            number = int(one["id"]) if kind == "edit" and str(one.get("id", "")).isdigit() else None
            if kind == "edit" and number is None:
                raise writes.not_found()
            made, codes[str(place)] = save(number, one)
            saved[str(place)] = reads.record(database, endpoint, made, settings)
        except writes.WriteError as error:
            codes[str(place)] = error.status
            errors[str(place)] = error.body()
    whole = {endpoint.container: list(saved.values()) if len(saved) == len(given) else saved}
    whole["statusCodes"] = list(codes.values()) if len(saved) == len(given) else codes
    return (201 if kind == "new" else 200), whole | ({"errors": errors} if errors else {})


def _halved(answer: Any) -> Any:
    """A page from which half of the rows are missing; its total stays."""
    if not isinstance(answer, dict) or "total" not in answer:
        return answer
    lost = dict(answer)
    for name, value in answer.items():
        if isinstance(value, dict):
            lost[name] = dict(list(value.items())[: len(value) // 2])
        elif isinstance(value, list):
            lost[name] = value[: len(value) // 2]
    return lost


def _errors(code: int, message: str, kind: str | None = None) -> dict[str, Any]:
    return {"errors": [{"message": message, "code": code, "type": kind}]}


def _json(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS), status, headers, "application/json")


class _Cut(Response):
    """An answer that ends half-way: the connection breaks, or the JSON does. Without an answer, nothing comes."""

    def __init__(self, whole: Response | None, valid_http: bool) -> None:
        super().__init__()
        self.whole, self.valid_http = whole, valid_http

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.whole is None:
            scope["state"]["transport"].abort()
            return
        half = bytes(self.whole.body)[: len(self.whole.body) // 2]
        if self.valid_http:
            await Response(half, 200, media_type="application/json")(scope, receive, send)
            return
        start = {"type": "http.response.start", "status": 200, "headers": self.whole.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope["state"]["transport"].close()
