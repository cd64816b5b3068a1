"""The ledger's promises: what is journalled survives, and a collected job is whole or not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from loaders.errors import ConfigurationError
from loaders.salesforce import ledger as ledger_module
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.registry import kind_of, parse_row_error, registry
from loaders.salesforce.results import ANSWERS, TOLD

ORG = "00D000000000001AAA"


def _job(part: Path, key: str = "run/accounts/1") -> Job:
    return Job(
        job_key=key,
        run_id="run",
        mart="accounts",
        object="Account",
        operation="upsert",
        result_columns=("Source_System_ID__c",),
        part_file=part,
        sha256="x",
        bytes=1,
        job_id="750A",
    )


SENT = (
    "select * from (values ('k1', 'k1', 'h1', true, ',Name,'), ('k2', 'k2', 'h2', false, ',')) "
    "as rows_of(record_key, result_key, payload_hash, is_new, filled)"
)
OK = "('k1', '001A', 'accepted', null, null)"


def _answer(ledger: Ledger, *rows: str) -> None:
    ledger.con.execute(ANSWERS)
    ledger.con.execute(f"{TOLD} values {', '.join(rows)}")


def test_results_are_kept_by_key_with_their_class(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.duckdb") as ledger:
        job = ledger.prepare_job(ORG, _job(tmp_path / "part.csv"), SENT)
        assert job.rows == 2
        _answer(ledger, "('k2', '', 'refused', 'UNABLE_TO_LOCK_ROW', 'text')", OK)
        assert ledger.collect(ORG, job, "complete", None) == {
            ("accepted", None): 1,
            ("refused", "UNABLE_TO_LOCK_ROW"): 1,
        }
        rows = ledger.rows(
            "select record_key, sf_id, payload_hash, status, error_class, refused_hash "
            "from ledger.records order by 1"
        )
        assert rows == [
            ("k1", "001A", "h1", "accepted", None, None),
            ("k2", None, None, "refused", "transient", "h2"),
        ]
        assert ledger.rows("select * from ledger.sent") == []
        assert ledger.open_jobs(ORG) == []


def test_refused_change_keeps_what_the_org_holds(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.duckdb") as ledger:
        first = ledger.prepare_job(ORG, _job(tmp_path / "part.csv"), SENT)
        _answer(ledger, OK, "('k2', '001B', 'accepted', null, null)")
        ledger.collect(ORG, first, "complete", None)
        changed = SENT.replace("'h1'", "'new'")
        second = ledger.prepare_job(ORG, _job(tmp_path / "part.csv", "run/accounts/2"), changed)
        _answer(ledger, "('k1', '001A', 'refused', 'STRING_TOO_LONG', 'text')")
        ledger.collect(ORG, second, "complete", None)
        row = ledger.one(
            "select sf_id, payload_hash, refused_hash, status from ledger.records where record_key = 'k1'"
        )
        assert row == ("001A", "h1", "new", "refused")


def test_a_collection_that_fails_half_way_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(tmp_path / "ledger.duckdb") as ledger:
        job = ledger.prepare_job(ORG, _job(tmp_path / "part.csv"), SENT)
        _answer(ledger, OK)
        monkeypatch.setattr(ledger_module, "insert_sql", lambda *_, **__: "select broken")
        with pytest.raises(duckdb.BinderException, match="broken"):
            ledger.collect(ORG, job, "complete", None)
        assert ledger.rows("select * from ledger.records") == []
        assert [job.state for job in ledger.open_jobs(ORG)] == ["prepared"]


def test_orgs_are_kept_apart(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.duckdb") as ledger:
        ledger.prepare_job(ORG, _job(tmp_path / "part.csv"), SENT)
        assert ledger.open_jobs("00D000000000002AAA") == []


def test_ledger_that_another_process_holds_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    code = f"import duckdb; con = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ConfigurationError, match="in use by another process"):
            Ledger(path)
        other.communicate("\n")


def test_every_registry_line_is_complete() -> None:
    for code, kind in registry().items():
        assert kind.klass in ("transient", "permanent"), code
        assert kind.meaning and kind.next_step, code
        assert None not in kind.__dict__.values(), code


def test_unknown_code_is_permanent_and_says_so() -> None:
    kind = kind_of("SOMETHING_NEW")
    assert not kind.is_transient
    assert kind.meaning == "unknown code"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
            ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", "Name"),
        ),
        ("UNABLE_TO_LOCK_ROW:no exclusive access:--", ("UNABLE_TO_LOCK_ROW", "no exclusive access", "")),
    ],
)
def test_row_error_is_split_at_its_first_and_last_colon(text: str, parsed: tuple[str, str, str]) -> None:
    assert parse_row_error(text) == parsed
