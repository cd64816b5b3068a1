"""The comparison of two mappings: routes, cells, picklist values, against a brute-force look at the same rows."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from loaders.reports.mart_diff import CellChange, PicklistChange, Reroute, compare_warehouses

BEFORE = {
    "sf_contacts": "values ('m:1', 'Ada', 'Mr.'), ('m:2', 'Grace', 'Ms.'), ('m:3', 'Alan', null)",
    "sf_leads": "values ('m:4', 'Edsger', 'Mr.')",
}
AFTER = {
    "sf_contacts": "values ('m:1', 'Ada', 'Ms.'), ('m:3', null, null)",
    "sf_leads": "values ('m:2', 'Grace', 'Ms.'), ('m:5', 'Barbara', 'Dr.')",
}


def warehouse(path: Path, marts: dict[str, str]) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        for mart, rows in marts.items():
            connection.execute(
                f"create table marts.{mart} as select * from ({rows}) as t (record_key, first_name, salutation)"
            )
    return path


def test_no_change_is_empty_and_says_so(tmp_path: Path) -> None:
    one, two = warehouse(tmp_path / "one.duckdb", BEFORE), warehouse(tmp_path / "two.duckdb", BEFORE)
    difference = compare_warehouses(one, two, "main", {})
    assert difference.is_empty
    assert "No record, cell or picklist value changes" in difference.as_markdown()


@pytest.mark.requirement("C9")
def test_reroutes_cells_and_picklist_values_are_all_found(tmp_path: Path) -> None:
    before, after = warehouse(tmp_path / "one.duckdb", BEFORE), warehouse(tmp_path / "two.duckdb", AFTER)
    difference = compare_warehouses(
        before, after, "main", {"sf_contacts": ["salutation"], "sf_leads": ["salutation"]}
    )
    assert difference.reroutes == [
        Reroute("sf_contacts", "sf_leads", 1, ["m:2"]),
        Reroute("sf_leads", None, 1, ["m:4"]),
        Reroute(None, "sf_leads", 1, ["m:5"]),
    ]
    assert difference.cells == [
        CellChange("sf_contacts", "first_name", 1, 1, [("m:3", "Alan", None)]),
        CellChange("sf_contacts", "salutation", 1, 0, [("m:1", "Mr.", "Ms.")]),
    ]
    assert difference.picklists == [
        PicklistChange("sf_contacts", "salutation", [], ["Mr."]),
        PicklistChange("sf_leads", "salutation", ["Dr.", "Ms."], ["Mr."]),
    ]


def test_cells_are_personal_data_and_hidden_unless_asked_for(tmp_path: Path) -> None:
    before, after = warehouse(tmp_path / "one.duckdb", BEFORE), warehouse(tmp_path / "two.duckdb", AFTER)
    difference = compare_warehouses(before, after, "main", {})
    assert "Alan" not in difference.as_markdown()
    assert "Alan" in difference.as_markdown(show_values=True)


def test_digest_names_one_change_and_no_other(tmp_path: Path) -> None:
    before, after = warehouse(tmp_path / "one.duckdb", BEFORE), warehouse(tmp_path / "two.duckdb", AFTER)
    other = warehouse(
        tmp_path / "three.duckdb", {**AFTER, "sf_leads": AFTER["sf_leads"].replace("Barbara", "Margaret")}
    )
    digest = compare_warehouses(before, after, "main", {}).digest
    assert digest == compare_warehouses(before, after, "main", {}).digest
    assert digest != compare_warehouses(before, other, "main", {}).digest
