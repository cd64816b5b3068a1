"""Writes the synthetic Actimo: a drop folder with two workspaces whose ids collide, every file spelt in another way.

`nord` has a manifest and the product's own wordings, `syd` has none, Danish headers, fewer columns, and the report
of a single message. The twin's size and seed are kept beside the folder, for the stand-in of the API.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from loaders import project
from loaders.actimo.settings import tables
from loaders.errors import ConfigurationError
from loaders.rehearsal.twin import actimo_words as words
from loaders.rehearsal.twin.actimo_formats import EXCEL_ROWS, ZONE, Spelling, write
from loaders.rehearsal.twin.actimo_rows import NOW, ActimoRows, Row

SEED = 20_240_229
STATE = "actimo.json"  # beside the drop folder
MARKER = ".synthetic-twin"  # a drop folder without it is somebody's data
WORKSPACES = ("nord", "syd")

_PRODUCT = Spelling(delimiter=";", encoding="utf-8-sig", newline="\r\n", dates="dmy", decimal=",", words=True)
_DANISH = replace(_PRODUCT, encoding="windows-1252", headers=words.DANISH)
NORD: Mapping[str, Spelling] = {
    "contacts": _PRODUCT, "messages": _PRODUCT, "message_recipients": _PRODUCT,
    "academy_enrollments": replace(_PRODUCT, dates="serial"), "engagement_scores": replace(_PRODUCT, dates="dmy"),
    "pulse_results": replace(_PRODUCT, encoding="utf-8"), "feedback": Spelling("json"), "automations": Spelling("json"),
    "admins": Spelling("xlsx"), "groups": Spelling(encoding="utf-16", delimiter="\t"),
}  # fmt: skip
SYD: Mapping[str, Spelling] = {
    "contacts": replace(_DANISH, left_out=frozenset({"opt_out", "allow_sms", "tags", "data2", "location"})),
    "messages": replace(_DANISH, encoding="utf-8", dates="dots"),
    "message_recipients": Spelling(delimiter="\t", encoding="utf-16", dates="dmy", headers=words.DANISH),
    "academy_enrollments": Spelling("xlsx", shout=True, stem="Academy Enrollments (2)"),
    "surveys": Spelling("json"), "engagement_scores": Spelling("json"), "automations": Spelling("json"),
    "feedback": Spelling("json"), "admins": Spelling(shout=True, stem="Administratorer 2026-06-30"),
    "group_members": replace(_PRODUCT, dates="dots", left_out=frozenset({"removed_by_email"})),
}  # fmt: skip
REPORT = {"name": "Name", "notification": "Notification", "opened_on": "Opened on", "traffic_source": "Traffic sources",
          "email": "Email", "mobile_phone": "Mobile phone", "department": "Department"}  # fmt: skip


@dataclass(frozen=True)
class SeedResult:
    """What was written: rows per workspace and table, and where."""

    counts: dict[str, int]
    folder: Path

    @property
    def url(self) -> str:
        """Where it is, for people."""
        return str(self.folder)


def seed(
    contacts: int = 2_000, seed: int = SEED, folder: Path | None = None, corrupt: bool = False
) -> SeedResult:
    """Writes the twin's drop folder, by default data/twin/actimo, in place of an earlier one.

    `corrupt` cuts a workbook in half. Raises ConfigurationError for less than one contact, and for a folder that
    holds anything but a twin (it would be lost).
    """
    target = folder or project.twin_dir() / "actimo"
    if contacts < 1:
        raise ConfigurationError(f"A twin of {contacts} contacts is not possible.", "ask for at least one")
    if target.exists() and any(target.iterdir()) and not (target / MARKER).is_file():
        raise ConfigurationError(
            f"{target} holds something else than a twin; it would be lost.", "choose another folder"
        )
    shutil.rmtree(target, ignore_errors=True)
    counts: dict[str, int] = {}
    for workspace, spellings in zip(WORKSPACES, (NORD, SYD), strict=True):
        rows = ActimoRows(max(1, contacts if workspace == "nord" else contacts // 4), seed, workspace)
        counts |= _workspace(target / workspace, rows, spellings)
    (target / MARKER).touch()
    if corrupt:
        book = target / "syd" / "Academy Enrollments (2).xlsx"
        book.write_bytes(book.read_bytes()[: book.stat().st_size // 2])
    state = {"contacts": contacts, "seed": seed}
    (target.parent / STATE).write_bytes(orjson.dumps(state))
    return SeedResult(counts, target)


def _workspace(folder: Path, rows: ActimoRows, spellings: Mapping[str, Spelling]) -> dict[str, int]:
    """Writes one delivery and returns its rows by `workspace/table`."""
    (folder / "files").mkdir(parents=True)
    counts: dict[str, int] = {}
    entries = []
    for table, make in rows.tables().items():
        spelling = spellings.get(table, Spelling())
        if spelling.format == "xlsx" and rows.contacts * 2 > EXCEL_ROWS:
            spelling = replace(spelling, format="csv")
        path = folder / f"{spelling.stem or table}.{spelling.format}"
        counts[table] = write(path, _columns(table, next(make(), {})), make(), spelling)
        entries.append(_entry(path, table, counts[table], spelling))
    listed = _files(folder, rows.workspace)
    counts["files"] = write(folder / "files.csv", list(listed[0]), listed, Spelling())
    entries.append(_entry(folder / "files.csv", "files", counts["files"], Spelling()))
    if rows.workspace == "nord":
        manifest = _manifest(rows.workspace, entries, counts)
        (folder / "manifest.json").write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    else:
        _report(folder, rows, counts)
    return {f"{rows.workspace}/{table}": count for table, count in counts.items()}


def _columns(table: str, row: Row) -> list[str]:
    """The columns that the rows have, in the order of the file contract."""
    return [column.name for column in tables()[table].columns if column.name in row]


def _report(folder: Path, rows: ActimoRows, counts: dict[str, int]) -> None:
    """The screen's report of one message: no contact ids, the message only in the file's name."""
    some = [row for _, row in zip(range(50), rows.recipients(), strict=False)]
    path = folder / f"message_{1_733_000 + rows.message_count}_report.csv"
    spelling = Spelling(delimiter=";", encoding="utf-8-sig", dates="dmy", headers=REPORT)
    counts["message_recipients"] += write(path, list(REPORT), some, spelling)


def _files(folder: Path, workspace: str) -> list[dict[str, Any]]:
    """Writes an image and a text, and lists them with a file that is missing and a video that is only a link."""
    text = f"Regler for {workspace}\n".encode()
    (folder / "files" / "img-1.png").write_bytes(words.PNG)
    (folder / "files" / "Regelsæt å 2026.txt").write_bytes(text)
    return [
        _file("f1", "message", "1733001", "img-1.png", "image/png", words.PNG, True,
              f"https://a.actimo.example/{workspace}/img-1.png"),
        _file("f2", "academy", "71", "Regelsæt å 2026.txt", "text/plain", text, False, None),
        _file("f3", "survey", "401", "borte.pdf", "application/pdf", None, False, None),
        _file("f4", "academy", "71", "intro.mp4", "video/mp4", None, False, "https://player.vimeo.example/video/1"),
    ]  # fmt: skip


def _file(
    key: str,
    kind: str,
    owner: str,
    name: str,
    mime: str,
    content: bytes | None,
    inline: bool,
    url: str | None,
) -> dict[str, Any]:
    return {
        "file_id": key, "parent_type": kind, "parent_id": owner, "file_name": name,
        "relative_path": None if kind == "academy" and url else f"files/{name}", "source_url": url, "mime_type": mime,
        "size_bytes": len(content) if content else None,
        "sha256": hashlib.sha256(content).hexdigest() if content else None, "inline": inline, "created_at": NOW,
    }  # fmt: skip


def _entry(path: Path, table: str, rows: int, spelling: Spelling) -> dict[str, Any]:
    stated = {"dmy": "DD-MM-YYYY HH:mm", "dots": "DD.MM.YYYY HH:mm:ss", "serial": "excel_serial"}
    entry = {
        "file": path.name, "entity": table, "format": spelling.format, "rows": rows,
        "date_format": stated.get(spelling.dates, spelling.dates), "decimal": spelling.decimal,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }  # fmt: skip
    if spelling.format == "csv":
        entry |= {"delimiter": spelling.delimiter, "encoding": spelling.encoding}
    return entry


def _manifest(workspace: str, entries: list[dict[str, Any]], counts: Mapping[str, int]) -> dict[str, Any]:
    counted = ("contacts", "messages", "academy_enrollments", "survey_responses")
    return {
        "contract_version": "1", "export_id": f"{workspace}-{NOW:%Y-%m-%d}", "exported_at": f"{NOW:%Y-%m-%dT%H:%M:%S}+02:00",
        "workspace": f"{workspace.title()} (synthetic)", "timezone": ZONE, "method": "ui_export",
        "actimo_counts": {table: counts[table] for table in counted}, "files": entries,
    }  # fmt: skip
