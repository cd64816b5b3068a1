"""Fixtures of all test modules; each area keeps its own in a `<area>_fixtures` module."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

pytest_plugins = [
    name
    for name in (
        "mautic_fixtures",
        "rehearsal_fixtures",
        "load_fixtures",
        "schema_fixtures",
        "modes_fixtures",
    )
    if (Path(__file__).with_name(f"{name}.py")).exists()
]


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test works in the project's folder but with a data folder of its own, and without the user's settings."""
    folder = tmp_path_factory.mktemp("data")
    for name in list(os.environ):
        if name.startswith(("SOURCES__", "DESTINATION__", "REHEARSAL_", "SF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SFM_DATA_DIR", str(folder))
    monkeypatch.chdir(PROJECT)
    return folder
