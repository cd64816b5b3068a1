"""The mapping workbook is what contracts, seeds and tests say, and nobody edited or forgot it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from loaders.reports.workbook import Workbook, as_markdown, read_workbook, write_spreadsheet

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def parsed_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the project as it is in the working tree."""
    folder = tmp_path_factory.mktemp("manifest")
    done = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "parse", "--no-partial-parse"],
        cwd=PROJECT,
        env=os.environ
        | {"SFM_DATA_DIR": str(folder), "DBT_TARGET_PATH": str(folder), "DBT_LOG_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "manifest.json"


@pytest.fixture(scope="module")
def workbook(parsed_manifest: Path) -> Workbook:
    return read_workbook(parsed_manifest, PROJECT / "seeds", PROJECT / "tests" / "loaders")


@pytest.mark.requirement("COM-09")
def test_the_ratios_of_objects_that_map_one_to_one_are_those_that_were_promised(workbook: Workbook) -> None:
    assert {ratio.source_system: (ratio.one_to_one, ratio.objects) for ratio in workbook.ratios} == {
        "mautic": (8, 13),
        "customerio": (7, 12),
        "actimo": (11, 13),
        "qontak": (11, 14),
    }


@pytest.mark.requirement("COM-10")
def test_what_the_customer_has_to_do_is_said_for_every_object(workbook: Workbook) -> None:
    def count(source: str, compatibility: str) -> int:
        return sum(
            (row["source_system"], row["compatibility"]) == (source, compatibility)
            for row in workbook.objects
        )

    # the description of the move from Customer.io marks five rows, although its summary speaks of four
    assert count("customerio", "Mapping required") == 5
    assert count("customerio", "Not supported") == 1
    assert count("qontak", "Mapping required") == 2
    assert sum(row["compatibility"] == "Fully supported" for row in workbook.objects) == 52 - 8


def test_the_workbook_in_docs_is_the_one_that_the_project_makes(workbook: Workbook) -> None:
    written = (PROJECT / "docs" / "mapping.md").read_text(encoding="utf-8")
    assert written == as_markdown(workbook), (
        "run `dbt parse`, then `load-sf mapping`, and commit docs/mapping.md"
    )


def test_every_field_of_a_mart_and_every_line_of_a_field_map_is_in_it(workbook: Workbook) -> None:
    filled = {field.filled_by: field for field in workbook.fields}
    assert filled["sf_contacts.stage"].sf_field == "stage__c"
    assert filled["sf_contacts.stage"].sf_type == "Text(255)"
    assert filled["sf_contacts.stage"].rule
    assert filled["mautic contact.attribution"].sf_field == "Attribution__c"


def test_every_object_of_an_enabled_source_names_marts_that_exist(
    workbook: Workbook, parsed_manifest: Path
) -> None:
    models = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    for row in workbook.objects:
        if row["source_system"] == "mautic":
            assert row["marts"]
            assert set(row["marts"].split()) <= models, row


def test_the_spreadsheet_holds_the_same_tables(workbook: Workbook, tmp_path: Path) -> None:
    write_spreadsheet(workbook, tmp_path / "mapping.xlsx")
    book = openpyxl.load_workbook(tmp_path / "mapping.xlsx", read_only=True)
    assert book.sheetnames == ["Objects", "Fields", "Requirements"]
    assert sum(1 for _ in book["Objects"].rows) == len(workbook.objects) + 1
    assert sum(1 for _ in book["Fields"].rows) == len(workbook.fields) + 1


def test_a_requirement_names_the_tests_that_are_marked_with_it(workbook: Workbook) -> None:
    (this,) = [item for item in workbook.requirements if item.id == "COM-10"]
    assert "object_map" in this.lives_in
    assert any("test_workbook: test_what_the_customer_has_to_do" in test for test in this.proved_by)
