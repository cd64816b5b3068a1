"""A production load sends exactly what somebody approved, or nothing (C15)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from load_fixtures import FAST, Bench

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError, RefusedError
from loaders.salesforce.approval import approve, check_approval, hash_raw
from loaders.salesforce.gates import ask_for_production
from loaders.salesforce.load import load
from loaders.salesforce.outcome import LoadResult
from loaders.salesforce.run_facts import facts
from loaders.salesforce.session import OrgIdentity
from loaders.salesforce.targets import Target, read_target


def _production() -> Target:
    return Target(**{**read_target().__dict__, "name": "production", "production": True})


def _load(bench: Bench) -> LoadResult:
    return load(["accounts"], _production(), pace=FAST, yes=True, report=bench.lines.append)


def _evidence(bench: Bench, *, differing: int = 0, mapping: str | None = None) -> None:
    """Landed raw tables, a mapping, and a reconciliation of a sandbox, as the commands before leave them."""
    (bench.workspace.path / "seeds" / "maps" / "mautic_values.csv").write_text(
        "source_field,source_value\nstage,Lead\n"
    )
    bench.workspace.sql("create schema if not exists raw_mautic")
    bench.workspace.sql(
        "create or replace table raw_mautic.leads as select i as id, 'p' || i || '@x.example' as email,\n"
        "    now() as landed_at, 'a' as _dlt_load_id from range(1000) as rows(i)"
    )
    bench.workspace.sql("create or replace table raw_mautic._dlt_loads as select now() as inserted_at")
    bench.workspace.sql("create schema if not exists audit; create schema if not exists raw_salesforce")
    bench.workspace.sql(
        "create or replace table audit.audit_counts as select 'accounts' as mart, 'Account' as sf_object,\n"
        "    6 as rows_in_mart, 6 as rows_in_org, true as within_tolerance"
    )
    bench.workspace.sql(
        "create or replace table audit.audit_record_fate as select 'mautic' as source_system, 'company' as "
        "source_entity, 'loaded as Account' as fate"
    )
    bench.workspace.sql(
        f"create or replace table audit.audit_field_diffs as select 'a' as a, i, 'b' as b, 'c' as c\n"
        f"from range({differing}) as rows(i)"
    )
    wanted = mapping or facts([])["mapping_hash"]
    bench.workspace.sql(
        "create or replace table raw_salesforce.ledger_runs as select 'o' as org_id, 'sandbox' as target,\n"
        f"    'r1' as run_id, '{wanted}' as mapping_hash, 'load-sf --all' as command, now() as started_at"
    )


def _sheet(bench: Bench) -> Path:
    sheet = bench.workspace.path / "spot_checks.csv"
    sheet.write_text("record_key,ok\nmautic:contact:1,yes\n")
    return sheet


@pytest.mark.requirement("C15")
def test_production_loads_what_was_approved_and_names_any_byte_that_differs(bench: Bench) -> None:
    _evidence(bench)
    with pytest.raises(RefusedError, match="no approval") as caught:
        _load(bench)
    assert "load-sf approve --target production" in str(caught.value)
    file = approve("production", "Ann Example", "looked at 25 records", _sheet(bench))
    body = json.loads(file.read_text())
    assert (body["approved_by"], body["reconciliation"]["differing_cells"]) == ("Ann Example", 0)
    assert body["raw"]["raw_mautic.leads"]["rows"] == 1000 and "sha256" in body["spot_checks"]["sheet"]
    assert _load(bench).exit_code == 0
    assert any(line.startswith("Approved: approvals/production-") for line in bench.lines)

    bench.workspace.sql("update raw_mautic.leads set email = 'P7@x.example' where id = 7")
    with pytest.raises(
        RefusedError, match=r"raw table raw_mautic\.leads differs \(1,000 rows approved, 1,000 now"
    ):
        _load(bench)
    bench.workspace.sql("update raw_mautic.leads set email = 'p7@x.example' where id = 7")
    seed = bench.workspace.path / "seeds" / "maps" / "mautic_values.csv"
    seed.write_text(seed.read_text().replace("Lead", "lead"))
    with pytest.raises(RefusedError, match=r"mapping file seeds/maps/mautic_values\.csv differs") as caught:
        _load(bench)
    assert caught.value.exit_code == 1 and "Ann Example" in str(caught.value)
    seed.write_text(seed.read_text().replace("lead\n", "Lead\n"))
    (bench.workspace.path / "seeds" / "maps" / "extra.csv").write_text("a\n")
    with pytest.raises(RefusedError, match=r"mapping file seeds/maps/extra\.csv is new"):
        _load(bench)
    (bench.workspace.path / "seeds" / "maps" / "extra.csv").unlink()
    assert _load(bench).exit_code == 0, "all as approved again"


@pytest.mark.requirement("C15")
def test_changed_schema_and_a_tampered_approval_are_refused(bench: Bench) -> None:
    _evidence(bench)
    file = approve("production", "Ann", "", _sheet(bench))
    manifest = bench.workspace.manifest.read_text()
    bench.workspace.manifest.write_text(manifest.replace('"length": 120', '"length": 121'))
    with pytest.raises(RefusedError, match="the schema package differs"):
        check_approval("production")
    bench.workspace.manifest.write_text(manifest)
    assert check_approval("production").body["approved_by"] == "Ann"
    file.write_text(file.read_text().replace('"approved_by": "Ann"', '"approved_by": "Bob"'))
    with pytest.raises(RefusedError, match="is not as it was written"):
        check_approval("production")
    file.write_text("{}")
    with pytest.raises(ConfigurationError, match="is no approval"):
        check_approval("production")


@pytest.mark.requirement("C15")
def test_nothing_is_approved_without_a_clean_reconciliation_and_spot_checks(bench: Bench) -> None:
    _evidence(bench)
    with pytest.raises(RefusedError, match="no spot checks"):
        approve("production", "Ann")
    _evidence(bench, differing=3)
    with pytest.raises(RefusedError, match=r"not clean: 0 mart\(s\).*3 differing"):
        approve("production", "Ann", "", _sheet(bench))
    _evidence(bench, mapping="another")
    with pytest.raises(RefusedError, match="loaded with other maps"):
        approve("production", "Ann", "", _sheet(bench))
    assert not list((bench.workspace.path / "approvals").glob("*"))
    _evidence(bench)
    bench.workspace.sql(
        "create or replace table audit.audit_spot_checks as select 'mautic:contact:1' as record_key"
    )
    told = CliRunner().invoke(load_sf, ["approve", "--target", "production", "--by", "Ann"])
    assert told.exit_code == 0, told.output
    assert "approvals/production-" in told.stdout and "load-sf --all --target production --yes" in told.stderr
    assert check_approval("production").body["spot_checks"]["records"] == 1


@pytest.mark.requirement("C15")
def test_hash_of_raw_data_knows_values_and_repeats_but_no_order_and_no_landing(bench: Bench) -> None:
    _evidence(bench)
    first = hash_raw(bench.workspace.warehouse)
    assert list(first) == ["raw_mautic.leads"]
    bench.workspace.sql(
        "create or replace table raw_mautic.leads as select id, email, now() as landed_at, 'b' as _dlt_load_id\n"
        "from raw_mautic.leads order by hash(id)"
    )
    assert hash_raw(bench.workspace.warehouse) == first
    bench.workspace.sql("insert into raw_mautic.leads select * from raw_mautic.leads where id = 3")
    bench.workspace.sql("delete from raw_mautic.leads where id = 4")
    twice = hash_raw(bench.workspace.warehouse)
    assert twice["raw_mautic.leads"]["rows"] == 1000 and twice != first


@pytest.mark.requirement("C15")
def test_org_that_says_it_is_production_is_treated_so_whatever_the_profile_says(bench: Bench) -> None:
    live = OrgIdentity("00D", "Acme", "Enterprise Edition", False, "https://acme.example")
    with pytest.raises(RefusedError, match="is a production org"):
        ask_for_production(read_target(), live, False)
    ask_for_production(read_target(), OrgIdentity("00D", "A", "Enterprise Edition", True, "x"), False)
    ask_for_production(read_target(), OrgIdentity("00D", "A", "Developer Edition", False, "x"), False)
