"""Somebody changes records by hand while a load runs: when, which and as whom a script says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_rehearsal_metadata import Client
from test_rehearsal_rules import bulk, rest

from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.state import Org

USERS = "username,email,first_name,last_name,is_active\nann@org.example,ann@org.example,Ann,Able,true\n"


def script(client: Client, *edits: dict[str, Any]) -> Any:
    answer = client.ask("PUT", "/rehearsal/edits", json.dumps(list(edits)).encode())
    return answer.status, answer.body


def changed(org: Org) -> list[tuple[str, str]]:
    return org.store.rows(
        'select c."Id", u."Username" from org."Contact" c join org."User" u on u."Id" = c."LastModifiedById" '
        "where c.\"Title\" = 'Boss' order by 1"
    )


@pytest.mark.requirement("C1")
def test_a_person_changes_twenty_contacts_after_the_nth_call(tmp_path: Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text(USERS, encoding="utf-8")
    seen = []
    for _ in range(2):
        with Org(Options(users=users, seed=3)) as org:
            client = Client(org)
            rest(org, "Contact", "insert", *({"LastName": f"n{number}"} for number in range(60)))
            edit = {"after_call": 2, "object": "Contact", "records": 20, "field": "Title", "value": "Boss",
                    "user": "ann@org.example"}  # fmt: skip
            assert script(client, edit)[0] == 200
            client.query("SELECT Id FROM Contact LIMIT 1")
            assert changed(org) == []
            client.query("SELECT Id FROM Contact LIMIT 1")
            found = changed(org)
            assert len(found) == 20 and {name for _, name in found} == {"ann@org.example"}
            client.query("SELECT Id FROM Contact LIMIT 1")
            shown = client.ask("GET", "/rehearsal/edits").body[0]
            assert (shown["done"], len(shown["changed"]), shown["refused"]) == (True, 20, [])
            seen.append([identifier for identifier, _ in found])
    assert seen[0] == seen[1]


def test_an_edit_at_a_job_comes_before_its_data(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    edit = {"at_job": 2, "object": "Contact", "records": 5, "field": "Title", "value": "Boss"}
    path.write_text(json.dumps([edit]), encoding="utf-8")
    with Org(Options(edits=path)) as org:
        bulk(org, "Contact", "insert", "LastName\na\nb\n")
        assert changed(org) == []
        bulk(org, "Contact", "insert", "LastName\nc\n")
        assert len(changed(org)) == 2


BAD: list[dict[str, Any]] = [
    {"object": "Contact", "field": "Title"},
    {"after_call": 1, "at_job": 1, "object": "Contact", "field": "Title"},
    {"after_call": 0, "object": "Contact", "field": "Title"},
    {"after_call": 1, "object": "Contact", "field": "Nope"},
    {"after_call": 1, "object": "Contact", "field": "Title", "user": "nobody@x"},
    {"after_call": 1, "object": "Contact", "field": "Title", "colour": "red"},
]


def test_a_script_that_cannot_be_followed_is_refused() -> None:
    with Org(Options()) as org:
        for edit in BAD:
            status, body = script(Client(org), edit)
            assert (status, body[0]["errorCode"]) == (400, "INVALID_INPUT"), edit
