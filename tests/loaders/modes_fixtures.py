"""Small marts for every mode of loading, and an org that has their fields."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from load_fixtures import KEY, Bench, Workspace, column, model

from loaders.rehearsal.process import RunningOrg, start_org

USERS = """username,email,first_name,last_name,is_active
owner@example.com.rehearsal,owner@example.com,Olga,Owner,true
twin1@example.com.rehearsal,twin@example.com,Tina,Twin,true
twin2@example.com.rehearsal,twin@example.com,Tom,Twin,true
"""


def lookup(name: str, field: str, references: Any, **more: Any) -> dict[str, Any]:
    """A column that refers to one mart or several."""
    return column(name, {"field": field, "type": "Lookup", "references": references, **more})


def text(name: str, field: str, length: int = 255, **more: Any) -> dict[str, Any]:
    """A text column."""
    return column(name, {"field": field, "type": "Text", "length": length, **more})


def modes_models() -> list[dict[str, Any]]:
    """Marts that load each other's circles, activities, campaigns and files."""
    created = column("created_at", {"field": "CreatedDate", "type": "DateTime", "audit": True})
    upsert = {"mode": "upsert", "key": "Source_System_ID__c"}
    insert = {"mode": "insert_if_absent"}
    accounts = model(
        "sf_accounts",
        [
            column("record_key", KEY),
            text("account_name", "Name"),
            lookup("main_contact_key", "Main_Contact__c", "sf_contacts", second_pass=True),
        ],
        object="Account",
        **upsert,
    )
    contacts = model(
        "sf_contacts",
        [
            column("record_key", KEY),
            text("last_name", "LastName", 80),
            lookup("account_key", "AccountId", "sf_accounts"),
            lookup("manager_key", "Manager__c", "sf_contacts", second_pass=True),
        ],
        object="Contact",
        **upsert,
    )
    leads = model(
        "sf_leads",
        [column("record_key", KEY), text("last_name", "LastName", 80), text("company", "Company"), created],
        object="Lead",
        key="Source_System_ID__c",
        **insert,
    )
    campaigns = model(
        "sf_campaigns", [column("record_key", KEY), text("name", "Name", 80)], object="Campaign", **upsert
    )
    statuses = model(
        "sf_campaign_member_statuses",
        [
            column("record_key"),
            lookup("campaign_key", "CampaignId", "sf_campaigns", insert_only=True),
            text("label", "Label", 40, insert_only=True),
        ],
        object="CampaignMemberStatus",
        natural_key="CampaignId, Label",
        partition_by="CampaignId",
        **insert,
    )
    members = model(
        "sf_campaign_members",
        [
            column("record_key", KEY),
            lookup("campaign_key", "CampaignId", "sf_campaigns"),
            lookup("lead_key", "LeadId", "sf_leads"),
            lookup("contact_key", "ContactId", "sf_contacts"),
            text("status", "Status", 40),
        ],
        object="CampaignMember",
        key="Source_System_ID__c",
        natural_key="CampaignId, LeadId | CampaignId, ContactId",
        partition_by="campaign_key",
        **insert,
    )
    tasks = model(
        "sf_tasks",
        [
            column("record_key", KEY),
            text("subject", "Subject"),
            lookup("who_key", "WhoId", ["sf_leads", "sf_contacts"]),
            lookup("what_key", "WhatId", ["sf_campaigns", "sf_accounts"]),
            created,
        ],
        object="Task",
        key="Source_System_ID__c",
        partition_by="WhoId",
        **insert,
    )
    mails = model(
        "sf_email_messages",
        [
            column("record_key", KEY),
            text("subject", "Subject", 3000),
            lookup("activity_key", "ActivityId", "sf_tasks"),
            text("status", "Status", 40),
        ],
        object="EmailMessage",
        key="Source_System_ID__c",
        requires="EmailMessage",
        **insert,
    )
    return [accounts, contacts, leads, campaigns, statuses, members, tasks, mails, *file_models()]


def file_models() -> list[dict[str, Any]]:
    """Files and their links."""
    files = model(
        "sf_files",
        [
            column("record_key", KEY),
            text("title", "Title"),
            text("path_on_client", "PathOnClient", 500, insert_only=True),
            *(column(name) for name in ("local_path", "sha256", "size_bytes")),
        ],
        object="ContentVersion",
        mode="file",
        key="Source_System_ID__c",
        file={"path": "local_path", "sha256": "sha256", "size": "size_bytes"},
    )
    links = model(
        "sf_file_links",
        [
            column("record_key"),
            lookup("file_key", "ContentDocumentId", "sf_files", insert_only=True),
            lookup("linked_key", "LinkedEntityId", ["sf_accounts", "sf_campaigns"], insert_only=True),
            text("share_type", "ShareType", 40),
        ],
        object="ContentDocumentLink",
        mode="insert_if_absent",
        natural_key="ContentDocumentId, LinkedEntityId",
    )
    return [files, links]


ROWS = {
    "sf_accounts": (
        "record_key, account_name, main_contact_key",
        ["'{s}:company:1', 'One', '{s}:contact:2'", "'{s}:company:2', 'Two', null"],
    ),
    "sf_contacts": (
        "record_key, last_name, account_key, manager_key",
        [
            "'{s}:contact:1', 'A', '{s}:company:1', '{s}:contact:2'",
            "'{s}:contact:2', 'B', '{s}:company:1', '{s}:contact:1'",
            "'{s}:contact:3', 'C', '{s}:company:2', null",
        ],
    ),
    "sf_leads": (
        "record_key, last_name, company, created_at",
        ["'{s}:lead:1', 'L', 'Loose', timestamp '2015-05-05 05:05:05'"],
    ),
    "sf_campaigns": (
        "record_key, name",
        ["'{s}:campaign:1', 'Spring {s}'", "'{s}:campaign:2', 'Autumn {s}'"],
    ),
    "sf_campaign_member_statuses": (
        "record_key, campaign_key, label",
        [
            "'{s}:status:1', '{s}:campaign:1', 'sent'",
            "'{s}:status:2', '{s}:campaign:1', 'Opened'",
            "'{s}:status:3', '{s}:campaign:2', 'Opened'",
        ],
    ),
    "sf_campaign_members": (
        "record_key, campaign_key, lead_key, contact_key, status",
        [
            "'{s}:member:1', '{s}:campaign:1', '{s}:lead:1', null, 'Opened'",
            "'{s}:member:2', '{s}:campaign:1', null, '{s}:contact:1', 'Sent'",
            "'{s}:member:3', '{s}:campaign:2', null, '{s}:contact:1', 'Sent'",
        ],
    ),
    "sf_tasks": (
        "record_key, subject, who_key, what_key, created_at",
        [
            "'{s}:task:1', 'call', '{s}:lead:1', null, timestamp '2016-06-06 06:06:06'",
            "'{s}:task:2', 'mail', '{s}:contact:1', '{s}:company:1', timestamp '2016-06-07 06:06:06'",
            "'{s}:task:3', 'note', null, '{s}:campaign:1', null",
        ],
    ),
    "sf_email_messages": (
        "record_key, subject, activity_key, status",
        ["'{s}:mail:1', 'Hello', '{s}:task:2', '3'"],
    ),
    "sf_file_links": (
        "record_key, file_key, linked_key, share_type",
        [
            "'{s}:link:1', '{s}:file:1', '{s}:company:1', 'I'",
            "'{s}:link:2', '{s}:file:2', '{s}:campaign:1', 'I'",
        ],
    ),
}


def fill(workspace: Workspace, source: str, *marts: str) -> None:
    """Makes these marts (all if none is named), keyed by `source`; three small files lie on disk."""
    for name, (columns, rows) in ROWS.items():
        if not marts or name in marts:
            values = ", ".join(f"({row.replace('{s}', source)})" for row in rows)
            workspace.mart(name, f"select * from (values {values}) as rows_of({columns})")
    if not marts or "sf_files" in marts:
        _fill_files(workspace, source)


def _fill_files(workspace: Workspace, source: str) -> None:
    folder = workspace.path / "data" / "files"
    folder.mkdir(exist_ok=True)
    rows = []
    for number in (1, 2, 3):
        content = f"file {number} of {source} --sf-migration\r\n".encode() * number * 50_000
        digest = hashlib.sha256(content).hexdigest()
        (folder / digest[:2]).mkdir(exist_ok=True)
        (folder / digest[:2] / digest).write_bytes(content)
        rows.append((f"{source}:file:{number}", f'Datei "{number}" ü', f"bericht {number}.txt",
                     f"{digest[:2]}/{digest}", digest, len(content)))  # fmt: skip
    with duckdb.connect(str(workspace.warehouse)) as con:
        con.execute("create schema if not exists marts")
        con.execute(
            "create or replace table marts.sf_files (record_key varchar, title varchar, path_on_client varchar, "
            "local_path varchar, sha256 varchar, size_bytes bigint)"
        )
        con.executemany("insert into marts.sf_files values (?, ?, ?, ?, ?, ?)", rows)


def point_at(org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this org the default target."""
    monkeypatch.setenv("REHEARSAL_URL", org.url)
    monkeypatch.setenv("REHEARSAL_CA", str(org.ca_file))


@pytest.fixture(scope="session")
def modes_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningOrg, Path]]:
    """One org for many tests, and the manifest that it reads its custom fields from."""
    folder = tmp_path_factory.mktemp("modes")
    users, manifest = folder / "users.csv", folder / "manifest.json"
    users.write_text(USERS, encoding="utf-8")
    cases = model(
        "sf_cases", [column("record_key", KEY)], object="Case", mode="upsert", key="Source_System_ID__c"
    )
    Workspace(folder).declare([*modes_models(), cases], manifest)
    with start_org(declare=manifest, users=users) as org:
        yield org, manifest


@pytest.fixture
def modes(workspace: Workspace, modes_org: tuple[RunningOrg, Path], monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The marts of all modes, keyed for this test alone, and the shared org."""
    org, _ = modes_org
    point_at(org, monkeypatch)
    source = f"m{next(_NUMBERS)}"
    workspace.declare(modes_models())
    fill(workspace, source)
    return Bench(workspace, org, source, [])


_NUMBERS = itertools.count(1)
