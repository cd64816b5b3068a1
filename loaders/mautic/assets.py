"""The files of Mautic's assets (MAU-09): from the folder media/files of the Mautic server, or for assets that
are stored elsewhere from their address. Never through Mautic's own download link, which would count as a visit.

Every asset gets one row in raw_mautic.files, also those whose file could not be had, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders import project
from loaders.errors import ConfigurationError
from loaders.files import FileStore, Kept, Policy
from loaders.mautic.connection import Connection
from loaders.mautic.notes import Notes

FILES = "files"
PRIMARY_KEY = ("record_table", "record_id", "source_url")
NOT_LANDED = "file of the asset did not land"
SCHEMA = pa.schema(
    [
        pa.field("record_table", pa.string(), nullable=False),
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source_url", pa.string(), nullable=False),
        pa.field("file_name", pa.string()),
        pa.field("state", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("local_path", pa.string()),
        pa.field("mime", pa.string()),
        pa.field("landed_at", pa.timestamp("us")),
    ]
)
_COLUMNS = ("id", "storage_location", "path", "remote_path", "original_file_name", "mime", "size")
_ROWS_AT_ONCE = 200


@dataclass(frozen=True)
class Settings:
    """`upload_dir` is Mautic's folder media/files, mounted or copied; `policy` limits downloads."""

    upload_dir: Path | None
    policy: Policy


def configured(connection: Connection | None = None) -> Settings:
    """The settings upload_dir, asset_hosts, asset_private_hosts and asset_max_mb of [sources.mautic].

    Without upload_dir it is the folder `files` beside a SQLite database, if there is one. Raises
    ConfigurationError for a folder that is not there or a number that is none.
    """
    named = dlt.config.get("sources.mautic.upload_dir")
    folder = Path(str(named)).expanduser() if named else None
    if folder and not folder.is_dir():
        raise ConfigurationError(
            f"upload_dir {folder} is not there.",
            "mount or copy the folder media/files of the Mautic server, and name it in [sources.mautic]",
        )
    if folder is None and connection is not None and connection.url.get_backend_name() == "sqlite":
        beside = Path(connection.url.database or "").parent / FILES
        folder = beside if beside.is_dir() else None
    limit = dlt.config.get("sources.mautic.asset_max_mb") or 2048
    if not str(limit).isdigit() or int(limit) < 1:
        raise ConfigurationError(
            f"asset_max_mb is {limit!r}.", "set it to a whole number of megabytes, such as 2048"
        )
    hosts, private = (_names(f"asset_{kind}") for kind in ("hosts", "private_hosts"))
    return Settings(folder, Policy(max_bytes=int(limit) << 20, hosts=hosts, private_hosts=private))


def read(engine: Engine, connection: Connection, settings: Settings) -> Iterator[pa.Table]:
    """What became of the file of every asset, as Arrow tables in SCHEMA; at least one."""
    names = sa.inspect(engine).get_table_names() + sa.inspect(engine).get_view_names()
    if connection.prefix + "assets" not in names:
        yield SCHEMA.empty_table()
        return
    assets = sa.table(connection.prefix + "assets", *map(sa.column, _COLUMNS))
    with engine.connect() as session:
        listed = [dict(row) for row in session.execute(sa.select(assets).order_by(assets.c.id)).mappings()]
    yield from land(listed, settings)


def land(assets: Iterable[Mapping[str, Any]], settings: Settings) -> Iterator[pa.Table]:
    """Keeps the file of every asset in data/files; `assets` have the columns of Mautic's table."""
    store = FileStore(project.files_dir(), settings.policy)
    rows: list[dict[str, Any]] = []
    yield SCHEMA.empty_table()
    for asset in assets:
        rows.append(_row(asset, store, settings))
        if len(rows) == _ROWS_AT_ONCE:
            yield pa.Table.from_pylist(rows, schema=SCHEMA)
            rows = []
    yield pa.Table.from_pylist(rows, schema=SCHEMA)


def note(batch: pa.Table, notes: Notes) -> None:
    """Notes the assets whose file did not land, by reason."""
    for row in batch.to_pylist():
        if row["state"] != "landed":
            notes.add(FILES, None, f"{NOT_LANDED}: {row['reason']}", 1, [row["record_id"]])


def _row(asset: Mapping[str, Any], store: FileStore, settings: Settings) -> dict[str, Any]:
    remote = asset["storage_location"] == "remote"
    where = str((asset["remote_path"] if remote else asset["path"]) or "")
    kept = _kept(where, remote, store, settings)
    stated = asset["size"]
    if kept.state == "landed" and stated is not None and not remote and stated != kept.size_bytes:
        kept = Kept("landed", f"Mautic states {stated} bytes", kept.sha256, kept.size_bytes, kept.local_path)
    return {
        "record_table": "assets",
        "record_id": str(asset["id"]),
        "source_url": where,
        "file_name": asset["original_file_name"],
        "state": kept.state,
        "reason": kept.reason,
        "sha256": kept.sha256,
        "size_bytes": kept.size_bytes,
        "local_path": kept.local_path,
        "mime": asset["mime"],
        "landed_at": datetime.now(UTC).replace(tzinfo=None) if kept.state == "landed" else None,
    }


def _kept(where: str, remote: bool, store: FileStore, settings: Settings) -> Kept:
    if not where:
        return Kept("missing", "Mautic names no file")
    if remote:
        return store.keep_url(where)
    if settings.upload_dir is None:
        return Kept("missing", "upload_dir is not set")
    return store.keep_file(settings.upload_dir, where)


def _names(setting: str) -> tuple[str, ...]:
    """A list of names, or one text with commas."""
    given = dlt.config.get(f"sources.mautic.{setting}") or ()
    names = given.split(",") if isinstance(given, str) else given
    return tuple(str(name).strip().lower() for name in names if str(name).strip())
