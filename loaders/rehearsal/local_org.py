"""The rehearsal org as the commands run it: state, users and declared fields where this project keeps them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError
from loaders.project import field_map_paths, manifest_path, rehearsal_dir, twin_dir
from loaders.rehearsal.org.from_snapshot import read_file
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.state import Org
from loaders.rehearsal.server import serve

DEFAULT_STATE = "org.duckdb"


def project_org(state: Path | None = None, snapshot: Path | None = None) -> dict[str, Any]:
    """Options of an org that has this project's custom fields and the twin's users, and keeps its state in
    data/rehearsal. A snapshot brings fields and users of its own, and a state file of its own."""
    folder = rehearsal_dir()
    folder.mkdir(parents=True, exist_ok=True)
    if snapshot:
        own = folder / f"{snapshot.name.split('.')[0]}.duckdb"
        return {"state": state or own, "snapshot": snapshot, "ca_file": folder / "ca.pem"}
    users = twin_dir() / "org_users.csv"
    return {
        "state": state or folder / DEFAULT_STATE,
        "declare": manifest_path(),
        "field_maps": tuple(field_map_paths()),
        "users": users if users.exists() else None,
        "ca_file": folder / "ca.pem",
    }


def serve_org(
    *,
    http_port: int,
    https_port: int,
    state: Path | None,
    fresh: bool,
    faults: Path | None,
    seed: int,
    snapshot: Path | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. `fresh` replaces the state file; the ledger knows the new org by its new id."""
    options = project_org(state, snapshot)
    if snapshot:
        read_file(snapshot)
    if fresh:
        remove_state(options["state"])
    serve(Options(**options, http_port=http_port, https_port=https_port, faults=faults, seed=seed))


def remove_state(state: Path) -> None:
    """Removes an org's data: the database, its log, and the folder of uploads and results beside it."""
    for file in (state, state.with_name(state.name + ".wal")):
        file.unlink(missing_ok=True)
    shutil.rmtree(state.with_name(state.name + ".files"), ignore_errors=True)


def snapshot_org(target: str | None, to: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Writes the shape of the target's org to a file and returns it. Raises ConfigurationError or RemoteError."""
    from loaders.rehearsal.snapshot import take_snapshot, write_snapshot
    from loaders.salesforce.session import Org as Session
    from loaders.salesforce.targets import read_target

    session = Session(read_target(target), report=report)
    report(f"Snapshot of {session.identity().line()}.")
    snapshot = take_snapshot(session, report)
    write_snapshot(snapshot, to)
    return snapshot


def dump_org(state: Path | None) -> str:
    """All records of an org that is not running, as canonical text.

    Raises ConfigurationError when there is no such state file.
    """
    options = project_org(state)
    if not options["state"].is_file():
        raise ConfigurationError(f"No org in {options['state']}.", "rehearse serve")
    from loaders.rehearsal.org.dump import dump

    with Org(Options(**options)) as org, org.store.reader() as connection:
        return dump(connection, org.catalogue)
