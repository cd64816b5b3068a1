"""Owners: every address that the marts name is matched, or waits for a decision."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner
from schema_fixtures import KEY, Project, column, model

from loaders.commands.load_sf_owners import owners
from loaders.errors import ConfigurationError
from loaders.rehearsal.process import RunningOrg
from loaders.salesforce.describe import OrgUser
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.owners import (
    Decision,
    Owner,
    match_owners,
    named_owners,
    read_decisions,
    with_undecided,
)

HEADER = "source_email,decision,owner_email,note"
USERS = (
    OrgUser("0051", "Anna@Example.com", "anna", "Anna", True),
    OrgUser("0052", "gone@example.com", "gone", "Gone", False),
    OrgUser("0053", "twin@example.com", "twin1", "Twin", True),
    OrgUser("0054", "twin@example.com", "twin2", "Twin", True),
)


def states(named: list[tuple[str, str, int]], *decisions: Decision) -> dict[str, tuple[str, str]]:
    """State and state in the org by address."""
    return {one.email: (one.state, one.in_org) for one in match_owners(named, USERS, decisions)}


@pytest.mark.requirement("MAU-23", "ACT-20")
def test_addresses_are_matched_without_case_and_only_with_active_users() -> None:
    named = [(f"{name}@example.com", "active", 3) for name in ("anna", "gone", "twin", "new")]
    assert states(named) == {
        "anna@example.com": ("matched", "active"),
        "gone@example.com": ("undecided", "inactive"),
        "new@example.com": ("undecided", "none"),
        "twin@example.com": ("undecided", "several"),
    }


def test_who_owns_nothing_holds_nobody_up() -> None:
    assert states([("new@example.com", "active", 0)]) == {"new@example.com": ("unused", "none")}


@pytest.mark.requirement("ACT-20")
@pytest.mark.parametrize(
    "decision, state, note",
    [
        (Decision("new@example.com", "provision"), "waiting", "create the user"),
        (Decision("new@example.com", "reassign", "anna@example.com"), "rebuild", "dbt build"),
        (Decision("new@example.com", "reassign", "gone@example.com"), "invalid", "gone@example.com"),
        (Decision("new@example.com", "contact_only"), "rebuild", "Contact only"),
        (Decision("new@example.com", ""), "undecided", ""),
    ],
)
def test_a_decision_keeps_the_queue_open_until_it_has_taken_effect(
    decision: Decision, state: str, note: str
) -> None:
    (owner,) = match_owners([("new@example.com", "active", 1)], USERS, [decision])
    assert (owner.state, owner.is_open) == (state, True)
    assert note in owner.note


def test_decisions_are_read_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "owner_decisions.csv"
    assert read_decisions(file) == []
    file.write_text(f"{HEADER}\nA@x.example,reassign,B@x.example,\n", encoding="utf-8")
    assert read_decisions(file) == [Decision("a@x.example", "reassign", "b@x.example")]
    for line, message in (
        ("a@x.example,perhaps,,", "no decision"),
        ("a@x.example,reassign,,", "needs owner_email"),
        ("a@x.example,provision,,\nA@x.example,provision,,", "twice"),
    ):
        file.write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
        with pytest.raises(ConfigurationError, match=message):
            read_decisions(file)


def test_lines_are_added_and_none_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "owner_decisions.csv"
    file.write_text(f'{HEADER}\nold@x.example,,,"asked, waiting"\n', encoding="utf-8")
    found = [
        Owner("old@x.example", "undecided", 2, "active", "none"),
        Owner("new@x.example", "undecided", 1, "inactive", "none"),
        Owner("fine@x.example", "matched", 1, "active", "active"),
    ]  # fmt: skip
    text, added = with_undecided(file, found)
    assert added == 1
    assert text == (
        f'{HEADER}\nold@x.example,,,"asked, waiting"\n'
        "new@x.example,,,1 records; inactive in the source; none in the org\n"
    )
    file.write_text(text, encoding="utf-8")
    assert with_undecided(file, found) == (text, 0)
    assert with_undecided(tmp_path / "other.csv", [])[0] == HEADER + "\n"


def build(project: Project) -> None:
    """Users and accounts of four owners."""
    users = model(
        "sf_users",
        [
            column("record_key"),
            column("user_email", {"field": "Email", "type": "Email", "length": 80}),
            column("is_active"),
        ],
        object="User", mode="match", natural_key="Email",
    )  # fmt: skip
    accounts = model(
        "sf_accounts",
        [
            column("record_key", KEY, required=True),
            column("account_name", {"field": "Name", "type": "Text", "length": 255}),
            column("owner_email", {"field": "OwnerId", "type": "Lookup", "references": "sf_users"}),
        ],
        object="Account", mode="upsert", key="Source_System_ID__c",
    )  # fmt: skip
    project.declare([users, accounts])
    project.mart(
        "sf_users",
        """select 'u:' || i as record_key, email as user_email, active as is_active from (values
        (1, 'owner@example.com', true), (2, 'gone@example.com', false), (3, 'idle@example.com', true))
        as people(i, email, active)""",
    )
    project.mart(
        "sf_accounts",
        """select 'a:' || i as record_key, 'A' || i as account_name, email as owner_email from (values
        (1, 'Owner@Example.com'), (2, 'owner@example.com'), (3, 'gone@example.com'),
        (4, 'stray@example.com'), (5, null))
        as firms(i, email)""",
    )


@pytest.mark.requirement("MAU-23")
def test_records_are_counted_for_every_address_that_a_mart_names(project: Project) -> None:
    build(project)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{project.warehouse}' as warehouse (read_only)")
        found = named_owners(read_contracts(project.manifest), connection)
    assert found == [
        ("owner@example.com", "active", 2), ("gone@example.com", "inactive", 1),
        ("stray@example.com", "unknown", 1),
        ("idle@example.com", "active", 0),
    ]  # fmt: skip


@pytest.mark.requirement("MAU-23", "ACT-20")
def test_the_command_keeps_the_gate_closed_and_fills_the_queue(
    project: Project, start_target: Callable[..., RunningOrg]
) -> None:
    build(project)
    file = project.seed("owner_decisions", HEADER)
    start_target(declare=project.manifest)
    outcome = CliRunner().invoke(owners, ["--write"])
    assert outcome.exit_code == 1, outcome.output
    with file.open(encoding="utf-8", newline="") as lines:
        assert [row["source_email"] for row in csv.DictReader(lines)] == [
            "gone@example.com",
            "stray@example.com",
        ]
    assert "2 line(s) added" in outcome.output

    file.write_text(
        f"{HEADER}\ngone@example.com,reassign,owner@example.com,\nstray@example.com,contact_only,,\n",
        encoding="utf-8",
    )
    assert CliRunner().invoke(owners, []).exit_code == 1  # decided, but the marts do not know it yet
    project.mart(
        "sf_users", "select 'u:1' as record_key, 'owner@example.com' as user_email, true as is_active"
    )
    project.mart(
        "sf_accounts",
        "select 'a:' || i as record_key, 'A' as account_name, 'owner@example.com' as owner_email "
        "from range(3) as n(i)",
    )
    done = CliRunner().invoke(owners, ["--json"])
    assert done.exit_code == 0, done.output
    assert '"state": "matched"' in done.output
