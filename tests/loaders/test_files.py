"""Files are kept whole, once, and only from where they may come."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from loaders import files
from loaders.files import FileStore, Kept, Policy

CONTENT = bytes(range(256)) * 4000  # about a megabyte
LOCAL = Policy(private_hosts=("127.0.0.1", "localhost"), first_pause_seconds=0.1, timeout_seconds=5)

Answer = Callable[["Handler"], None]


@dataclass
class Server:
    """A server on the loopback device; `answers` are used up one per request, the last one stays."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives what the test wants given."""

    shown: Server

    def do_GET(self) -> None:
        self.shown.seen.append(dict(self.headers))
        answers = self.shown.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def give(self, status: int, body: bytes = b"", stated: int | None = None, **headers: str) -> None:
        """An answer; `stated` is a Content-Length that need not be true."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if stated is None else stated))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture
def server() -> Iterator[Server]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        Handler.shown = Server(f"http://127.0.0.1:{listening.server_port}/file.pdf")
        yield Handler.shown
        listening.shutdown()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def store(tmp_path: Path, pauses: list[float]) -> FileStore:
    return FileStore(tmp_path / "files", LOCAL, pauses.append)


def whole(store: FileStore, kept: Kept) -> bytes:
    """The kept file."""
    assert kept.state == "landed", kept
    assert kept.local_path is not None
    return (store.folder / kept.local_path).read_bytes()


def test_a_file_is_kept_under_its_hash(store: FileStore, server: Server) -> None:
    server.answers = [lambda call: call.give(200, CONTENT)]
    kept = store.keep_url(server.url)
    assert whole(store, kept) == CONTENT
    assert kept.sha256 == kept.local_path == hashlib.sha256(CONTENT).hexdigest()
    assert kept.size_bytes == len(CONTENT)
    assert store.keep_bytes(CONTENT) == kept  # the same bytes, once
    assert [path.name for path in store.folder.iterdir() if path.is_file()] == [kept.sha256]


def test_a_broken_download_goes_on_where_it_stopped(store: FileStore, server: Server) -> None:
    half = len(CONTENT) // 2

    def rest(call: Handler) -> None:
        assert call.headers["Range"] == f"bytes={half}-"
        assert call.headers["If-Range"] == '"v1"'
        call.give(
            206, CONTENT[half:], Content_Range=f"bytes {half}-{len(CONTENT) - 1}/{len(CONTENT)}", ETag='"v1"'
        )

    server.answers = [lambda call: call.give(200, CONTENT[:half], len(CONTENT), ETag='"v1"'), rest]
    assert whole(store, store.keep_url(server.url)) == CONTENT
    assert len(server.seen) == 2


def test_the_next_run_goes_on_where_this_one_gave_up(
    store: FileStore, server: Server, pauses: list[float]
) -> None:
    half = len(CONTENT) // 2
    server.answers = [lambda call: call.give(200, CONTENT[:half], len(CONTENT), ETag='"v1"')]
    once = FileStore(store.folder, replace(LOCAL, attempts=1), pauses.append)
    assert once.keep_url(server.url).state == "failed"
    server.answers = [
        lambda call: call.give(206, CONTENT[half:], Content_Range=f"bytes {half}-", ETag='"v1"')
    ]
    assert whole(store, store.keep_url(server.url)) == CONTENT


def test_a_file_that_changed_meanwhile_is_read_anew(store: FileStore, server: Server) -> None:
    server.answers = [
        lambda call: call.give(200, b"old and long" * 100, 5000, ETag='"v1"'),
        lambda call: call.give(200, CONTENT, ETag='"v2"'),  # If-Range did not hold
    ]
    assert whole(store, store.keep_url(server.url)) == CONTENT


def test_an_unchanged_file_is_not_sent_again(store: FileStore, server: Server) -> None:
    server.answers = [lambda call: call.give(200, CONTENT, ETag='"v1"')]
    first = store.keep_url(server.url)
    server.answers = [lambda call: call.give(304 if call.headers["If-None-Match"] == '"v1"' else 500)]
    assert store.keep_url(server.url) == first


def test_busy_servers_are_asked_again_when_they_say_so(
    store: FileStore, server: Server, pauses: list[float]
) -> None:
    server.answers = [
        lambda call: call.give(503, Retry_After="7"),
        lambda call: call.give(500),
        lambda call: call.give(200, CONTENT),
    ]
    assert whole(store, store.keep_url(server.url)) == CONTENT
    assert pauses == [7.0, 0.2]


@pytest.mark.parametrize(
    ("status", "state", "asked"),
    [(404, "missing", 1), (410, "missing", 1), (403, "failed", 1), (500, "failed", 5)],
)
def test_what_the_server_refuses_is_told(
    store: FileStore, server: Server, status: int, state: str, asked: int
) -> None:
    server.answers = [lambda call: call.give(status)]
    kept = store.keep_url(server.url)
    assert (kept.state, len(server.seen)) == (state, asked)
    assert str(status) in str(kept.reason)
    assert not [path for path in store.folder.iterdir() if path.is_file()]


@pytest.mark.parametrize("stated", [len(CONTENT), 10], ids=["stated", "lied about"])
def test_a_file_beyond_the_limit_is_refused_and_leaves_nothing(
    store: FileStore, server: Server, stated: int
) -> None:
    def pour(call: Handler) -> None:
        call.send_response(200)
        if stated == len(CONTENT):
            call.send_header("Content-Length", str(stated))
        call.end_headers()
        call.wfile.write(CONTENT)

    server.answers = [pour]
    small = FileStore(store.folder, replace(LOCAL, max_bytes=1000))
    kept = small.keep_url(server.url)
    assert (kept.state, kept.reason) == ("refused", "larger than 1000 bytes")
    assert not list(store.folder.rglob("*.part"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x", "http://[::1]/x", "http://169.254.169.254/latest/meta-data", "http://10.1.2.3/x",
        "http://localhost/x", "http://0.0.0.0/x", "http://[::ffff:10.0.0.1]/x", "http://2130706433/x",
        "http://100.64.0.1/x", "http://192.168.1.1:8080/x", "http://[fd00::1]/x", "http://[fe80::1]/x",
    ],
)  # fmt: skip
def test_addresses_of_the_own_network_are_refused(tmp_path: Path, url: str) -> None:
    kept = FileStore(tmp_path, Policy(timeout_seconds=2)).keep_url(url)
    assert kept.state == "refused"
    assert "not a public address" in str(kept.reason)


def test_a_redirect_into_the_own_network_is_refused(store: FileStore, server: Server) -> None:
    port = server.url.split(":")[2].split("/")[0]
    server.answers = [lambda call: call.give(302, Location=f"http://127.0.0.2:{port}/secret")]
    kept = store.keep_url(server.url)
    assert (kept.state, len(server.seen)) == ("refused", 1)
    assert "127.0.0.2" in str(kept.reason)


def test_a_name_that_leads_into_the_own_network_is_refused_whatever_it_said_before(
    store: FileStore, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is resolved once, by the connection itself; there is no gap between check and use."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "93.184.216.34" if len(asked) > 1 else "127.0.0.1"
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(files.socket, "getaddrinfo", resolve)
    kept = store.keep_url("http://rebind.mautic.org/file")
    assert (kept.state, len(asked)) == ("refused", 1)


def test_redirects_are_followed_but_not_for_ever(store: FileStore, server: Server) -> None:
    server.answers = [lambda call: call.give(301, Location="/moved"), lambda call: call.give(200, CONTENT)]
    assert whole(store, store.keep_url(server.url)) == CONTENT
    server.answers = [lambda call: call.give(302, Location="/round")]
    assert store.keep_url(server.url).reason == "more than 5 redirects"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "not an http or https address"),
        ("ftp://files.mautic.org/x", "not an http or https address"),
        ("http://me:secret@files.mautic.org/x", "an address with a password"),
        ("https://other.org/x", "other.org is not among the allowed hosts"),
        ("https://evilmautic.org/x", "evilmautic.org is not among the allowed hosts"),
        ("http://[broken/x", "not an address"),
        ("", "not an http or https address"),
    ],
)
def test_only_allowed_addresses_are_asked(tmp_path: Path, url: str, reason: str) -> None:
    kept = FileStore(tmp_path, Policy(hosts=(".mautic.org",))).keep_url(url)
    assert (kept.state, kept.reason) == ("refused", reason)


def test_a_reserved_name_is_not_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked"))
    assert FileStore(tmp_path).keep_url("https://downloads.twin.example/x").state == "refused"


def test_a_copy_never_leaves_its_folder(store: FileStore, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "deep" / "ok.txt").write_text("fine")
    (folder / "link").symlink_to(tmp_path / "secret")
    assert whole(store, store.keep_file(folder, "deep/ok.txt")) == b"fine"
    for name in ("../secret", str(tmp_path / "secret"), "link"):
        assert store.keep_file(folder, name).state == "refused", name
    assert store.keep_file(folder, "gone.txt").state == "missing"
    assert store.keep_file(folder, "deep").state == "missing"
    small = FileStore(store.folder, Policy(max_bytes=3))
    assert small.keep_file(folder, "deep/ok.txt").reason == "larger than 3 bytes"
    assert small.keep_bytes(b"four").state == "refused"
