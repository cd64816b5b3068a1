"""Files of the sources, kept under their SHA-256 in data/files: the same bytes once, whoever owns them.

`FileStore.keep_file` copies from a folder, `keep_url` downloads. A download is streamed, retried, resumed where
it stopped (also in the next run), and measured against the length that the server stated. It goes only to
http and https, to the hosts that are allowed, and to public addresses: the name is resolved once, every
address is checked, and the connection is made to a checked address, so that neither a redirect nor a second
DNS answer leads into the own network. Hosts named in `private_hosts` are exempt.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import connection as sockets

from loaders.errors import without_password

State = Literal["landed", "missing", "refused", "failed"]

CHUNK = 1 << 20
REDIRECTS = 5
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
GONE = (404, 410)
# RFC 2606: these names never lead anywhere, so nobody needs to be asked
RESERVED = (".example", ".invalid", ".test")


@dataclass(frozen=True)
class Policy:
    """What may be downloaded. Empty `hosts` allow every public host; `private_hosts` may be in the own network."""

    max_bytes: int = 2 << 30  # what Salesforce takes as one file
    hosts: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()
    timeout_seconds: float = 30.0
    attempts: int = 5
    first_pause_seconds: float = 1.0  # doubles with each attempt


@dataclass(frozen=True)
class Kept:
    """What became of a file. `local_path` is relative to the store's folder and set if `state` is landed."""

    state: State
    reason: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    local_path: str | None = None


class _Refused(Exception):
    """The policy forbids it; no retry helps."""


class _Passing(Exception):
    """It may work next time; `pause` is what the server asked for."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class FileStore:
    """A folder of files by content. `sleep` is replaced in tests."""

    def __init__(
        self, folder: Path, policy: Policy | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.folder, self.policy, self.sleep = folder, policy or Policy(), sleep
        self.partial = folder / ".partial"
        self.partial.mkdir(parents=True, exist_ok=True)
        self._http = _pool_manager(self.policy)

    def keep_file(self, folder: Path, name: str) -> Kept:
        """Copies a file that must lie inside of `folder`, whatever `name` says."""
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            return Kept("refused", "the path leads out of the folder")
        if not path.is_file():
            return Kept("missing", "not on the disk")
        if path.stat().st_size > self.policy.max_bytes:
            return Kept("refused", f"larger than {self.policy.max_bytes} bytes")
        return self.keep_chunks(_chunks(path))

    def keep_bytes(self, content: bytes) -> Kept:
        """Keeps bytes that are there already."""
        if len(content) > self.policy.max_bytes:
            return Kept("refused", f"larger than {self.policy.max_bytes} bytes")
        return self.keep_chunks([content])

    def keep_chunks(self, chunks: Iterable[bytes]) -> Kept:
        """Keeps what the chunks make up."""
        part = self.partial / f"{os.getpid()}.part"
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        return self._finished(part)

    def keep_url(self, url: str) -> Kept:
        """Downloads a file. Never raises for what a server or an address does; the result says it."""
        memory = _Memory(self.partial, url)
        pause = self.policy.first_pause_seconds
        for attempt in range(1, self.policy.attempts + 1):
            try:
                return self._download(url, memory)
            except _Refused as error:
                memory.forget()
                return Kept("refused", str(error))
            except _Passing as error:
                reason = str(error)
                if attempt < self.policy.attempts:
                    self.sleep(pause if error.pause is None else min(error.pause, 300.0))
                pause *= 2
        return Kept("failed", f"{reason}, after {self.policy.attempts} attempts")

    def _download(self, url: str, memory: _Memory) -> Kept:
        known = memory.finished(self.folder)
        response = self._request(url, memory.headers(known))
        try:
            if response.status == 304 and known:
                return known
            if response.status in GONE:
                return Kept("missing", f"the server answers {response.status}")
            if response.status in TRANSIENT:
                raise _Passing(f"the server answers {response.status}", _retry_after(response))
            if response.status == 416:
                memory.forget()  # what is here is more than the server has
                raise _Passing("the server answers 416")
            if response.status not in (200, 206):
                return Kept("failed", f"the server answers {response.status}")
            self._read(response, memory)
        except (HTTPError, OSError) as error:
            raise _Passing(f"the connection broke ({type(error).__name__})") from error
        finally:
            response.release_conn()
            response.close()
        kept = self._finished(memory.part)
        memory.remember(kept, response)
        return kept

    def _read(self, response: Any, memory: _Memory) -> None:
        """Appends what is missing to the partial file. Raises _Passing if less arrives than was stated."""
        start = memory.size() if response.status == 206 and _range_start(response) == memory.size() else 0
        stated = response.headers.get("Content-Length")
        total = start + int(stated) if stated and stated.isdigit() else None
        if total is not None and total > self.policy.max_bytes:
            raise _Refused(f"larger than {self.policy.max_bytes} bytes")
        memory.start(response)
        with memory.part.open("ab" if start else "wb") as file:
            size = start
            for chunk in response.stream(CHUNK, decode_content=False):
                size += len(chunk)
                if size > self.policy.max_bytes:
                    raise _Refused(f"larger than {self.policy.max_bytes} bytes")
                file.write(chunk)
        if total is not None and size != total:
            raise _Passing(f"{size} of {total} bytes arrived")

    def _request(self, url: str, headers: dict[str, str]) -> Any:
        """The answer after redirects, each of which is checked like the first address."""
        for _ in range(REDIRECTS + 1):
            _check_url(url, self.policy)
            try:
                response = self._http.request(
                    "GET", url, headers=headers, preload_content=False, redirect=False, retries=False,
                    timeout=urllib3.Timeout(self.policy.timeout_seconds),
                )  # fmt: skip
            except (HTTPError, OSError) as error:
                if isinstance(error.__cause__, _Refused):
                    raise error.__cause__ from None
                raise _Passing(f"{_host(url)} does not answer ({type(error).__name__})") from error
            target = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not target:
                return response
            response.close()
            url = urljoin(url, target)
        raise _Refused(f"more than {REDIRECTS} redirects")

    def _finished(self, part: Path) -> Kept:
        """Moves a whole file to its name, which is its hash."""
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = part.stat().st_size
        part.replace(self.folder / digest)
        return Kept("landed", None, digest, size, digest)


class _Memory:
    """What is known of one address: the part that has arrived, and the server's mark of its version."""

    def __init__(self, folder: Path, url: str) -> None:
        name = hashlib.sha256(url.encode()).hexdigest()
        self.part, self.note = folder / f"{name}.part", folder / f"{name}.json"

    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _noted(self) -> dict[str, Any]:
        try:
            noted = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def finished(self, folder: Path) -> Kept | None:
        """The file of an earlier download, if it is still there."""
        kept = self._noted().get("kept")
        found = Kept(**kept) if kept else None
        return found if found and found.local_path and (folder / found.local_path).is_file() else None

    def headers(self, known: Kept | None) -> dict[str, str]:
        """Asks for what is missing, or for nothing if the version is the same."""
        headers, mark = {"Accept-Encoding": "identity"}, self._noted().get("mark")
        if mark and known:
            headers["If-None-Match" if mark.startswith('"') else "If-Modified-Since"] = mark
        elif mark and self.size():
            headers |= {"Range": f"bytes={self.size()}-", "If-Range": mark}
        return headers

    def start(self, response: Any) -> None:
        self.note.write_text(json.dumps({"mark": _mark(response)}), encoding="utf-8")

    def remember(self, kept: Kept, response: Any) -> None:
        self.note.write_text(json.dumps({"mark": _mark(response), "kept": asdict(kept)}), encoding="utf-8")

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def _mark(response: Any) -> str | None:
    """A strong entity tag or the moment of the last change; without one nothing can be resumed."""
    tag: str | None = response.headers.get("ETag")
    changed: str | None = response.headers.get("Last-Modified")
    return tag if tag and tag.startswith('"') else changed


def _range_start(response: Any) -> int | None:
    text = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(text) if text.isdigit() else None


def _retry_after(response: Any) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".").lower()


def _check_url(url: str, policy: Policy) -> None:
    try:
        parts, host = urlsplit(url), _host(url)
    except ValueError:
        raise _Refused("not an address") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _Refused("not an http or https address")
    if parts.username or parts.password:
        raise _Refused("an address with a password")
    if policy.hosts and not any(_is_of(host, allowed) for allowed in (*policy.hosts, *policy.private_hosts)):
        raise _Refused(f"{host} is not among the allowed hosts")
    if host.endswith(RESERVED) and host not in policy.private_hosts:
        raise _Refused(f"{without_password(host)} is a name that never exists")


def _is_of(host: str, allowed: str) -> bool:
    """`example.com` allows itself, `.example.com` every host below it."""
    return host == allowed.lower() or (allowed.startswith(".") and host.endswith(allowed.lower()))


def _checked_addresses(host: str, port: int, policy: Policy) -> list[str]:
    """The addresses of a host. Raises _Refused if one is not public and the host is not exempt."""
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for text in found:
        address = ipaddress.ip_address(text.split("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if host.lower() not in policy.private_hosts and (not mapped.is_global or mapped.is_multicast):
            raise _Refused(f"{host} leads to {text}, which is not a public address")
    return found


def _pool_manager(policy: Policy) -> urllib3.PoolManager:
    """A pool whose connections go to checked addresses only; environment proxies are not used."""

    def connect(connection: HTTPConnection) -> socket.socket:
        host = connection.host.strip("[]")
        try:
            addresses = _checked_addresses(host, connection.port, policy)
        except _Refused as error:
            raise urllib3.exceptions.NewConnectionError(connection, str(error)) from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(connection, str(error)) from error
        try:
            return sockets.create_connection(
                (addresses[0], connection.port),
                connection.timeout,
                connection.source_address,
                connection.socket_options,
            )
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(connection, str(error)) from error

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    manager = urllib3.PoolManager(num_pools=4)
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
