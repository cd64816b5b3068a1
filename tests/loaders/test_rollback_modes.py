"""A rollback takes back what every mode of a load made: inserts, junctions, second passes, files and their links (C6)."""

from __future__ import annotations

import pytest
from edit_fixtures import call, whole_dump
from load_fixtures import FAST, Bench

from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope


@pytest.mark.requirement("C6")
@pytest.mark.requirement("Z15")
def test_rollback_of_a_load_of_every_mode_leaves_the_org_as_it_was(modes: Bench) -> None:
    before = whole_dump(modes)
    loaded = modes.load()
    made = {mart.mart: mart.accepted for mart in loaded.marts}
    assert {"tasks", "email_messages", "campaign_members", "files", "file_links", "accounts.links"} <= set(
        made
    )
    assert min(made[mart] for mart in ("tasks", "email_messages", "campaign_members", "files")) > 0
    assert len(whole_dump(modes)) > len(before) + 10
    undone = rollback(Scope(run_id=loaded.run_id), pace=FAST, report=modes.lines.append)
    order = [mart.mart for mart in undone.marts]
    assert order.index("email_messages") < order.index("tasks") < order.index("contacts")
    assert order.index("file_links") < order.index("files")
    assert (undone.exit_code, undone.skipped) == (0, [])
    left = set(whole_dump(modes)) ^ set(before)
    assert left == set(), sorted(left)[:3]
    again = rollback(Scope(run_id=loaded.run_id), pace=FAST)
    assert again.lines()[0].startswith("Nothing to roll back")


@pytest.mark.requirement("C6")
def test_task_that_a_person_worked_with_stays_and_is_listed(modes: Bench) -> None:
    loaded = modes.load("accounts", "contacts", "tasks")
    number, task = next(iter(modes.records("Task", "Id").items()))
    call(modes, "PATCH", f"Task/{task['Id']}", {"Description": "called again"})
    undone = rollback(Scope(run_id=loaded.run_id), pace=FAST)
    stays = {(row["mart"], row["record_key"]): row["reason"] for row in undone.skipped}
    assert stays == {("tasks", modes.key("task", int(number))): "edited"} | {
        key: reason for key, reason in stays.items() if reason == "has_children"
    }
    assert list(modes.records("Task")) == [number]
