"""The inventories as files: valid against their schema, harmless to open, the same for the same data, comparable."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders import cli
from loaders.errors import ConfigurationError
from loaders.reports.inventory import SCHEMA, compare, count_kinds, write_inventory

STEP = {
    "position": 1,
    "id": "4",
    "after": None,
    "branch": None,
    "kind": "action",
    "type": "email.send",
    "name": "Send | it",
    "works_with": "Hello",
    "wait": "after 2 days",
    "flow_element": "Action: Send Email",
}
HOSTILE = '<script>alert(1)</script> "quoted" & | `code` ``` *bold*'


def definition(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "record_key": f"mautic:automation:{number}",
        "source_system": "mautic",
        "source_id": str(number),
        "kind": "campaign",
        "name": f"Campaign {number}",
        "is_active": True,
        "trigger_text": "Contact enters segment A",
        "steps": json.dumps([STEP]),
        "waits": json.dumps([{"position": 1, "wait": "after 2 days"}]),
        "audience": json.dumps([{"kind": "segment", "name": "A"}]),
        "readable": "1. Send it",
        "salesforce_equivalent": "Flow",
        "recommendation": "Rebuild as a Flow.",
        "definition": json.dumps({"campaign": {"id": number}}),
        "created_at": "2024-01-02 03:04:05",
        "modified_at": None,
    } | changes


def sql_type(column: str) -> str:
    return "boolean" if column == "is_active" else "timestamp" if column.endswith("_at") else "varchar"


@pytest.fixture
def warehouse_of(tmp_path: Path) -> Callable[..., Path]:
    """Makes a warehouse that holds these definitions."""

    def make(*rows: dict[str, Any], name: str = "warehouse.duckdb") -> Path:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema inventory")
            columns = ", ".join(f"{column} {sql_type(column)}" for column in definition(0))
            connection.execute(f"create table inventory.inv_all ({columns})")
            for row in rows:
                connection.execute(
                    f"insert into inventory.inv_all values ({', '.join('?' * len(row))})", list(row.values())
                )
        return path

    return make


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@pytest.mark.requirement("C13", "MAU-25")
def test_each_kind_becomes_json_by_the_schema_csv_markdown_and_html(
    warehouse_of: Callable[..., Path], tmp_path: Path
) -> None:
    warehouse = warehouse_of(
        definition(1), definition(2), definition(3, kind="landing page", is_active=False)
    )
    written = write_inventory(warehouse, tmp_path / "to")

    assert sorted(path.name for path in written) == sorted(
        [
            SCHEMA,
            *(
                f"{kind}.{ending}"
                for kind in ("campaign", "landing-page")
                for ending in ("json", "csv", "md", "html")
            ),
        ]
    )
    schema = json.loads((tmp_path / "to" / SCHEMA).read_text())
    items = json.loads((tmp_path / "to" / "campaign.json").read_text())
    jsonschema.validate(items, schema)
    assert [item["record_key"] for item in items] == ["mautic:automation:1", "mautic:automation:2"]
    assert items[0]["steps"] == [STEP]
    with (tmp_path / "to" / "campaign.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["Campaign 1", "Campaign 2"]
    page = (tmp_path / "to" / "campaign.html").read_text()
    document = (tmp_path / "to" / "campaign.md").read_text()
    for text in (page, document):
        assert "Contact enters segment A" in text
        assert "after 2 days" in text
        assert "Action: Send Email" in text
        assert "Rebuild as a Flow." in text
    assert [(count.kind, count.definitions, count.active) for count in count_kinds(warehouse)] == [
        ("campaign", 2, 2),
        ("landing page", 1, 0),
    ]


def test_what_the_source_says_cannot_become_markup_or_a_formula(
    warehouse_of: Callable[..., Path], tmp_path: Path
) -> None:
    write_inventory(
        warehouse_of(definition(1, name="=HYPERLINK(1)", trigger_text=HOSTILE, readable=HOSTILE)),
        tmp_path / "to",
    )

    parser = Tags()
    parser.feed((tmp_path / "to" / "campaign.html").read_text())
    assert "script" not in parser.tags
    document = (tmp_path / "to" / "campaign.md").read_text()
    assert "\n```text\n" in document
    assert "\\<script\\>" in document.split("```text")[0]
    assert document.count("```") == 2
    with (tmp_path / "to" / "campaign.csv").open(encoding="utf-8-sig", newline="") as file:
        assert next(csv.DictReader(file))["name"] == "'=HYPERLINK(1)"


@given(text=st.text(min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_text_survives_in_the_json(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("inventory")
    text = text.replace("\x00", "")
    with duckdb.connect(str(folder / "w.duckdb")) as connection:
        connection.execute("create schema inventory")
        row = definition(1, name=text, created_at=None)
        selects = ", ".join(f"cast(? as {sql_type(name)}) as {name}" for name in row)
        connection.execute(f"create table inventory.inv_all as select {selects}", list(row.values()))
    write_inventory(folder / "w.duckdb", folder / "to")
    assert json.loads((folder / "to" / "campaign.json").read_text(encoding="utf-8"))[0]["name"] == text


@pytest.mark.requirement("C13")
def test_two_runs_over_the_same_data_are_the_same_bytes_and_a_change_is_named(
    warehouse_of: Callable[..., Path], tmp_path: Path
) -> None:
    same = [
        write_inventory(warehouse_of(definition(1), definition(2)), tmp_path / name) for name in ("a", "b")
    ]
    assert [path.read_bytes() for path in same[0]] == [path.read_bytes() for path in same[1]]
    assert compare(tmp_path / "a", tmp_path / "b").is_empty

    write_inventory(warehouse_of(definition(2, readable="1. Send less"), definition(3)), tmp_path / "b")
    change = compare(tmp_path / "a", tmp_path / "b")
    assert change.added == ["mautic:automation:3"]
    assert change.removed == ["mautic:automation:1"]
    assert change.changed == ["mautic:automation:2"]


def test_files_of_a_kind_that_is_gone_are_removed_and_other_folders_are_left_alone(
    warehouse_of: Callable[..., Path], tmp_path: Path
) -> None:
    write_inventory(warehouse_of(definition(1), definition(2, kind="form")), tmp_path / "to")
    write_inventory(warehouse_of(definition(1)), tmp_path / "to")
    assert not list((tmp_path / "to").glob("form.*"))

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.md").write_text("keep me")
    with pytest.raises(ConfigurationError, match="holds other files"):
        write_inventory(warehouse_of(definition(1)), tmp_path / "other")
    assert (tmp_path / "other" / "mine.md").read_text() == "keep me"


def test_the_command_prints_counts_and_ends_with_1_when_something_changed_since(
    warehouse_of: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFM_DATA_DIR", str(tmp_path))
    warehouse_of(definition(1))
    runner = CliRunner()

    first = runner.invoke(cli.load_sf, ["inventory", "--to", str(tmp_path / "old")])
    assert first.exit_code == 0, first.output
    assert "campaign" in first.stdout
    warehouse_of(definition(1), definition(2))
    second = runner.invoke(cli.load_sf, ["inventory", "--since", str(tmp_path / "old"), "--json"])
    assert second.exit_code == 1
    result = json.loads(second.stdout)
    assert result["change"] == {"added": ["mautic:automation:2"], "removed": [], "changed": []}
    assert (tmp_path / "inventory" / "campaign.md").exists()


def test_without_a_built_inventory_the_next_step_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFM_DATA_DIR", str(tmp_path))
    missing = CliRunner().invoke(cli.load_sf, ["inventory"])
    assert missing.exit_code == 2
    assert "refresh-raw" in missing.stderr
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    unbuilt = CliRunner().invoke(cli.load_sf, ["inventory"])
    assert unbuilt.exit_code == 2
    assert "dbt build" in unbuilt.stderr
