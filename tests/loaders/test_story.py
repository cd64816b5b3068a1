"""`load-sf why` tells the way of one record, and where the value of one field comes from (C8)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from edit_fixtures import edit
from load_fixtures import FAST, Bench

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.story import why


def _lineage(bench: Bench) -> None:
    """A raw table, a staging model and a mart over it, in warehouse and manifest, as dbt leaves them."""
    bench.workspace.sql("create schema if not exists raw_mautic; create schema if not exists staging")
    bench.workspace.sql(
        "create table raw_mautic.leads as select i::varchar as id, 'NAME ' || i as lastname, 'x' || i as other\n"
        "from range(1, 13) as rows(i)"
    )
    bench.workspace.sql(
        f"create table staging.stg_mautic__people as select '{bench.source}:contact:' || id as record_key,\n"
        "    replace(lastname, 'NAME', 'Name') as last_name from raw_mautic.leads"
    )
    document = json.loads(bench.workspace.manifest.read_text())
    nodes: dict[str, Any] = document["nodes"]
    nodes["model.x.stg"] = {
        "resource_type": "model", "name": "stg_mautic__people", "schema": "staging",
        "depends_on": {"nodes": ["source.x.leads"]}, "columns": {}, "config": {},
    }  # fmt: skip
    nodes["model.sf_migration.sf_contacts"]["depends_on"] = {"nodes": ["model.x.stg"]}
    source = {"resource_type": "source", "name": "leads", "identifier": "leads", "schema": "raw_mautic"}
    document["sources"] = {"source.x.leads": source}
    bench.workspace.manifest.write_text(json.dumps(document))
    maps = bench.workspace.path / "seeds" / "maps" / "mautic_values.csv"
    maps.write_text(
        "source_field,source_value,sf_object,sf_field,sf_value\nname,NAME 3,Contact,LastName,Name 3\n"
        "name,NAME 4,Contact,LastName,Name 4\n"
    )


@pytest.mark.requirement("C8")
def test_record_tells_every_run_with_edits_and_rollbacks(bench: Bench) -> None:
    first = bench.load().run_id
    sf_id = edit(bench, "Contact", 3, LastName="Corrected")
    bench.workspace.sql("update marts.sf_contacts set last_name = last_name || ' new', description = 'new'")
    second = bench.load().run_id
    rollback(Scope(run_id=second), pace=FAST)
    key = bench.key("contact", 3)
    lines = why(key).lines()
    assert [line for line in lines if line.startswith("run ")] == [
        f"run {first} (rehearsal): insert in contacts: done",
        f"run {second} (rehearsal): update in contacts: done",
    ], "the edited record was not rolled back"
    assert "contacts: LastName is 'Corrected' in the org and was kept (run" in "\n".join(lines)
    assert lines[-1] == "Next: load-sf reconcile"
    other = "\n".join(why(bench.key("contact", 4)).lines())
    assert f"run {second} (rehearsal): update in contacts: rolled back by run" in other
    assert why(sf_id).key == why(sf_id[:15]).key == key
    told = CliRunner().invoke(load_sf, ["why", sf_id])
    assert told.exit_code == 0 and first in told.stdout


def test_refused_and_held_back_records_end_with_the_next_step(bench: Bench) -> None:
    refused, held = bench.key("contact", 7), bench.key("contact", 8)
    bench.workspace.sql(
        f"update marts.sf_contacts set last_name = repeat('x', 100) where record_key = '{refused}'"
    )
    bench.workspace.sql(f"update marts.sf_contacts set account_key = 'nobody' where record_key = '{held}'")
    bench.load()
    assert why(refused).lines()[-1].startswith("Next: shorten it by a declared rule")
    assert "held back: AccountId needs accounts nobody" in "\n".join(why(held).lines())
    assert why(held).lines()[-1] == "Next: load the mart that it names first"


@pytest.mark.requirement("C8")
def test_field_tells_its_value_from_raw_to_org(bench: Bench) -> None:
    _lineage(bench)
    run = bench.load().run_id
    key = bench.key("contact", 3)
    bench.workspace.sql("create schema raw_salesforce")
    bench.workspace.sql(
        f"create table raw_salesforce.records as select 'Contact' as object, '003x' as sf_id, '{key}' as record_key,\n"
        "    false as is_deleted, '{\"LastName\": \"Name 3\"}' as payload, timestamp '2026-01-01' as read_at"
    )
    story = why(f"{key}.LastName")
    assert [(step.place.split(",")[0], step.value) for step in story.steps] == [
        ("raw_mautic.leads.lastname", "NAME 3"),
        ("staging.stg_mautic__people.last_name", "Name 3"),
        ("marts.sf_contacts.last_name", "Name 3"),
        ("seeds/maps/mautic_values.csv line 2", "name NAME 3 -> Name 3"),
        (f"sent in run {run}", "Name 3"),
        ("Contact 003x as read at 2026-01-01 00:00:00", "Name 3"),
    ]
    assert story.lines()[-1] == f"Next: load-sf why {key}"
    assert why(f"{key}.last_name").field == "LastName"
    told = CliRunner().invoke(load_sf, ["why", f"{key}.LastName", "--json"])
    assert json.loads(told.stdout)["steps"][0]["place"] == "raw_mautic.leads.lastname"


def test_unknown_record_and_field_say_what_would_do(bench: Bench) -> None:
    bench.load("accounts")
    with pytest.raises(ConfigurationError, match="Nobody knows x:1"):
        why("x:1")
    with pytest.raises(ConfigurationError, match="No mart fills Colour of") as caught:
        why(f"{bench.key('company', 1)}.Colour")
    assert "NumberOfEmployees" in str(caught.value)
