"""Fixtures of the rehearsal org's tests: one org for all of them, with users and declared fields, and
its clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rehearsal_support import Client, connect, write_manifest
from simple_salesforce import Salesforce  # noqa: TID251

from loaders.rehearsal.process import RunningOrg, start_org

USERS = """username,email,first_name,last_name,is_active
ann@org.example,ann@org.example,Ann,Active,true
ian@org.example,ian@org.example,Ian,Inactive,false
"""


@pytest.fixture(scope="session")
def rehearsal_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    """A running org in memory, shared by the whole session."""
    folder = tmp_path_factory.mktemp("rehearsal")
    users = folder / "users.csv"
    users.write_text(USERS, encoding="utf-8")
    with start_org(declare=write_manifest(folder / "manifest.json"), users=users, seed=7) as org:
        yield org


@pytest.fixture(scope="session")
def sf(rehearsal_org: RunningOrg) -> Salesforce:
    """simple-salesforce, unchanged, over https."""
    return connect(rehearsal_org)


@pytest.fixture(scope="session")
def api(rehearsal_org: RunningOrg) -> Client:
    """Plain requests over http."""
    return Client(rehearsal_org)
