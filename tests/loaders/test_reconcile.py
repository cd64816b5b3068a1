"""The org read back, and what the audit's answer means."""

from __future__ import annotations

import json
import os
from pathlib import Path

import duckdb
import pytest
from load_fixtures import Bench, standard_models

from loaders.errors import ConfigurationError, RefusedError
from loaders.pipeline import refresh, source_names
from loaders.salesforce import reconcile as reconcile_module
from loaders.salesforce.manifest import read_contracts
from loaders.salesforce.readback import TARGET_VARIABLE, readings
from loaders.salesforce.reconcile import read_audit, reconcile, run_dbt
from loaders.salesforce.session import Org
from loaders.salesforce.targets import read_target

AUDIT = """
create schema audit;
create table audit.audit_counts as select 'accounts' as mart, 'Account' as sf_object, 6 as rows_in_mart,
    6 as rows_accepted, 0 as rows_rejected, 6 as rows_in_org, 0 as rows_left_over, 0.0 as difference,
    true as within_tolerance;
create table audit.audit_field_diffs (
    mart varchar, record_key varchar, sf_id varchar, field varchar, expected varchar, actual varchar,
    finding varchar
);
create table audit.audit_record_fate as select 'mautic' as source_system, 'company' as source_entity,
    'mautic:company:' || i as record_key,
    case when i < 3 then 'merged into mautic:company:9' else 'loaded as Account' end as fate,
    'because' as because from range(8) as numbers(i);
"""


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    """A warehouse with the audit tables of a clean run."""
    path = tmp_path / "audited.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(AUDIT)
    return path


def _rows(bench: Bench, select: str) -> list[tuple]:
    with duckdb.connect(str(bench.workspace.warehouse), read_only=True) as con:
        return con.execute(select).fetchall()


def test_org_is_a_source_like_any_other() -> None:
    assert "salesforce" in source_names()


@pytest.mark.requirement("C7")
def test_what_the_org_holds_lands_with_the_ledger_beside_it(bench: Bench) -> None:
    key = bench.key("contact", 7)
    bench.workspace.sql(f"update marts.sf_contacts set account_key = 'nobody' where record_key = '{key}'")
    bench.load()
    deleted = bench.key("account", 0).replace("account:0", "company:6")
    (sf_id,) = bench.workspace.ask(f"select sf_id from ledger.records where record_key = '{deleted}'")[0]
    refresh(["salesforce"])
    mine = f"where record_key like '{bench.source}:%'"
    counted = f"select object, count(*) from raw_salesforce.records {mine} group by 1 order by 1"
    assert _rows(bench, counted) == [("Account", 6), ("Contact", 11)]
    (payload,) = _rows(
        bench, f"select payload from raw_salesforce.records where record_key = '{bench.key('contact', 4)}'"
    )[0]
    contact = json.loads(payload)
    assert contact["Description"].replace("\r\n", "\n") == 'line one\nline "two", 😀'
    assert (contact["Opted_Out__c"], contact["Birthdate"]) == ("true", "1980-01-05")
    assert contact["AccountId"].startswith("001")
    users = _rows(bench, "select payload->>'Email' from raw_salesforce.records where object = 'User'")
    assert ("owner@example.com",) in [(email.lower(),) for (email,) in users]
    counted = "select status, error_code, count(*) from raw_salesforce.ledger_records group by all order by 3"
    assert _rows(bench, counted) == [("blocked", None, 1), ("accepted", None, 17)]
    assert _rows(bench, "select target, state from raw_salesforce.ledger_runs") == [("rehearsal", "done")]
    _delete_in_org(bench, sf_id)
    refresh(["salesforce"])
    gone = f"select is_deleted from raw_salesforce.records where sf_id = '{sf_id}'"
    assert _rows(bench, gone) == [(True,)]


def _delete_in_org(bench: Bench, sf_id: str) -> None:
    Org(read_target()).request("DELETE", f"sobjects/Account/{sf_id}")


def test_empty_org_and_no_ledger_land_empty_tables(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    models = standard_models()
    models[1]["config"]["meta"]["salesforce"]["object"] = "Campaign"
    models[1]["columns"] = {"record_key": models[1]["columns"]["record_key"]}
    models[0]["columns"].pop("account_key")
    bench.workspace.declare([models[1]])
    monkeypatch.setenv(TARGET_VARIABLE, "rehearsal")
    refresh(["salesforce"])
    assert _rows(bench, "select count(*) from raw_salesforce.ledger_records") == [(0,)]
    names = [name for name, *_ in _rows(bench, "describe raw_salesforce.records")]
    assert names[:6] == ["object", "sf_id", "record_key", "is_deleted", "payload", "read_at"]


def test_one_reading_an_object_with_the_fields_of_all_its_marts(bench: Bench) -> None:
    models = standard_models()
    more = json.loads(json.dumps(models[1]))
    more["name"] = more["alias"] = "sf_partners"
    more["columns"]["website"]["config"]["meta"]["salesforce"]["field"] = "Site"
    bench.workspace.declare([*models, more])
    contracts = read_contracts(bench.workspace.manifest)
    found = {reading.object: reading for reading in readings([*contracts.values()])}
    assert {"Website", "Site"} <= set(found["Account"].fields)
    assert found["User"].key is None


def test_clean_audit_is_exit_code_0(audited: Path) -> None:
    found = read_audit("rehearsal", audited)
    assert found.exit_code == 0
    assert found.lines() == ["The org holds what the marts say: 6 records, no differing cell."]
    fates = [(row["fate"], row["rows"]) for row in found.fates]
    assert fates == [("loaded as Account", 5), ("merged into another", 3)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "update audit.audit_counts set within_tolerance = false",
            "accounts: the number of records is out of tolerance",
        ),
        (
            "insert into audit.audit_field_diffs values "
            "('accounts', 'mautic:company:1', '001A', 'Name', 'a', 'b', 'x')",
            "accounts mautic:company:1 (001A): Name is 'b', should be 'a' (x)",
        ),
    ],
)
def test_difference_is_exit_code_1_and_named(audited: Path, change: str, told: str) -> None:
    with duckdb.connect(str(audited)) as con:
        con.execute(change)
    found = read_audit("rehearsal", audited)
    assert found.exit_code == 1
    assert any(line.startswith(told) for line in found.lines())


def test_warehouse_without_audit_tables_says_what_to_run(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    with pytest.raises(ConfigurationError, match="dbt build"):
        read_audit("rehearsal", tmp_path / "empty.duckdb")


def test_failed_audit_test_is_exit_code_1(
    bench: Bench, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_module, "run_dbt", lambda *_: ["assert_something"])
    monkeypatch.setattr(reconcile_module, "warehouse_path", lambda: audited)
    found = reconcile()
    assert (found.exit_code, found.lines()) == (1, ["audit test failed: assert_something"])
    assert TARGET_VARIABLE not in os.environ


def test_dbt_that_cannot_run_is_refused_with_its_words(bench: Bench) -> None:
    with pytest.raises(RefusedError, match=r"`dbt build` failed"):
        run_dbt(["build"], lambda _: None)
