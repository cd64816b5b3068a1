"""The owners of this project and the users of a target, brought together. The I/O around owners.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb

from loaders.errors import ConfigurationError
from loaders.project import project_dir, warehouse_path
from loaders.salesforce.describe import read_users
from loaders.salesforce.export import WAREHOUSE, literal, quoted
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.owners import Owner, match_owners, named_owners, read_decisions, with_undecided
from loaders.salesforce.session import Org
from loaders.salesforce.targets import read_target

DECISIONS_FILE = Path("seeds/salesforce/owner_decisions.csv")


def find_owners(target: str | None, *, report: Callable[[str], None] = lambda _: None) -> list[Owner]:
    """Every owner of the marts with its state in the target.

    Raises ConfigurationError without a warehouse.
    """
    contracts = project_contracts()
    decisions = read_decisions(project_dir() / DECISIONS_FILE)
    if not warehouse_path().exists():
        raise ConfigurationError(
            f"{warehouse_path()} is not there.", "run `refresh-raw` and `dbt build` first"
        )
    with duckdb.connect() as connection:
        path = literal(str(warehouse_path()))
        connection.execute(f"attach {path} as {quoted(WAREHOUSE)} (read_only)")
        named = named_owners(contracts, connection)
    session = Org(read_target(target), report=report)
    report(f"Users of {session.identity().line()}.")
    return match_owners(named, read_users(session), decisions)


def write_undecided(owners: Sequence[Owner]) -> tuple[Path, int]:
    """Adds lines for undecided owners to the seed; its path and how many were added."""
    path = project_dir() / DECISIONS_FILE
    text, added = with_undecided(path, owners)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return DECISIONS_FILE, added
