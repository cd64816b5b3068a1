"""What was delivered: workspaces, their manifests and the files that are to be read (ACT-14, ACT-16, ACT-18).

A drop folder is one workspace, or holds one folder or zip file a workspace. The key of a workspace is the name of
its folder, because an operator sees and controls it and two workspaces cannot share one; it is part of every id.
"""

from __future__ import annotations

import hashlib
import shutil
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from loaders.actimo.settings import FileName, Settings, checked_zone, fold_name, slug, tables
from loaders.errors import ConfigurationError, RefusedError

MANIFEST = "manifest.json"
BINARIES = "files"  # the folder of a delivery that holds the files themselves
FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "xlsx", ".xlsm": "xlsx", ".json": "json"}
_HIDDEN = (".", "~$", "__")
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class DataFile:
    """One file to read into `table` (None: nobody knows one), with what the manifest says about it."""

    path: Path
    name: str
    format: str
    table: str | None
    constants: Mapping[str, str] = field(default_factory=dict)  # columns that the file's name tells
    entry: Mapping[str, Any] = field(default_factory=dict)

    def stated(self, key: str) -> str | None:
        """What the manifest says about `key`, if anything."""
        value = self.entry.get(key)
        return str(value) if value not in (None, "") else None


@dataclass(frozen=True)
class Workspace:
    """One delivery of one workspace."""

    key: str
    folder: Path
    timezone: str
    manifest: Mapping[str, Any]
    files: tuple[DataFile, ...]
    unread: tuple[str, ...] = ()  # files and folders beside the data, by name

    @property
    def exported_at(self) -> datetime | None:
        """When it was exported, UTC without zone; a local time counts in the workspace's zone. Raises RefusedError."""
        text = self.manifest.get("exported_at")
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError as error:
            raise RefusedError(
                f"{self.key}/{MANIFEST}: exported_at is no moment.", "write it like 2025-02-11T08:00:00+01:00"
            ) from error
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.timezone))
        return zoned.astimezone(UTC).replace(tzinfo=None)

    @property
    def counts(self) -> Mapping[str, int]:
        """Actimo's own count per table, where the manifest has one."""
        given = self.manifest.get("actimo_counts") or {}
        return {str(name): int(count) for name, count in given.items() if name in tables()}


def workspaces(settings: Settings, names: list[FileName], scratch: Path) -> list[Workspace]:
    """The workspaces of the drop folder, by key; zip files are unpacked below `scratch`.

    Raises ConfigurationError when there is nothing to read or it is not clear what belongs to what, RefusedError
    for a zip file or manifest that cannot be read and for a delivery that lacks a file of its manifest.
    """
    drop = settings.drop_folder
    if drop.is_file() and drop.suffix.lower() == ".zip":
        folders = [(settings.workspace or slug(drop.stem), _unpacked(drop, scratch, settings))]
    elif drop.is_dir():
        folders = _folders(settings, names, scratch)
    else:
        raise ConfigurationError(
            f"There is no drop folder {drop}.",
            "put Actimo's exports there, set SOURCES__ACTIMO__DROP_FOLDER, or make the synthetic twin with"
            " `rehearse seed --source actimo`",
        )
    found = [_workspace(key, folder, settings, names) for key, folder in sorted(folders)]
    if not any(file.table for workspace in found for file in workspace.files):
        raise ConfigurationError(
            f"No file in {drop} is named like one of Actimo's tables.",
            f"name them like {', '.join(list(tables())[:4])} ..., or add the names to seeds/maps/actimo_files.csv",
        )
    return found


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def meant_table(stem: str, names: list[FileName]) -> tuple[str | None, dict[str, str]]:
    """The table that a file name means, and the columns it tells; (None, {}) for a name that nobody knows."""
    folded = fold_name(stem)
    for name in names:
        if match := name.pattern.match(folded):
            return name.table, {name.id_column: match["id"]} if name.id_column else {}
    return None, {}


def plain_name(name: str) -> str:
    """A file name in one Unicode form: macOS writes `å` as two characters, Excel as one."""
    return unicodedata.normalize("NFC", name)


def _folders(settings: Settings, names: list[FileName], scratch: Path) -> list[tuple[str, Path]]:
    """Key and folder of each workspace."""
    drop = settings.drop_folder
    inside = sorted(path for path in drop.iterdir() if not path.name.startswith(_HIDDEN))
    below = [path for path in inside if path.is_dir() or path.suffix.lower() == ".zip"]
    if any(path.is_file() and _is_data(path, names) for path in inside):
        if nested := [path.name for path in below if (path / MANIFEST).is_file()]:
            raise ConfigurationError(
                f"{drop} holds data files and also the workspaces {', '.join(nested)}.",
                "give each workspace a folder of its own",
            )
        return [(settings.workspace or _own_key(drop), drop)]
    keys = [slug(path.stem if path.is_file() else path.name) for path in below]
    if twice := [key for key in keys if keys.count(key) > 1 or not key]:
        raise ConfigurationError(
            f"Several workspaces of {drop} would have the key {twice[0]!r}.",
            "give their folders names that differ in letters or digits",
        )
    return [
        (key, path if path.is_dir() else _unpacked(path, scratch / key, settings))
        for key, path in zip(keys, below, strict=True)
    ]


def _own_key(folder: Path) -> str:
    """The key of a workspace that lies in the drop folder itself: its manifest's name, else the folder's."""
    return slug(str(_manifest(folder).get("workspace") or "")) or slug(folder.name) or "main"


def _is_data(path: Path, names: list[FileName]) -> bool:
    if path.name == MANIFEST:
        return True
    return path.suffix.lower() in FORMATS and meant_table(path.stem, names)[0] is not None


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    try:
        found = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise RefusedError(
            f"{folder.name}/{MANIFEST} is no JSON: line {error.lineno}, column {error.colno}.",
            "ask for the manifest again, or remove it to have the files read without one",
        ) from error
    files = found.get("files") or [] if isinstance(found, dict) else None
    if not isinstance(files, list) or not all(isinstance(one, dict) and one.get("file") for one in files):
        raise RefusedError(
            f"{folder.name}/{MANIFEST} is no manifest: an object with a list `files`, each with `file`.",
            "see loaders/actimo/README.md",
        )
    return {**found, "files": files}


def _workspace(key: str, folder: Path, settings: Settings, names: list[FileName]) -> Workspace:
    manifest = _manifest(folder)
    zone = checked_zone(str(manifest.get("timezone") or settings.timezone), f"{key}/{MANIFEST}")
    entries = {plain_name(str(entry["file"])): entry for entry in manifest.get("files", [])}
    files, unread = [], []
    for path in sorted(folder.iterdir()):
        entry = entries.pop(plain_name(path.name), {})
        if path.name == MANIFEST or path.name.startswith(_HIDDEN) or path == folder / BINARIES:
            continue
        if path.is_dir() or path.suffix.lower() not in FORMATS or not path.stat().st_size:
            unread.append(path.name)
        else:
            files.append(_data_file(path, key, entry, names))
    if missing := sorted(name for name in entries if not (folder / name).is_file()):
        raise RefusedError(
            "\n".join(f"{key}: {name} is in the manifest and not in the delivery." for name in missing),
            "ask for the delivery again; it is not complete",
        )
    return Workspace(key, folder, zone, manifest, tuple(files), tuple(unread))


def _data_file(path: Path, key: str, entry: Mapping[str, Any], names: list[FileName]) -> DataFile:
    table, constants = meant_table(path.stem, names)
    if entity := entry.get("entity"):
        if entity not in tables():
            raise ConfigurationError(
                f"{key}/{MANIFEST}: {path.name} holds {entity!r}, which is no table of Actimo's exports.",
                f"correct the manifest; the tables are {', '.join(tables())}",
            )
        table, constants = str(entity), constants if table == entity else {}
    kind = str(entry.get("format") or FORMATS[path.suffix.lower()]).lower()
    if kind not in FORMATS.values():
        raise ConfigurationError(f"{key}/{MANIFEST}: {path.name} is in {kind!r}.", "give csv, xlsx or json")
    return DataFile(path, plain_name(path.name), kind, table, constants, entry)


def _unpacked(archive: Path, target: Path, settings: Settings) -> Path:
    """The folder of an unpacked zip file; a single folder within it is taken as the delivery. Raises RefusedError."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            if sum(member.file_size for member in packed.infolist()) > settings.max_unpacked_bytes:
                raise RefusedError(
                    f"{archive.name} unpacks to more than {settings.max_unpacked_bytes} bytes.",
                    "unpack it into a folder of the drop folder, or raise sources.actimo.max_unpacked_bytes",
                )
            packed.extractall(target)  # leaves out absolute paths and `..` by itself
    except (zipfile.BadZipFile, RuntimeError, OSError, NotImplementedError) as error:
        raise RefusedError(
            f"{archive.name} cannot be unpacked: it is damaged or has a password.", "ask for it again"
        ) from error
    inside = [path for path in target.iterdir() if not path.name.startswith((*_HIDDEN, "_"))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and inside[0].name != BINARIES else target
