"""The synthetic Actimo: deterministic, in every format, with the dirt of real exports and nobody real in it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from loaders import pipeline, project
from loaders.actimo.settings import tables
from loaders.commands.rehearse import rehearse
from loaders.errors import ConfigurationError, RefusedError
from loaders.rehearsal.twin.actimo import seed
from loaders.rehearsal.twin.actimo_rows import NO_EMAIL, ActimoRows

CONTACTS = 1_200
# Salesforce's standard lengths of the fields that a contact fills
LENGTHS = {"first_name": 40, "last_name": 80, "email": 80, "title": 128, "company": 255, "department": 80}


@pytest.fixture(scope="module")
def people() -> list[dict[str, Any]]:
    return list(ActimoRows(CONTACTS, 1, "nord").people())


def content(folder: Path) -> dict[str, str]:
    """Hash of every file, workbooks aside: their packages carry the time of writing."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".xlsx" and path.name != "manifest.json"
    }


@pytest.mark.requirement("C14")
def test_the_same_seed_is_the_same_delivery(tmp_path: Path) -> None:
    for name, start in (("a", 5), ("b", 5), ("c", 6)):
        seed(80, start, tmp_path / name)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "a") != content(tmp_path / "c")


@pytest.mark.requirement("C14")
def test_a_person_does_not_depend_on_how_many_there_are(people: list[dict[str, Any]]) -> None:
    assert ActimoRows(50, 1, "nord").person(41) == people[40]


@pytest.mark.requirement("C14")
def test_nobody_is_real(people: list[dict[str, Any]]) -> None:
    emails = [person["email"] for person in people if person["email"]]
    assert all(re.fullmatch(r"[a-z]+\.\d+@[a-z]+\.example", email, re.I) for email in emails)
    numbers = [person["phone_number"] for person in people if person["phone_number"]]
    assert all(
        re.fullmatch(r"(\+45|0045)?2000\d{3}", number) for number in numbers
    )  # a digit short of a real one


@pytest.mark.requirement("C14")
@pytest.mark.requirement("ACT-09")
def test_the_dirt_of_real_exports_is_in(people: list[dict[str, Any]]) -> None:
    without = sum(not person["email"] for person in people) / len(people)
    assert abs(without - NO_EMAIL) < 0.03
    assert {str(person["employee_status"]).lower() for person in people} == {
        "active",
        "inactive",
        "invited",
        "pending",
        "none",
    }
    assert any(not person["company"] for person in people) and any(
        not person["last_name"] for person in people
    )
    assert any((person["unique_id"] or "").startswith("00") for person in people)
    first, second = people[:2]
    assert (first["manager_unique_id"], second["manager_unique_id"]) == (
        second["unique_id"],
        first["unique_id"],
    )
    for column, length in LENGTHS.items():
        assert all(len(person[column] or "") <= length for person in people), column


@pytest.mark.requirement("C14")
@pytest.mark.requirement("ACT-14")
@pytest.mark.requirement("ACT-16")
@pytest.mark.requirement("ACT-18")
def test_the_twin_lands_whole_from_every_format() -> None:
    counts = seed(CONTACTS).counts
    landed = {table.table: table.rows_landed for table in pipeline.refresh(["actimo"])}
    for table in tables():
        assert landed[table] == sum(count for name, count in counts.items() if name.endswith(f"/{table}")), (
            table
        )
    with duckdb.connect(str(project.warehouse_path()), read_only=True) as warehouse:
        ways = warehouse.execute(
            "select distinct format, encoding, delimiter from raw_actimo.delivered_files"
        ).fetchall()
        assert {one for one, _, _ in ways} == {"csv", "xlsx", "json"}
        assert {"utf-8", "utf-8-sig", "windows-1252", "utf-16"} <= {one for _, one, _ in ways}
        assert {";", ",", "\t"} <= {one for _, _, one in ways}
        collisions = warehouse.execute(
            "select count(*) from (select contact_id from raw_actimo.contacts group by 1 having count(*) = 2)"
        ).fetchone()
        assert collisions == (CONTACTS // 4,)
        orphans = dict(
            warehouse.execute(
                "select table_name || '.' || column_name, count(*) from raw_actimo.orphans group by 1"
            ).fetchall()
        )
        assert orphans["academy_enrollments.contact_id"] == 2
        same = warehouse.execute(
            "select max(first_name) from raw_actimo.contacts where workspace = 'nord' and contact_id = '50001'"
        ).fetchone()
        assert same == (ActimoRows(CONTACTS, 20_240_229, "nord").person(1)["first_name"],)
        states = warehouse.execute(
            "select status, count(*) from raw_actimo.file_contents group by 1 order by 1"
        ).fetchall()
        assert states == [("landed", 8), ("link", 2), ("missing", 2)]


@pytest.mark.requirement("SRC-12")
def test_the_command_writes_it_and_cuts_a_workbook_when_asked() -> None:
    result = CliRunner().invoke(
        rehearse, ["seed", "--source", "actimo", "--contacts", "40", "--corrupt", "--json"]
    )
    assert result.exit_code == 0, result.output
    assert '"nord/contacts": 40' in result.output
    with pytest.raises(RefusedError, match=r"syd/Academy Enrollments \(2\)\.xlsx: the workbook is damaged"):
        pipeline.refresh(["actimo"])


def test_a_folder_with_somebody_s_data_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "contacts.csv").write_text("contact_id\n1\n")
    with pytest.raises(ConfigurationError, match="would be lost"):
        seed(10, folder=tmp_path)
    assert (tmp_path / "contacts.csv").exists()
    with pytest.raises(ConfigurationError, match="not possible"):
        seed(0)
