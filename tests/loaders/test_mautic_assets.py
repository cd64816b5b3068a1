"""Files of assets: from the disk or their address, with the record they belong to, and why one did not come."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders import pipeline, project
from loaders.errors import ConfigurationError
from loaders.rehearsal.twin.mautic import write_mautic


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small twin with the files of its assets beside it."""
    folder = tmp_path_factory.mktemp("assets")
    write_mautic(f"sqlite:///{folder / 'mautic.sqlite'}", 20, files=folder / "files")
    return folder


def landed(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


@pytest.mark.requirement("MAU-09")
def test_every_asset_has_a_row_and_its_bytes_or_a_reason(
    twin: Path, mautic_from: Callable[..., None]
) -> None:
    mautic_from(twin / "mautic.sqlite")
    notes = {table.table: table.notes for table in pipeline.refresh(["mautic"])}["files"]
    rows = landed(
        "select record_id::int, state, reason, sha256, size_bytes, local_path, file_name, path, size"
        " from raw_mautic.files join raw_mautic.assets on record_id = id::varchar order by 1"
    )
    assert [row[0] for row in rows] == list(range(1, 10))
    for number, state, _, digest, size, local, _, path, stated in rows:
        if number not in (7, 8):
            content = (twin / "files" / path).read_bytes()
            assert (project.files_dir() / local).read_bytes() == content
            assert (state, digest, size) == ("landed", hashlib.sha256(content).hexdigest(), stated)
    by_id = {row[0]: row for row in rows}
    assert by_id[7][1:3] == ("missing", "not on the disk")
    assert by_id[8][1] == "refused"
    assert by_id[1][3] == by_id[6][3] and by_id[1][6] != by_id[6][6]  # one file, two assets
    assert by_id[4][6] == "Übersicht – 2026.png"
    assert any("not on the disk in 1 rows (for example 7)" in note for note in notes)
    assert len(list(project.files_dir().glob("[0-9a-f]*"))) == len({row[3] for row in rows if row[3]})


@pytest.mark.requirement("MAU-09")
def test_the_folder_is_a_setting_and_a_path_never_leads_out_of_it(
    twin: Path, tmp_path: Path, mautic_from: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mautic.sqlite"
    shutil.copy(twin / "mautic.sqlite", path)
    import sqlite3

    with sqlite3.connect(path) as session:
        session.execute("update assets set path = '../secret' where id = 1")
        session.execute("update assets set size = 1 where id = 2")
    mautic_from(path)
    pipeline.refresh(["mautic"])
    assert landed(
        "select distinct state, reason from raw_mautic.files where source_url not like 'http%'"
    ) == [("missing", "upload_dir is not set")]
    (tmp_path / "secret").write_text("secret")
    shutil.copytree(twin / "files", tmp_path / "media")
    monkeypatch.setenv("SOURCES__MAUTIC__UPLOAD_DIR", str(tmp_path / "media"))
    pipeline.refresh(["mautic"])
    assert landed(
        "select state, reason from raw_mautic.files where record_id in ('1', '2') order by record_id"
    ) == [
        ("refused", "the path leads out of the folder"),
        ("landed", "Mautic states 1 bytes"),
    ]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("UPLOAD_DIR", "/no/such/folder", "upload_dir /no/such/folder is not there"),
        ("ASSET_MAX_MB", "many", "asset_max_mb is 'many'"),
    ],
)
def test_wrong_settings_are_told(
    twin: Path,
    mautic_from: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: str,
    message: str,
) -> None:
    mautic_from(twin / "mautic.sqlite")
    monkeypatch.setenv(f"SOURCES__MAUTIC__{setting}", value)
    with pytest.raises(ConfigurationError, match=message):
        pipeline.refresh(["mautic"])
