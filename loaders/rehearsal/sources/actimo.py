"""Stand-in for Actimo's REST API, over the synthetic twin: contacts and groups of its first workspace, read only.

Known of the real one: the header `api-key`, `{status, data: [...]}`, 20 requests a second per key, single contacts as
a list of one. No paging is documented; `page`/`limit` and `offset`/`limit` work here, so that a client that uses
them can be rehearsed. Anything but GET is refused: a migration has no business writing.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from loaders.rehearsal.twin.actimo import SEED, STATE, WORKSPACES
from loaders.rehearsal.twin.actimo_rows import ActimoRows, Row

KEY = "rehearsal"  # the stand-in guards made-up people
REQUESTS_PER_SECOND = 20
FILTERS = {"employee_id": "unique_id", "email": "email", "data1": "data1", "data2": "data2", "data3": "data3"}

Answer = Callable[[Request], Response]


def routes(data_dir: Path) -> list[BaseRoute]:
    """GET project, contacts, contacts/{id}, groups and a contact's link, below /api/v1."""
    api = _Api(data_dir)
    paths: dict[str, Answer] = {
        "project": api.project,
        "contacts": api.contacts,
        "contacts/{contact_id}": api.contact,
        "groups": api.groups,
        "messages/{message_id}/contactLink/{contact_id}": api.link,
    }
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [Route(f"/api/v1/{path}", api.guarded(answer), methods=methods) for path, answer in paths.items()]


class _Api:
    """The twin as the API shows it."""

    def __init__(self, data_dir: Path) -> None:
        self._state = data_dir / "twin" / STATE
        self._times: deque[float] = deque(maxlen=REQUESTS_PER_SECOND)

    def guarded(self, answer: Answer) -> Answer:
        """The answer behind the checks of method, key and pace."""

        def checked(request: Request) -> Response:
            now = time.monotonic()
            if request.method not in ("GET", "HEAD"):
                return _refusal(405, "the stand-in is read only")
            if request.headers.get("api-key") != KEY:
                return _refusal(401, "invalid api-key")
            if len(self._times) == REQUESTS_PER_SECOND and now - self._times[0] < 1:
                return _refusal(429, "too many requests", {"Retry-After": "1"})
            self._times.append(now)
            return answer(request)

        return checked

    def project(self, request: Request) -> Response:
        """The workspace that the key opens."""
        return _answer([{"id": 9, "name": f"{WORKSPACES[0].title()} (synthetic)"}])

    def contacts(self, request: Request) -> Response:
        """All contacts, or those that a filter or `search` finds."""
        asked = {
            column: request.query_params[name]
            for name, column in FILTERS.items()
            if name in request.query_params
        }
        search = request.query_params.get("search", "").casefold()
        people: Iterator[Row] = (
            row
            for row in self._rows().people()
            if all(str(row[column] or "") == value for column, value in asked.items())
            and search in f"{row['first_name']} {row['last_name']} {row['email']}".casefold()
        )
        return _page(request, map(_contact, people))

    def contact(self, request: Request) -> Response:
        """One contact, as a list of one."""
        wanted = request.path_params["contact_id"]
        found = [_contact(row) for row in self._rows().people() if row["contact_id"] == wanted]
        return _answer(found) if found else _refusal(404, "no such contact")

    def groups(self, request: Request) -> Response:
        """All groups."""
        return _page(request, map(_group, self._rows().groups()))

    def link(self, request: Request) -> Response:
        """A contact's personal link to a message."""
        token = f"{request.path_params['message_id']}-{request.path_params['contact_id']}"
        return _answer([{"link": f"https://m.actimo.example/{token}"}])

    def _rows(self) -> ActimoRows:
        state = orjson.loads(self._state.read_bytes()) if self._state.is_file() else {}
        return ActimoRows(state.get("contacts", 20), state.get("seed", SEED), WORKSPACES[0])


def _page(request: Request, rows: Iterator[dict[str, Any]]) -> Response:
    asked = request.query_params
    limit = int(asked["limit"]) if asked.get("limit", "").isdigit() else None
    if limit is None:
        return _answer(list(rows))
    page, offset = asked.get("page", ""), asked.get("offset", "")
    start = (
        int(offset) if offset.isdigit() else (int(page) - 1) * limit if page.isdigit() and int(page) else 0
    )
    return _answer(list(itertools.islice(rows, start, start + limit)))


def _contact(row: Row) -> dict[str, Any]:
    """A contact in the API's own names; moments are local and carry no zone."""
    phone, code = row["phone_number"], row["country_code"]
    names = (str(row["first_name"] or ""), str(row["last_name"] or ""))
    same = (
        "email",
        "department",
        "title",
        "company",
        "timezone",
        "addr_line_1",
        "addr_city",
        "addr_zip",
        "addr_country",
    )
    return {
        "id": int(row["contact_id"]), "user_id": 9, "shared": 0, "first_name": names[0], "last_name": names[1],
        "name": " ".join(names).strip(), **{name: row[name] for name in same}, "source_type": "api", "source_data": None,
        "opt_out": int(row["opt_out"]), "country_code": code, "phone_number": phone,
        "msisdn": f"{code}{phone[-7:]}" if code and phone else None, "employee_id": row["unique_id"],
        "created_at": f"{row['created_at']:%Y-%m-%d %H:%M:%S}",
        **{name: row[name] or "" for name in ("data1", "data2", "data3")},
    }  # fmt: skip


def _group(row: Row) -> dict[str, Any]:
    return {
        "id": int(row["group_id"]), "user_id": 9, "name": row["name"], "member_count": row["member_count"],
        "created_at": f"{row['created_at']:%Y-%m-%d %H:%M:%S}", "source_type": row["type"], "shared": 1,
    }  # fmt: skip


def _answer(data: list[Any]) -> Response:
    return Response(orjson.dumps({"status": True, "data": data}), media_type="application/json")


def _refusal(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"status": False, "message": text}, status, headers)
