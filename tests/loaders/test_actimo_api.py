"""Actimo's REST API against the stand-in: contacts and groups, read only, with its limits."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import duckdb
import pytest

from loaders import pipeline, project
from loaders.errors import ConfigurationError, RemoteError
from loaders.rehearsal.process import start_org
from loaders.rehearsal.sources.actimo import KEY
from loaders.rehearsal.twin.actimo import seed
from loaders.rehearsal.twin.actimo_rows import ActimoRows

CONTACTS = 60


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the API over a small twin."""
    folder = tmp_path_factory.mktemp("org")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SFM_DATA_DIR", str(folder))
        seed(CONTACTS)
        with start_org() as org:
            yield f"{org.url}/actimo/api/v1"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings of the second mode, with the stand-in's key."""
    monkeypatch.setenv("SOURCES__ACTIMO__MODE", "api")
    monkeypatch.setenv("SOURCES__ACTIMO__API_KEY", KEY)
    monkeypatch.setenv("SOURCES__ACTIMO__WORKSPACE", "nord")
    return monkeypatch


class _Server(BaseHTTPRequestHandler):
    """Answers GET with what a test put into `answers`, by path, and remembers what it was asked."""

    answers: ClassVar[dict[str, tuple[int, Any]]] = {}
    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        """One answer."""
        self.asked.append((self.command, self.path))
        status, body = self.answers.get(self.path.split("?")[0], (404, {"status": False}))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """A server of single answers."""
    _Server.answers, _Server.asked = {"/project": (200, {"status": True, "data": [{"name": "X"}]})}, []
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


def ask(url: str, method: str = "GET", key: str = KEY) -> tuple[int, Any]:
    """Status and body of one call."""
    request = urllib.request.Request(url, method=method, headers={"api-key": key})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def land() -> dict[str, pipeline.LandedTable]:
    """refresh-raw; the landed tables by name."""
    return {table.table: table for table in pipeline.refresh(["actimo"])}


def warehouse(query: str) -> list[tuple[Any, ...]]:
    """What the warehouse holds."""
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as session:
        return session.execute(query).fetchall()


@pytest.mark.requirement("ACT-14")
@pytest.mark.requirement("Z21")
@pytest.mark.parametrize("paging", ["none", "page", "offset"])
def test_contacts_and_groups_land_from_the_api(stand_in: str, api: pytest.MonkeyPatch, paging: str) -> None:
    api.setenv("SOURCES__ACTIMO__API_URL", stand_in)
    api.setenv("SOURCES__ACTIMO__API_PAGING", paging)
    api.setenv("SOURCES__ACTIMO__API_PAGE_SIZE", "20")
    landed = land()
    assert (landed["contacts"].rows_landed, landed["contacts"].rows_in_source) == (CONTACTS, CONTACTS)
    assert landed["groups"].rows_landed == 3
    wanted = [
        (row["contact_id"], row["unique_id"], row["first_name"], row["opt_out"])
        for row in ActimoRows(CONTACTS, 20_240_229, "nord").people()
    ]
    assert (
        warehouse(
            "select contact_id, unique_id, first_name, opt_out from raw_actimo.contacts order by source_row"
        )
        == wanted
    )
    assert warehouse("select workspace, method from raw_actimo.deliveries") == [("nord", "api")]


def test_the_stand_in_guards_reads_and_paces_like_the_real_one(stand_in: str) -> None:
    assert ask(f"{stand_in}/contacts", key="guess")[0] == 401
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert ask(f"{stand_in}/contacts?ids=1&forceAnonymize=1", method)[0] == 405
    status, one = ask(f"{stand_in}/contacts/50002")
    assert (status, [row["id"] for row in one["data"]]) == (200, [50002])
    assert ask(f"{stand_in}/contacts/1")[0] == 404
    found = ask(f"{stand_in}/contacts?employee_id=E-1003")[1]["data"]
    assert [row["id"] for row in found] == [50003]
    assert ask(f"{stand_in}/messages/7/contactLink/50002?token=1")[1]["data"][0]["link"].endswith("7-50002")
    statuses = [ask(f"{stand_in}/project")[0] for _ in range(60)]
    assert set(statuses) == {200, 429}


@pytest.mark.requirement("Z21")
def test_only_get_is_sent_and_the_key_stays_out_of_everything(server: str, api: pytest.MonkeyPatch) -> None:
    _Server.answers |= {
        "/contacts": (200, {"status": True, "data": [{"id": 1, "first_name": "Åse"}]}),
        "/groups": (200, {"status": True, "data": []}),
    }
    api.setenv("SOURCES__ACTIMO__API_URL", server)
    api.setenv("SOURCES__ACTIMO__API_KEY", "key-that-nobody-sees")
    land()
    assert {method for method, _ in _Server.asked} == {"GET"}
    kept = [path.read_bytes() for path in project.data_dir().rglob("*") if path.is_file()]
    assert not any(b"key-that-nobody-sees" in content for content in kept)
    _Server.answers["/contacts"] = (403, {"status": False})
    with pytest.raises(ConfigurationError, match="refuses the key") as caught:
        land()
    assert "key-that-nobody-sees" not in str(caught.value)


def test_a_server_that_ignores_paging_is_read_once(server: str, api: pytest.MonkeyPatch) -> None:
    same = (200, {"status": True, "data": [{"id": 1}, {"id": 2}]})
    _Server.answers |= {"/contacts": same, "/groups": (200, {"status": True, "data": []})}
    api.setenv("SOURCES__ACTIMO__API_URL", server)
    api.setenv("SOURCES__ACTIMO__API_PAGING", "page")
    api.setenv("SOURCES__ACTIMO__API_PAGE_SIZE", "2")
    assert land()["contacts"].rows_landed == 2


@pytest.mark.parametrize(
    "settings, text",
    [
        ({"API_KEY": ""}, "The API needs a key"),
        ({"API_URL": "http://api.example/api/v1"}, "no https address"),
        ({"API_PAGING": "guess"}, "api_paging is 'guess'"),
        ({"API_PATHS": "people=contacts"}, "api_paths has people=contacts"),
        ({"API_PATHS": "messages=nowhere"}, "has no nowhere"),
        ({"API_REQUESTS_PER_SECOND": "0"}, "api_requests_per_second is"),
    ],
)
def test_wrong_settings_are_named(
    server: str, api: pytest.MonkeyPatch, settings: dict[str, str], text: str
) -> None:
    for name, value in {"API_URL": server, **settings}.items():
        api.setenv(f"SOURCES__ACTIMO__{name}", value)
    with pytest.raises(ConfigurationError, match=text):
        land()


def test_an_answer_without_data_is_a_failure_of_the_system(server: str, api: pytest.MonkeyPatch) -> None:
    _Server.answers["/contacts"] = (200, {"status": False, "data": []})
    api.setenv("SOURCES__ACTIMO__API_URL", server)
    with pytest.raises(RemoteError, match="no data"):
        land()


def test_without_a_twin_the_stand_in_has_a_few_people(tmp_path: Path) -> None:
    from loaders.rehearsal.sources.actimo import _Api

    assert _Api(tmp_path)._rows().contacts == 20
