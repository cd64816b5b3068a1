"""Gates of a load: owners, preflight and tolerance; and ledgers of other versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from load_fixtures import FAST, Bench, standard_models

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError, RefusedError
from loaders.salesforce.gates import read_tolerance, stop_reason
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.ledger_schema import VERSION
from loaders.salesforce.load import load
from loaders.salesforce.outcome import MartResult
from loaders.salesforce.status import status, unfinished
from loaders.salesforce.targets import Target, read_target


def _jobs(bench: Bench) -> int:
    return int(bench.workspace.ask("select count(*) from ledger.jobs")[0][0])


@pytest.mark.requirement("MAU-23")
def test_nothing_loads_while_an_owner_is_undecided(bench: Bench) -> None:
    bench.workspace.sql("update marts.sf_accounts set owner_email = 'Nobody@x.example' where employees = 30")
    with pytest.raises(
        RefusedError, match=r"1 owner\(s\)[^\n]*\n  nobody@x\.example: undecided, 1"
    ) as caught:
        bench.load(preflight=True)
    assert "`load-sf owners`" in str(caught.value)
    assert (caught.value.exit_code, _jobs(bench), bench.records("Account")) == (1, 0, {})
    assert bench.load(preflight=True, dry_run=True).marts[0].blocked == 1
    assert any(line.startswith("A load would be refused: 1 owner") for line in bench.lines)
    assert bench.load("accounts").marts[0].blocked == 1, "without preflight the row alone is held back"


@pytest.mark.requirement("COM-01")
def test_what_concerns_a_whole_mart_stops_the_load_before_the_first_write(bench: Bench) -> None:
    models = standard_models()
    models[1]["columns"]["website"]["config"]["meta"]["salesforce"]["field"] = "Not_There__c"
    bench.workspace.declare(models)
    with pytest.raises(RefusedError, match=r"(?s)blocker.*Not_There__c") as caught:
        bench.load("contacts", "accounts", preflight=True)
    assert "`load-sf preflight`" in str(caught.value)
    assert _jobs(bench) == 0


@pytest.mark.requirement("COM-01")
def test_single_rows_are_told_sent_and_recorded_as_refused(bench: Bench) -> None:
    key = bench.key("contact", 7)
    bench.workspace.sql(
        f"update marts.sf_contacts set last_name = repeat('x', 100) where record_key = '{key}'"
    )
    result = bench.load(preflight=True)
    assert [(mart.accepted, mart.refused) for mart in result.marts] == [(6, 0), (11, 1)]
    told = [line for line in bench.lines if line.startswith("Preflight: 1 row(s) of contacts")]
    assert len(told) == 1 and "STRING_TOO_LONG" in told[0] and key in told[0]
    assert result.marts[1].problems[0].reason == "STRING_TOO_LONG"


def test_contacts_before_accounts_are_blocked_and_named_also_with_preflight(bench: Bench) -> None:
    result = bench.load("contacts", preflight=True)
    assert (result.exit_code, result.marts[0].blocked, result.marts[0].accepted) == (1, 10, 2)


@pytest.mark.requirement("COM-01")
def test_mart_out_of_tolerance_stops_the_next_and_resume_goes_on(bench: Bench) -> None:
    key = bench.key("company", 2)
    change = "update marts.sf_accounts set account_name = {} where record_key = '" + key + "'"
    bench.workspace.sql(change.format("null"))
    result = bench.load(preflight=True)
    assert (result.exit_code, [mart.mart for mart in result.marts]) == (1, ["accounts"])
    assert "Stopped after accounts: 1 of its 6 rows" in result.lines()[-1]
    assert "`load-sf --mart contacts`" in result.lines()[-1]
    assert bench.workspace.ask("select state, exit_code from ledger.runs") == [("stopped", 1)]
    assert unfinished() == "load-sf --all --target rehearsal" == status().next_commands[0]
    by_hand = bench.load("contacts", preflight=True)
    assert by_hand.marts[0].accepted == 10, "two hang on the refused account"
    bench.workspace.sql(change.format("'Company 2'"))
    (bench.workspace.path / "dbt_project.yml").write_text("name: x\nvars: {count_tolerance: 0.5}\n")
    bench.workspace.sql(
        f"update marts.sf_accounts set account_name = null where record_key = '{bench.key('company', 3)}'"
    )
    assert [mart.mart for mart in bench.load(preflight=True).marts] == ["accounts", "contacts"]


@pytest.mark.parametrize(
    ("rows", "refused", "stops"), [(1000, 5, False), (1000, 6, True), (0, 0, False), (10, 0, False)]
)
def test_tolerance_is_a_share_of_the_rows(rows: int, refused: int, stops: bool) -> None:
    mart = MartResult("accounts", "Account", "upsert", refused=refused, rows=rows)
    assert bool(stop_reason(mart, 0.005, ["contacts"])) is stops


def test_tolerance_is_the_projects(bench: Bench) -> None:
    assert read_tolerance() == 0.005
    text = "name: my\nvars:\n  count_tolerance: 0.1\n  my: {count_tolerance: 0.2}\n"
    (bench.workspace.path / "dbt_project.yml").write_text(text)
    assert read_tolerance() == 0.2


def test_production_is_always_checked(bench: Bench) -> None:
    production = Target(**{**read_target().__dict__, "name": "production", "production": True})
    with pytest.raises(ConfigurationError, match="--no-preflight is for others"):
        load(None, production, pace=FAST, yes=True, preflight=False)


def test_command_line_checks_unless_told_otherwise(bench: Bench) -> None:
    bench.workspace.sql("update marts.sf_accounts set owner_email = 'nobody@x.example' where employees = 30")
    refused = CliRunner().invoke(load_sf, ["--mart", "accounts"])
    assert refused.exit_code == 1 and "load-sf owners" in refused.output and "Traceback" not in refused.output
    sent = CliRunner().invoke(load_sf, ["--mart", "accounts", "--no-preflight"])
    assert sent.exit_code == 1 and "5" in sent.output
    assert len(bench.records("Account")) == 5


# ledgers of other versions


def _old_ledger(path: Path, *statements: str) -> None:
    with duckdb.connect() as con:
        con.execute(f"attach '{path}' as ledger")
        for statement in statements:
            con.execute(statement)


OLD_JOBS = (
    "create table ledger.jobs (job_key varchar not null, run_id varchar not null, org_id varchar not null, mart varchar, "
    "object varchar, operation varchar, result_columns varchar, part_file varchar, sha256 varchar, bytes bigint, "
    "rows bigint, job_id varchar, job_created_at varchar, state varchar, error_text varchar, created_at timestamp, "
    "updated_at timestamp)"
)
OLD_SENT = "create table ledger.sent (job_key varchar, record_key varchar, payload_hash varchar)"


def test_ledger_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    job = "insert into ledger.jobs (job_key, run_id, org_id, state) values ('a', 'r', 'o', 'complete')"
    _old_ledger(path, OLD_JOBS, OLD_SENT, job)
    for _ in range(2):
        with Ledger(path) as ledger:
            assert ledger.rows("select job_no, purpose from ledger.jobs") == [(1, None)]
            assert ledger.rows("select version from ledger.meta") == [(VERSION,)]
            assert ledger.open_jobs("o") == []


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            (OLD_JOBS, OLD_SENT, "insert into ledger.sent values ('a', 'k', 'h')"),
            "1 rows of it are still on their way",
        ),
        (("create table ledger.meta as select 99 as version",), "newer version .*ledger version 99"),
        (("create view ledger.jobs as select 1 as x",), "is no ledger that this version can work with"),
    ],
)
def test_ledger_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, statements: Any, message: str
) -> None:
    path = tmp_path / "ledger.duckdb"
    _old_ledger(path, *statements)
    with pytest.raises(ConfigurationError, match=message):
        Ledger(path)


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    path.write_text("hello " * 1000)
    with pytest.raises(ConfigurationError, match=r"ledger\.duckdb"):
        Ledger(path)
