"""An org that accepts everything at once, for benchmarks: Bulk 2.0 ingest and query, and Bulk v1 for CumulusCI.

The results of an upload are made once for each content and kept, so that a warm round measures the client alone. What
the stub spends on results that it has not made before is told at /seconds.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import escape

import duckdb

BLOCK = 1 << 20
CREATED = "2026-01-01T00:00:00.000+0000"
NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
READ = "header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"'"
IDS = "'001' || lpad(row_number() over ()::varchar, 15, '0')"


class Stub(BaseHTTPRequestHandler):
    """One request. State is the class's: there is one stub a process."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    folder: Path
    fields: list[str]
    lock = threading.Lock()
    number = 0
    seconds = 0.0
    digests: ClassVar[dict[str, str]] = {}
    batches: ClassVar[dict[str, list[str]]] = {}

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    # -- answers

    def _send(self, data: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _json(self, body: Any, status: int = 200) -> None:
        self._send(b"" if body is None else json.dumps(body).encode(), "application/json", status)

    def _xml(self, tag: str, **cells: str) -> None:
        self._send(f'<{tag} xmlns="{NAMESPACE}">{_elements(cells)}</{tag}>'.encode(), "application/xml")

    def _file(self, file: Path) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(file.stat().st_size))
        self.end_headers()
        self.wfile.flush()
        with file.open("rb") as stream:
            self.connection.sendfile(stream)

    def _job(self, identifier: str, state: str) -> dict[str, Any]:
        counts = {"numberRecordsProcessed": 1, "numberRecordsFailed": 0}
        return {
            "id": identifier, "state": state, "createdDate": CREATED, "systemModstamp": CREATED,
            "createdById": "005000000000001AAA", **counts,
        }  # fmt: skip

    # -- requests

    def _new(self, prefix: str) -> str:
        with Stub.lock:
            Stub.number += 1
            return f"{prefix}{Stub.number:015d}"

    def _blocks(self) -> Any:
        """The request body in blocks, whether it has a length or comes in chunks."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left and (block := self.rfile.read1(min(left, BLOCK))):  # type: ignore[attr-defined]
            left -= len(block)
            yield block

    def _keep(self, identifier: str) -> None:
        """Stores an upload, and remembers what it held."""
        digest = hashlib.sha1(usedforsecurity=False)
        with (self.folder / identifier).open("wb", buffering=0) as file:
            for block in self._blocks():
                file.write(block)
                digest.update(block)
        Stub.digests[identifier] = digest.hexdigest()

    def _make(self, identifier: str, select: str) -> None:
        """Makes the results of an upload, unless the same content came before."""
        part, made = self.folder / identifier, self.folder / f"{Stub.digests[identifier]}.ok"
        with Stub.lock:
            if not made.exists():
                begun = time.perf_counter()
                query = select.format(source=f"read_csv('{part}', {READ}, max_line_size = 4000000)")
                with duckdb.connect() as con:
                    con.execute("set memory_limit = '4GB'; set enable_progress_bar = false")
                    con.execute(f"copy ({query}) to '{made}' (format csv, header, force_quote *)")
                Stub.seconds += time.perf_counter() - begun
        part.unlink()

    def _result(self, identifier: str) -> Path:
        return self.folder / f"{Stub.digests[identifier]}.ok"

    def do_POST(self) -> None:
        """Login, new jobs, and Bulk v1's jobs and batches."""
        if "/async/" in self.path:
            self._post_v1()
            return
        for _ in self._blocks():
            pass
        if "oauth2" in self.path:
            self._json({"access_token": "token", "instance_url": f"http://{self.headers['Host']}"})
            return
        self._json(self._job(self._new("750"), "Open"))

    def _post_v1(self) -> None:
        words = self.path.rstrip("/").split("/")
        if words[-1] == "batch":
            batch = self._new("751")
            self._keep(batch)
            Stub.batches[words[-2]].append(batch)
            self._make(
                batch,
                f'select {IDS} as "Id", \'true\' as "Success", \'true\' as "Created", \'\' as "Error" from {{source}}',
            )
            self._xml("batchInfo", id=batch, state="Queued")
            return
        for _ in self._blocks():
            pass
        job = words[-1] if words[-2] == "job" else self._new("750")
        Stub.batches.setdefault(job, [])
        self._xml("jobInfo", id=job, state="Open")

    def do_PUT(self) -> None:
        """The data of a job."""
        self._keep(self.path.rstrip("/").split("/")[-2])
        self._json(None, 201)

    def do_PATCH(self) -> None:
        """A job is closed; its results are made."""
        for _ in self._blocks():
            pass
        identifier = self.path.rstrip("/").split("/")[-1]
        self._make(identifier, f'select {IDS} as "sf__Id", \'true\' as "sf__Created", * from {{source}}')
        self._json(self._job(identifier, "UploadComplete"))

    def do_GET(self) -> None:
        """Everything that is asked."""
        words = self.path.partition("?")[0].rstrip("/").split("/")
        if self.path == "/seconds":
            self._json(Stub.seconds)
        elif "/async/" in self.path:
            self._get_v1(words)
        elif words[-1] == "describe":
            fields = [{"name": name, "type": "string", "nillable": True} for name in Stub.fields]
            self._json({"name": words[-2], "fields": fields})
        elif words[-1] == "results":  # of a query: the org is empty
            self._send(b'"Id"\n', "text/csv", Sforce_Locator="null")
        elif words[-1] == "successfulResults":
            self._file(self._result(words[-2]))
        elif words[-1] in ("failedResults", "unprocessedrecords"):
            self._send(b"", "text/csv")
        elif re.search("/query/?$", self.path.partition("?")[0]):
            row = {"Id": "00D000000000001AAA", "Name": "Stub", "OrganizationType": "Stub", "IsSandbox": True}
            self._json({"done": True, "records": [row]})
        else:
            self._json(self._job(words[-1], "JobComplete"))

    def _get_v1(self, words: list[str]) -> None:
        if words[-1] == "result":
            self._file(self._result(words[-2]))
        elif words[-1] == "batch":
            infos = "".join(
                f"<batchInfo>{_elements({'id': batch, 'state': 'Completed'})}</batchInfo>"
                for batch in Stub.batches[words[-2]]
            )
            self._send(
                f'<batchInfoList xmlns="{NAMESPACE}">{infos}</batchInfoList>'.encode(), "application/xml"
            )
        else:
            count = str(len(Stub.batches[words[-1]]))
            self._xml("jobInfo", id=words[-1], numberBatchesCompleted=count, numberBatchesTotal=count)


def _elements(cells: dict[str, str]) -> str:
    """Cells as XML elements."""
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in cells.items())


class _Server(ThreadingHTTPServer):
    """Sends small answers at once."""

    daemon_threads = True

    def get_request(self) -> Any:
        """A connection without Nagle's delay."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


def serve(folder: Path, fields: list[str], port: Any) -> None:
    """Serves the stub in this process, for ever; tells its port. `folder` is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    Stub.folder, Stub.fields = folder, fields
    server = _Server(("127.0.0.1", 0), Stub)
    port.send(server.server_port)
    server.serve_forever()
