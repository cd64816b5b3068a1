"""What a run is called, and the state of the project that it loaded; kept in the ledger with every run."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from loaders.project import manifest_path, project_dir
from loaders.salesforce.contract import Contract


def new_run_id() -> str:
    """A name that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def facts(chosen: Sequence[Contract]) -> dict[str, object]:
    """What the ledger keeps about the state of the project that was loaded."""
    maps = sorted((project_dir() / "seeds" / "maps").glob("*.csv"))
    return {
        "marts": [contract.mart for contract in chosen],
        "git_commit": _git_commit(),
        "manifest_hash": _digest([manifest_path()]),
        "mapping_hash": _digest(maps),
    }


def _digest(files: Sequence[Path]) -> str:
    """One SHA-256 over files, in order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _git_commit() -> str | None:
    """The checked-out commit, if this is a git checkout."""
    try:
        command = ["git", "-C", str(project_dir()), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
