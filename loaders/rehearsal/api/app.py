"""The ASGI application: request in, session checked, function found, answer out. Knows nothing of what
the functions do.

Bodies are kept in memory up to 60 MB; an upload of Bulk data goes straight to a file, unpacked if it
came with gzip. Functions run in threads, so twenty clients can wait at the same time. An unexpected
exception becomes Salesforce's UNKNOWN_EXCEPTION with an id; the traceback goes to the log, never to the
client.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Match, Router
from starlette.types import Receive, Scope, Send

from loaders.project import data_dir
from loaders.rehearsal.api import modules  # noqa: F401  importing registers every route
from loaders.rehearsal.api.call import JSON, Answer, Call, error_body, find_route
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.faults import CODES, Rule
from loaders.rehearsal.org.state import Org, Session
from loaders.rehearsal.sources import source_routes

LOG = logging.getLogger("rehearsal")
MAX_BODY = 60 * 1024 * 1024
MAX_FILE = 2 * 1024 * 1024 * 1024
MAX_UPLOAD = 150 * 1024 * 1024
MAX_URI = 16_384
UPLOAD = re.compile(r"/services/data/v\d\d\.0/jobs/ingest/[^/]+/batches/?")

Result = TypeVar("Result")


class Application:
    """The org behind HTTP. An ASGI callable."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.threads = ThreadPoolExecutor(max_workers=40, thread_name_prefix="request")
        self.sources = Router(source_routes(data_dir()))

    def close(self) -> None:
        """Waits for the requests at hand."""
        self.threads.shutdown(wait=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if any(route.matches(scope)[0] is Match.FULL for route in self.sources.routes):
            await self.sources(scope, receive, send)
            return
        request = Request(scope, receive)
        upload: Path | None = None
        answer: Answer | None
        try:
            try:
                path = path_of(request)
                rule = self.org.faults.for_call(request.method, path)
                if rule and rule.during:
                    await anext(request.stream(), b"")
                    answer = fault_answer(rule)
                else:
                    call, upload = await self._read(request, path)
                    answer = await self._answer(call, rule)
            except OrgError as error:
                answer = Answer(error.status, error_body(error))
            except ClientDisconnect:
                return
            if answer is None:
                scope["state"]["transport"].abort()
            else:
                await self._send(answer, request, scope, receive, send)
        finally:
            if upload:
                upload.unlink(missing_ok=True)

    async def _read(self, request: Request, path: str) -> tuple[Call, Path | None]:
        if len(str(request.url)) > MAX_URI:
            raise OrgError(414, "URI_TOO_LONG", "The URI is longer than 16,384 bytes")
        upload: Path | None = None
        body = b""
        if request.method == "PUT" and UPLOAD.fullmatch(path):
            upload = Path(tempfile.mkstemp(dir=self.org.store.files, suffix=".csv")[1])
            try:
                with upload.open("wb") as file:
                    async for block in _unpacked(request, MAX_UPLOAD):
                        file.write(block)
            except BaseException:
                upload.unlink(missing_ok=True)
                raise
        else:
            limit = MAX_FILE if "multipart" in request.headers.get("content-type", "") else MAX_BODY
            body = b"".join([block async for block in _unpacked(request, limit)])
        base = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        return (
            Call(
                org=self.org,
                method=request.method,
                path=path,
                query=dict(QueryParams(request.scope["query_string"])),
                headers={key.lower(): value for key, value in Headers(scope=request.scope).items()},
                body=body,
                file=upload,
                base_url=base,
            ),
            upload,
        )

    async def _answer(self, call: Call, rule: Rule | None) -> Answer | None:
        """The answer, or None when a fault breaks the connection instead."""
        if rule and rule.action == "delay":
            await asyncio.sleep(rule.value("seconds", 1.0))
            rule = None
        if rule and rule.action == "expire_session":
            await self._in_thread(self.org.logout)
            rule = None
        if rule and rule.action in ("revoke", "change_describe"):
            await self._in_thread(change_org, self.org, rule)
            rule = None
        if rule and not rule.after:
            return fault_answer(rule)
        answer = await self._in_thread(handle, call)
        return fault_answer(rule) if rule else answer

    async def _in_thread(self, function: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *arguments)

    async def _send(
        self, answer: Answer, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = dict(answer.headers)
        if request.url.path.startswith("/services/data/"):
            headers.setdefault("Sforce-Limit-Info", self.org.limits.header())
        response: Response
        if answer.file:
            response = FileResponse(answer.file, answer.status, headers, media_type=answer.content_type)
        elif answer.stream is not None:
            response = StreamingResponse(answer.stream, answer.status, headers, answer.content_type)
        elif answer.text is not None:
            response = Response(answer.text, answer.status, headers, answer.content_type)
        elif answer.status in (204, 304) or answer.body is None:
            response = Response(b"", answer.status, headers)
        else:
            text = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
            response = Response(text.encode("utf-8", "surrogatepass"), answer.status, headers, JSON)
        await response(scope, receive, send)


def path_of(request: Request) -> str:
    """The decoded path; the sf CLI keeps the slash that ends its instance address."""
    path = unquote(request.scope.get("raw_path", b"").decode("latin-1")) or request.url.path
    return "/" + path.lstrip("/")


def change_org(org: Org, rule: Rule) -> None:
    """Does to the org what a fault says."""
    if rule.action == "revoke":
        org.revoke(rule.value("seconds", 1e9))
    else:
        spec = rule.spec
        org.change_describe(
            str(spec.get("object")), str(spec.get("field")), require=spec.get("change") == "require"
        )


async def _unpacked(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body in blocks, unpacked if it came with gzip. Raises OrgError if it is broken or too large."""
    packed = request.headers.get("content-encoding", "").lower() == "gzip"
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
    total = 0
    try:
        async for block in request.stream():
            plain = unpacker.decompress(block, limit + 1) if unpacker else block
            total += len(plain)
            if total > limit or (unpacker and unpacker.unconsumed_tail):
                raise OrgError(413, "REQUEST_ENTITY_TOO_LARGE", f"The request is larger than {limit} bytes")
            yield plain
        if unpacker and total and not unpacker.eof:
            raise zlib.error("incomplete")
    except zlib.error as error:
        raise bad_request("UNKNOWN_EXCEPTION", f"The request body is not valid gzip: {error}") from None


def fault_answer(rule: Rule) -> Answer | None:
    """What a call gets instead of its answer: an error, or None for a broken connection."""
    if rule.action == "reset":
        return None
    status = int(rule.value("status", 503))
    code = str(rule.spec.get("code") or CODES.get(status, "SERVER_UNAVAILABLE"))
    message = str(
        rule.spec.get("message") or "The server is currently unable to handle the request (rehearsed fault)"
    )
    headers = {"Retry-After": str(rule.spec["retry_after"])} if "retry_after" in rule.spec else {}
    return Answer(status, [{"message": message, "errorCode": code}], headers)


def authenticate(call: Call) -> Session:
    """The session of a call, by header or Bulk v1's own header. Raises OrgError 401."""
    header = call.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme.lower() not in ("bearer", "oauth"):
        token = call.headers.get("x-sfdc-session", "")
    session = call.org.session(token.strip())
    if session is None:
        raise OrgError(401, "INVALID_SESSION_ID", "Session expired or invalid")
    return session


def handle(call: Call) -> Answer:
    """The answer to a call from outside: session, daily allowance, then the function."""
    try:
        found, arguments, version = find_route(call.method, call.path)
        call.arguments, call.version = arguments, version or call.version
        if not found.public:
            call.session = authenticate(call)
            if call.org.limits.count("DailyApiRequests") > call.org.options.daily_api_requests:
                raise OrgError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        answer = found.handler(call)
        if not found.public:
            call.org.edits.happened("after_call")
        return answer
    except OrgError as error:
        return Answer(error.status, error_body(error))
    except Exception as error:
        LOG.exception("%s %s", call.method, call.path)
        reference = f"{abs(hash((call.path, str(error)))) % 10**9}-{call.org.options.seed}"
        body: list[dict[str, Any]] = [
            {
                "message": "An unexpected error occurred. Please include this ErrorId if you contact "
                f"support: {reference}",
                "errorCode": "UNKNOWN_EXCEPTION",
            }
        ]
        return Answer(500, body)
