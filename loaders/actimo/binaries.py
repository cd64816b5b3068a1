"""Files and inline images of a delivery, collected in data/files by SHA-256 with the record they belong to
(ACT-12, ACT-15).

A row of raw_actimo.file_contents per file that the export lists and per image in a text. `status` says what became
of it: landed, missing (listed, not delivered), differs (landed, but not the file that the export lists), link (a
stream such as a video: media are no data records), refused (too large, or a host that is not allowed) or failed (an
address that does not answer, a data: URI that is none). Addresses are only downloaded from `download_hosts`, because
most of them want a log-in.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import pyarrow as pa

from loaders.actimo.delivery import BINARIES, Workspace, plain_name
from loaders.actimo.settings import Settings
from loaders.actimo.stage import SHOWN, Stage
from loaders.files import FileStore, Kept, Policy

SCHEMA = pa.schema(
    [
        ("workspace", pa.string()), ("file_id", pa.string()), ("origin", pa.string()),
        ("parent_type", pa.string()), ("parent_id", pa.string()), ("position", pa.int64()),
        ("file_name", pa.string()), ("source_url", pa.string()), ("mime_type", pa.string()),
        ("size_bytes", pa.int64()), ("sha256", pa.string()), ("local_path", pa.string()), ("status", pa.string()),
        ("reason", pa.string()),
    ]
)  # fmt: skip
HTML = (
    ("message", "messages", "message_id", "body_html"),
    ("academy", "academies", "academy_id", "description"),
)
STREAM = "a stream link, no file"
_BATCH = 1_000


@dataclass(frozen=True)
class _Listed:
    """What a row of `files` or an image tag says about a file."""

    workspace: str
    file_id: str | None
    origin: str
    parent_type: str
    parent_id: str
    position: int | None = None
    file_name: str | None = None
    relative_path: str | None = None
    source_url: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    data: str | None = field(default=None, repr=False)  # a data: URI


def collect(stage: Stage, workspaces: Sequence[Workspace], settings: Settings, target: Path) -> None:
    """Fills the staged table `file_contents` and copies what there is to `target`; what is missing is noted."""
    policy = Policy(settings.max_file_bytes, settings.download_hosts, private_hosts=settings.private_hosts)
    store = FileStore(target, policy)
    folders = {workspace.key: _Folder(workspace.folder) for workspace in workspaces}
    stage.session.register("no_rows", SCHEMA.empty_table())
    stage.session.execute("create table file_contents as from no_rows")
    stage.session.unregister("no_rows")
    batch: list[dict[str, Any]] = []
    for listed in _all(stage):
        batch.append(_row(listed, folders[listed.workspace], store))
        if len(batch) == _BATCH:
            _insert(stage, batch)
    _insert(stage, batch)
    stage.session.execute(
        "insert into notes select 'files', null, case origin when 'inline' then 'image in a text: ' else 'file: ' end"
        f" || status, count(*), array_to_string(min(distinct workspace || '/' || coalesce(file_id, parent_id), {SHOWN}),"
        " ', ') from file_contents where status <> 'landed' group by origin, status"
    )


def images(html: str) -> list[str]:
    """The `src` of every image in a text, in order."""
    found = _Images()
    found.feed(html)
    found.close()
    return found.sources


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers the source of an image."""
        if tag == "img" and (source := (dict(attrs).get("src") or "").strip()):
            self.sources.append(source)


class _Folder:
    """The files of one delivery, found by their names in one Unicode form, never outside of the folder."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        inside = folder.resolve()
        self._by_path = {
            plain_name(path.relative_to(folder).as_posix()): path
            for path in (folder / BINARIES).rglob("*")
            if path.is_file() and inside in path.resolve().parents
        }
        self._by_name = {Path(name).name: path for name, path in reversed(self._by_path.items())}

    def find(self, *names: str | None) -> Path | None:
        """The first of these paths or file names that was delivered."""
        for name in names:
            plain = plain_name((name or "").replace("\\", "/")).removeprefix("./").lstrip("/")
            found = self._by_path.get(plain) or self._by_path.get(f"{BINARIES}/{plain}")
            if found is None and "/" not in plain:
                found = self._by_name.get(plain)
            if found:
                return found
        return None


def _all(stage: Stage) -> Iterator[_Listed]:
    """Files as the export lists them, then the images in texts, by owner."""
    columns = (
        "workspace, file_id, parent_type, parent_id, file_name, relative_path, source_url, mime_type, sha256"
    )
    known: dict[tuple[str, str], str] = {}
    reader = stage.session.execute(f"select {columns} from t_files order by workspace, file_id, source_row")
    for row in reader.fetchall():
        values: Mapping[str, Any] = dict(zip(columns.split(", "), row, strict=True))
        if values["source_url"]:
            known[values["workspace"], values["source_url"]] = values["file_id"]
        yield _Listed(origin="file", **{**values, "parent_type": (values["parent_type"] or "").lower()})
    for kind, table, key, column in HTML:
        query = (
            f"select workspace, {key}, {column} from t_{table} where {column} ilike '%<img%' order by 1, 2"
        )
        cursor = stage.session.cursor().execute(query)
        while found := cursor.fetchmany(100):
            for workspace, owner, html in found:
                for position, source in enumerate(images(str(html)), start=1):
                    yield _image(workspace, kind, owner, position, source, known.get((workspace, source)))


def _image(workspace: str, kind: str, owner: str, position: int, source: str, file_id: str | None) -> _Listed:
    if source.startswith("data:"):
        return _Listed(workspace, None, "inline", kind, owner, position, data=source)
    name = unquote(Path(urlsplit(source).path).name)
    return _Listed(workspace, file_id, "inline", kind, owner, position, name, source_url=source)


def _row(listed: _Listed, folder: _Folder, store: FileStore) -> dict[str, Any]:
    """The row of file_contents; the file is kept if there is one."""
    mime, name = listed.mime_type, listed.file_name
    if listed.origin == "inline" and listed.data:
        mime, content = data_uri(listed.data)
        name = f"{listed.parent_type}-{listed.parent_id}-{listed.position}{mimetypes.guess_extension(mime or '') or ''}"
        kept = (
            Kept("failed", "no data: URI that can be read") if content is None else store.keep_bytes(content)
        )
    else:
        mime = mime or mimetypes.guess_type(name or "")[0]
        kept = _kept(listed, mime, folder, store)
    status: str = kept.state
    if kept.reason == STREAM:
        status = "link"
    elif kept.sha256 and listed.sha256 and listed.sha256.lower() != kept.sha256:
        status = "differs"
    return {
        "workspace": listed.workspace, "file_id": listed.file_id, "origin": listed.origin,
        "parent_type": listed.parent_type, "parent_id": listed.parent_id, "position": listed.position,
        "file_name": name, "source_url": listed.source_url,
        "mime_type": mime, "size_bytes": kept.size_bytes, "sha256": kept.sha256, "local_path": kept.local_path,
        "status": status, "reason": None if status == "link" else kept.reason,
    }  # fmt: skip


def _kept(listed: _Listed, mime: str | None, folder: _Folder, store: FileStore) -> Kept:
    """What became of a file that is not in a text itself: from the delivery, else from its address."""
    if path := folder.find(listed.relative_path, _relative(listed.source_url), listed.file_name):
        return store.keep_file(folder.root, path.relative_to(folder.root).as_posix())
    if listed.source_url and re.match("(video|audio)/", mime or "", re.I):
        return Kept("missing", STREAM)
    if listed.source_url and store.policy.hosts and urlsplit(listed.source_url).scheme:
        return store.keep_url(listed.source_url)
    return Kept("missing", "not in the delivery")


def data_uri(text: str) -> tuple[str | None, bytes | None]:
    """Type and content of a `data:` URI; the content is None if it cannot be decoded."""
    head, comma, body = text.partition(",")
    mime, *parameters = head.removeprefix("data:").split(";")
    kind = mime.strip().lower() or "text/plain"
    if not comma:
        return kind, None
    if "base64" not in [one.strip().lower() for one in parameters]:
        return kind, unquote_to_bytes(body)
    try:
        return kind, base64.b64decode(re.sub(r"\s", "", unquote(body)), validate=True)
    except (binascii.Error, ValueError):
        return kind, None


def _relative(url: str | None) -> str | None:
    """A source that is a path within the delivery, not an address."""
    return None if url is None or urlsplit(url).scheme else unquote(url)


def _insert(stage: Stage, batch: list[dict[str, Any]]) -> None:
    if batch:
        stage.session.register("batch", pa.Table.from_pylist(batch, schema=SCHEMA))
        stage.session.execute("insert into file_contents from batch")
        stage.session.unregister("batch")
        batch.clear()
