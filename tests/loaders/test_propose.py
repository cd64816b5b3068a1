"""Proposed map lines: what is proposed and why, that nothing is decided by it, and that a load waits for a person."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from load_fixtures import Workspace, column, model
from model_fixtures import CUSTOM_TYPES, PROJECT, RAW, ModelProject, new_project

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError, RefusedError
from loaders.rehearsal.process import RunningOrg, start_org
from loaders.salesforce.field_map import read_map_lines, refuse_proposed
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.propose import Proposals, write

pytestmark = pytest.mark.requirement("COM-04")

UNDECIDED = (
    "assert_every_registered_field_is_decided",
    "assert_every_source_column_is_decided",
    "assert_field_map_lines_are_complete",
    "assert_lifecycle_stages_lead_somewhere",
    "assert_value_map_targets_are_in_picklists",
)
NEW_FIELDS = [
    ("lead", "department", "Department", "text"),
    ("lead", "shirt", "Shirt Size", "select"),
    ("lead", "rating_text", "Rating Text", "number"),
    ("company", "founded", "Year founded", "date"),
]


def _raw() -> dict[str, list[dict[str, Any]]]:
    """The hand-written Mautic with four new fields, one column that is not registered, a new stage and industry."""
    raw = copy.deepcopy({name: [dict(row) for row in rows] for name, rows in RAW.items()})
    raw["lead_fields"] += [
        {"id": number, "object": on, "alias": alias, "label": label, "type": kind, "is_published": 1}
        for number, (on, alias, label, kind) in enumerate(NEW_FIELDS, start=50)
    ]
    for number, row in enumerate(raw["leads"]):
        row["department"], row["shirt"] = f"Secret unit {number}", "SML"[number % 3]
        row["rating_text"], row["imported_mail"] = "high" if number % 2 else "3", f"p{number}@hidden.example"
    raw["companies"][0]["founded"] = "1999-01-01"
    raw["companies"][1]["companyindustry"] = "Oil and Gaz"
    raw["stages"].append({"id": 6, "name": "Key Customer"})
    raw["leads"][1]["stage_id"] = 6
    return raw


@pytest.fixture(scope="module")
def org() -> Iterator[RunningOrg]:
    with start_org() as running:
        yield running


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> ModelProject:
    """A project whose build stops at what nobody has decided."""
    types = {
        "leads": {name: "varchar" for name in ("department", "shirt", "rating_text", "imported_mail")},
        "companies": {"founded": "date"},
    }
    with pytest.MonkeyPatch.context() as patch:
        for table, columns in types.items():
            patch.setitem(CUSTOM_TYPES, table, {**CUSTOM_TYPES[table], **columns})
        project = new_project(tmp_path_factory.mktemp("propose") / "project", _raw())
    shutil.copy(PROJECT / "profiles/salesforce.yml", project.folder / "profiles")
    result = _build(project, "path:seeds", "+stg_mautic__people", "+stg_mautic__accounts")
    assert result.returncode == 1
    for named in ("Department", "imported_mail", "Key Customer", "Oil and Gaz"):
        assert named in result.stdout, named
    return project


def _build(project: ModelProject, *more: str) -> Any:
    """Builds what the undecided things are about, with the tests that name them."""
    wanted = ("stg_mautic__field_registry", "int_field_map", "int_value_map", *UNDECIDED, *more)
    options = ("--indirect-selection", "cautious", "--exclude", "resource_type:unit_test")
    return project.dbt("build", "--select", *wanted, *options)


@pytest.fixture
def project(
    undecided: ModelProject, org: RunningOrg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModelProject:
    """A copy of it as current directory, with an org to ask."""
    mine = undecided.copy(tmp_path / "project")
    monkeypatch.chdir(mine.folder)
    monkeypatch.setenv("SFM_DATA_DIR", str(mine.folder / "data"))
    monkeypatch.setenv("REHEARSAL_URL", org.url)
    monkeypatch.setenv("REHEARSAL_CA", str(org.ca_file))
    monkeypatch.delenv("DBT_TARGET_PATH", raising=False)
    return mine


def _seeds(project: ModelProject) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (project.folder / "seeds").rglob("*.csv")}


def test_proposals_let_the_build_pass_and_stop_the_load_until_they_are_confirmed(
    project: ModelProject,
) -> None:
    before = _seeds(project)
    told = CliRunner().invoke(load_sf, ["propose", "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    again = CliRunner().invoke(load_sf, ["propose", "--json"])
    assert again.stdout == told.stdout, "the same input gives the same bytes"
    assert _seeds(project) == before, "nothing is written unless asked for"

    fields = {(row["source_field"], row["sf_object"]): row for row in found["fields"]}
    assert fields["department", "Contact"]["sf_field"] == "Department"
    assert fields["department", "Contact"]["note"] == (
        "1.00: label equals Contact.Department; 100 % of 9 values fit"
    )
    assert fields["department", "Lead"]["sf_field"] == "Department__c"
    assert {(key, row["sf_type"]) for key, row in fields.items()} == {
        (("department", "Contact"), "Text"),
        (("department", "Lead"), "Text"),
        (("shirt", "Contact"), "Picklist"),
        (("shirt", "Lead"), "Picklist"),
        (("rating_text", "Contact"), "Text"),
        (("rating_text", "Lead"), "Text"),
        (("imported_mail", "Contact"), "Email"),
        (("imported_mail", "Lead"), "Email"),
        (("founded", "Account"), "Date"),
    }
    notes = "\n".join(row["note"] for row in (*found["fields"], *found["values"]))
    assert "Secret unit" not in notes
    assert "hidden.example" not in notes

    assert CliRunner().invoke(load_sf, ["propose", "--write"]).exit_code == 0
    after = _seeds(project)
    assert {name for name in after if after[name] != before[name]} == {
        "mautic_fields.csv",
        "mautic_values.csv",
    }
    for name, text in before.items():
        assert after[name].startswith(text), name
    assert json.loads(CliRunner().invoke(load_sf, ["propose", "--json"]).stdout) == {
        "fields": [],
        "values": [],
        "without_proposal": [],
    }
    result = _build(project, "path:seeds", "stg_mautic__people", "stg_mautic__accounts")
    assert result.returncode == 0, result.stdout[-3000:]
    decided = project.query(
        "select sf_object, sf_value, status from intermediate.int_value_map "
        "where source_value in ('Key Customer', 'Oil and Gaz') order by all"
    )
    assert decided == [
        ("Account", "Energy", "proposed"),
        ("Contact", None, "proposed"),
        ("Lead", "Working - Contacted", "proposed"),
    ]

    refused = CliRunner().invoke(load_sf, ["--all"])
    assert refused.exit_code == 1
    assert "(contact.department) -> Contact.Department" in refused.stderr
    accounts = CliRunner().invoke(load_sf, ["--mart", "accounts"])
    assert accounts.exit_code == 1
    assert re.findall(r"\((\S+?[.].*?)\) ->", accounts.stderr) == [
        "company.founded",
        'industry."Oil and Gaz"',
    ]

    _confirm(project)
    folder = project.folder / "seeds"
    maps = sorted(folder.glob("maps/*_fields.csv")), sorted(folder.glob("maps/*_values.csv"))
    contracts = read_contracts(project.manifest, maps[0], folder / "salesforce/custom_objects.csv")
    refuse_proposed(maps[0], contracts.values(), folder / "salesforce/custom_objects.csv", maps[1])
    assert "Department" in {field.name for field in contracts["contacts"].fields}


def _confirm(project: ModelProject) -> None:
    for path in (project.folder / "seeds/maps").glob("mautic_*s.csv"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\bproposed\b", "confirmed", text), encoding="utf-8")


def test_a_source_that_nobody_enabled_is_refused(project: ModelProject) -> None:
    told = CliRunner().invoke(load_sf, ["propose", "--source", "hubspot"])
    assert told.exit_code == 2
    assert "mautic" in told.stderr


def test_the_table_says_what_the_lines_say(project: ModelProject) -> None:
    told = CliRunner().invoke(load_sf, ["propose"])
    assert "9 proposed field line(s)" in told.stdout
    assert "Contact.Department" in told.stdout
    assert "Account.Industry = Energy" in told.stdout


HEADER = "source_field,source_value,sf_object,sf_field,sf_value,note,status\n"


def test_a_proposed_value_holds_back_every_object_that_its_field_can_make(workspace: Workspace) -> None:
    key = {"field": "Source_System_ID__c", "type": "Text", "length": 120}
    workspace.declare(
        [
            model(
                f"sf_{name}s",
                [column("record_key", key)],
                object=name.title(),
                mode="upsert",
                key=key["field"],
            )
            for name in ("lead", "contact", "account")
        ]
    )
    seed = workspace.path / "seeds/maps/test_values.csv"
    seed.write_text(
        HEADER
        + "stage,Customer,Contact,,,,\nstage,New,Lead,Status,Open,,confirmed\nstage,Trial,Contact,,,0.70: like it,proposed\n"
        + "industry,Tea,Account,Industry,Other,,\n",
        encoding="utf-8",
    )
    contracts = read_contracts(workspace.manifest)
    refuse_proposed([], [contracts["accounts"]], value_maps=[seed])
    for mart in ("leads", "contacts"):
        with pytest.raises(RefusedError, match=r'test_values.csv line 4 \(stage\."Trial"\) -> Contact'):
            refuse_proposed([], [contracts[mart]], value_maps=[seed])
    seed.write_text(seed.read_text(encoding="utf-8").replace("proposed", ""), encoding="utf-8")
    refuse_proposed([], contracts.values(), value_maps=[seed])
    assert {line.status for line in read_map_lines([], [seed])} == {"confirmed"}


def test_lines_go_behind_what_a_seed_has_in_the_order_of_its_header(workspace: Workspace) -> None:
    seed = workspace.path / "seeds/maps/test_values.csv"
    seed.write_text("status,note,source_field,source_value,sf_object,sf_field,sf_value", encoding="utf-8")
    row = {"source_system": "test", "source_field": "stage", "source_value": 'a "b", c', "sf_object": "Lead",
           "sf_field": None, "sf_value": None, "note": "0.50: why", "status": "proposed"}  # fmt: skip
    assert write(Proposals(values=[row])) == [seed]
    assert seed.read_text(encoding="utf-8").splitlines()[1] == 'proposed,0.50: why,stage,"a ""b"", c",Lead,,'


def test_a_seed_without_a_status_is_left_alone(workspace: Workspace) -> None:
    seed = workspace.path / "seeds/maps/test_values.csv"
    seed.write_text("source_field,source_value\n", encoding="utf-8")
    row = {"source_system": "test", "source_field": "stage", "source_value": "a", "status": "proposed"}
    with pytest.raises(ConfigurationError, match="no column status"):
        write(Proposals(values=[row]))
    assert seed.read_text(encoding="utf-8") == "source_field,source_value\n"
