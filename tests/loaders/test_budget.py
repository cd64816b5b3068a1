"""What a load will cost is told before, comes true, and stops a load that cannot fit (C11, SFG-02, SFG-03)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from load_fixtures import FAST, USERS, Bench, Workspace, standard_models

from loaders.commands.load_sf import load_sf
from loaders.errors import RemoteError
from loaders.rehearsal.process import RunningOrg, start_org
from loaders.salesforce.budget import Cost, Need, needs, polls, what_fits
from loaders.salesforce.load import load
from loaders.salesforce.meter import Meter
from loaders.salesforce.session import Org, Pace
from loaders.salesforce.status import unfinished
from loaders.salesforce.targets import read_target

PATIENT = Pace(
    attempts=4, first_wait=0.01, longest_wait=0.05, timeout=30, first_poll=1.5, longest_poll=1.5, rounds=4
)
COUNTERS = ("DailyApiRequests", "DailyBulkApiBatches", "DailyBulkV2IngestRecords")


@pytest.fixture
def small_org(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Bench]:
    """The standard marts and an org with allowances of its own, by parameter."""
    options: dict[str, Any] = getattr(request, "param", {})
    users, manifest = tmp_path / "users.csv", tmp_path / "declared.json"
    users.write_text(USERS, encoding="utf-8")
    workspace.declare(standard_models(), manifest)
    with start_org(declare=manifest, users=users, **options) as org:
        monkeypatch.setenv("REHEARSAL_URL", org.url)
        monkeypatch.setenv("REHEARSAL_CA", str(org.ca_file))
        workspace.standard(source="b")
        yield Bench(workspace, org, "b", [])


def _used(org: RunningOrg) -> dict[str, float]:
    limits = Org(read_target(), FAST).request("GET", "limits").json()
    return {name: limit["Max"] - limit["Remaining"] for name, limit in limits.items()}


@pytest.mark.requirement("C11")
@pytest.mark.requirement("SFG-02")
@pytest.mark.requirement("SFG-03")
@pytest.mark.parametrize("small_org", [{"several_accounts": False}], indirect=True)
def test_forecast_is_what_the_org_counts_in_the_end(small_org: Bench) -> None:
    for accounts, contacts, batches in ((1_200, 1_400, 2), (21_000, 24_000, 5)):
        small_org.workspace.standard(accounts=accounts, contacts=contacts, source="b")
        planned = load(None, pace=PATIENT, dry_run=True)
        told = {need.limit: need.needed for need in planned.budget}
        before = _used(small_org.org)
        assert load(None, pace=PATIENT).exit_code == 0
        after = _used(small_org.org)
        spent = {name: after[name] - before[name] for name in COUNTERS}
        assert told["DailyBulkApiBatches"] == spent["DailyBulkApiBatches"] == batches
        assert told["DailyBulkV2IngestRecords"] == spent["DailyBulkV2IngestRecords"]
        calls = spent["DailyApiRequests"] - 1  # our own look
        polls_of_queries = 3  # the org may have answered a query before the first look, or not
        if accounts < 2_000:  # how long the others take, and so how often they are asked for, is a guess
            assert abs(told["DailyApiRequests"] - calls) <= 0.02 * calls + polls_of_queries, (told, calls)
        kilobytes = sum(mart.storage_kb for mart in planned.marts)
        assert kilobytes == 2 * sum(mart.new for mart in planned.marts) > 0
        assert told["DataStorageMB"] == math.ceil(kilobytes / 1024)
        assert abs(after["DataStorageMB"] - before["DataStorageMB"] - kilobytes / 1024) <= 1
    again = load(None, pace=PATIENT, dry_run=True)
    assert [need.needed for need in again.budget if need.limit != "DailyApiRequests"] == [0, 0, 0, 0]


@pytest.mark.requirement("C11")
def test_plan_command_shows_phases_costs_and_the_next_step(small_org: Bench) -> None:
    told = CliRunner().invoke(load_sf, ["plan"])
    assert told.exit_code == 0, told.output
    assert told.stdout.index("accounts") < told.stdout.index("contacts") and "API calls" in told.stdout
    assert told.stderr.rstrip().endswith("Next: load-sf --all --target rehearsal")
    dry = CliRunner().invoke(load_sf, ["--all", "--dry-run"])
    plans = [
        [line for line in text.splitlines() if "API calls" not in line] for text in (told.stdout, dry.stdout)
    ]
    assert plans[0] == plans[1], "a dry run prints the same; only the calls left are fewer by its own"
    body = json.loads(CliRunner().invoke(load_sf, ["plan", "--mart", "accounts", "--json"]).stdout)
    assert [(mart["mart"], mart["new"], mart["storage_kb"]) for mart in body["marts"]] == [
        ("accounts", 6, 12)
    ]
    assert {need["limit"] for need in body["budget"]} > set(COUNTERS)


@pytest.mark.requirement("C11")
@pytest.mark.requirement("SFG-03")
@pytest.mark.parametrize("small_org", [{"data_storage_mb": 2}], indirect=True)
def test_what_cannot_fit_is_refused_and_what_would_fit_is_named(small_org: Bench) -> None:
    small_org.workspace.standard(accounts=600, contacts=900, source="b")
    told = CliRunner().invoke(load_sf, ["plan"])
    assert told.exit_code == 1
    assert "Does not fit: 3 MB of data storage are needed, 2 of 2 are left." in told.stderr, told.stderr
    assert told.stderr.rstrip().endswith("Next: load-sf --mart accounts --target rehearsal")
    refused = CliRunner().invoke(load_sf, ["--all"])
    assert refused.exit_code == 1 and "DATA_STORAGE" in refused.stderr
    assert small_org.records("Account") == {}
    assert CliRunner().invoke(load_sf, ["--mart", "accounts"]).exit_code == 0


@pytest.mark.requirement("SFG-02")
@pytest.mark.parametrize("small_org", [{"daily_bulk_batches": 1}], indirect=True)
def test_load_stops_before_the_batches_are_used_up_and_can_be_resumed(small_org: Bench) -> None:
    small_org.load("accounts")
    with pytest.raises(RemoteError, match=r"Paused: 0 of 1 Bulk API batches are left") as caught:
        small_org.load("contacts")
    assert caught.value.exit_code == 3
    assert "resume with: load-sf --mart contacts --target rehearsal" in str(caught.value)
    assert unfinished() == "load-sf --mart contacts --target rehearsal --no-preflight"
    assert small_org.records("Contact") == {}


@pytest.mark.requirement("C11")
def test_load_leaves_the_last_calls_to_others(small_org: Bench) -> None:
    with pytest.raises(
        RemoteError, match=r"Paused: \d\d of the org's 1,000,000 daily API calls are used"
    ) as caught:
        load(["accounts"], pace=replace(FAST, api_reserve=0.99999), preflight=False)
    assert "wait until calls are free again" in str(caught.value)
    assert small_org.records("Account") == {}
    assert load(["accounts"], pace=FAST, preflight=False).exit_code == 0


def test_meter_reads_the_limits_at_most_once_a_minute() -> None:
    meter, looks = Meter(), []

    def look() -> dict[str, Any]:
        looks.append(1)
        return {"DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000}}

    for _ in range(50):
        meter.before_job(look)
    assert len(looks) == 1
    meter.note({"Sforce-Limit-Info": "api-usage=951/1000"})
    with pytest.raises(RemoteError, match="951 of the org's 1,000"):
        meter.before_job(look)


def test_costs_are_summed_and_compared_with_what_is_left() -> None:
    limits = {"DailyApiRequests": {"Max": 100, "Remaining": 50}, "DataStorageMB": {"Max": 5, "Remaining": 5}}
    costs = [Cost(1, 1, 10, 20, 1024), Cost(2, 2, 20, 20, 4096), Cost(1, 1, 1, 20, 1)]
    told = needs(costs[:2], 5, limits)
    assert told[0] == Need("DailyApiRequests", "API calls", 46, 50, 100) and all(need.fits for need in told)
    assert told[1].left is None and told[1].fits, "what the org does not tell is no reason to stop"
    assert what_fits(["a", "b", "c"], costs, 5, limits) == ["a", "b"]
    assert (polls(0.0, FAST), polls(100.0, Pace())) == (2, 21)
