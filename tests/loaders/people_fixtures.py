"""Leads beside the standard marts, in an org of their own, for people whose decision moves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from load_fixtures import KEY, USERS, Bench, Workspace, column, model, standard_models

from loaders.rehearsal.process import RunningOrg, start_org

_NUMBERS = itertools.count(1)


def people_models() -> list[dict[str, Any]]:
    """Users, accounts, contacts and leads."""
    leads = model(
        "sf_leads",
        [
            column("record_key", KEY, constraints=[{"type": "not_null"}]),
            column("last_name", {"field": "LastName", "type": "Text", "length": 80}),
            column("company", {"field": "Company", "type": "Text", "length": 255}),
            column("email", {"field": "Email", "type": "Email", "length": 80}),
        ],
        object="Lead",
        mode="upsert",
        key="Source_System_ID__c",
    )
    return [*standard_models(), leads]


@pytest.fixture(scope="session")
def people_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    """One org for all tests with leads."""
    folder = tmp_path_factory.mktemp("people")
    users, manifest = folder / "users.csv", folder / "manifest.json"
    users.write_text(USERS, encoding="utf-8")
    Workspace(folder).declare(people_models(), manifest)
    with start_org(declare=manifest, users=users) as org:
        yield org


@pytest.fixture
def people(workspace: Workspace, people_org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Six accounts, twelve contacts, and leads 21 to 24, keyed for this test alone."""
    monkeypatch.setenv("REHEARSAL_URL", people_org.url)
    monkeypatch.setenv("REHEARSAL_CA", str(people_org.ca_file))
    source = f"p{next(_NUMBERS)}"
    workspace.standard(source=source)
    workspace.declare(people_models())
    workspace.mart(
        "sf_leads",
        f"select '{source}:contact:' || i as record_key, 'Name ' || i as last_name, 'Their company' as company,\n"
        f"'p' || i || '@{source}.example' as email from range(21, 25) as numbers(i)",
    )
    return Bench(workspace, people_org, source, [])


def move(bench: Bench, number: int) -> None:
    """A lead of the mart becomes a contact of company 1."""
    key = bench.key("contact", number)
    bench.workspace.sql(
        "insert into marts.sf_contacts by name select record_key, last_name || ' moved' as last_name, email,\n"
        f"'{bench.key('company', 1)}' as account_key from marts.sf_leads where record_key = '{key}'"
    )
    bench.workspace.sql(f"delete from marts.sf_leads where record_key = '{key}'")
