"""Loads one mart: decide in SQL, write parts, journal, send, collect, and again for rows that met a passing error.

load.py says which marts and in which order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from loaders.errors import RefusedError
from loaders.project import files_dir, outbox_dir, warehouse_path
from loaders.salesforce.contract import Contract
from loaders.salesforce.decide import blocked_text_sql, decide_sql
from loaders.salesforce.describe import OrgState
from loaders.salesforce.existing import mark_existing
from loaders.salesforce.export import WAREHOUSE, literal
from loaders.salesforce.files import send_files, write_file_parts
from loaders.salesforce.fit import fitted
from loaders.salesforce.images import KEEP_SQL, note_edits, read_images
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.match import adopt, find_existing, never_empty
from loaders.salesforce.moved import is_waiting, take_over
from loaders.salesforce.outcome import Edit, MartResult, Problem, refusal
from loaders.salesforce.parts import write_parts
from loaders.salesforce.plan import Counts, counts_sql, undeclared_sql
from loaders.salesforce.results import Outcome, problems_sql
from loaders.salesforce.send import Sender, send
from loaders.salesforce.session import Org, OrgIdentity, Report

ASKED = (
    "insert_if_absent",
    "update",
    "file",
)  # modes that look for their records in the org before they decide


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    dry_run: bool = False
    retry_failed: bool = False
    sample: int | None = None
    yes: bool = False
    preflight: bool = True
    overwrite_edits: bool = False


@dataclass
class Run:
    """One load under way. `contracts` are those of both passes."""

    org: Org
    ledger: Ledger
    identity: OrgIdentity
    contracts: Mapping[str, Contract]
    options: Options
    run_id: str
    report: Report
    retry_failed: bool = False
    round: int = 0
    state: OrgState = field(default_factory=OrgState)  # describes of the objects at hand
    taken_over: set[str] = field(default_factory=set)  # marts whose records of the org have their key

    @property
    def org_id(self) -> str:
        """The org that everything is keyed by."""
        return self.identity.org_id

    @property
    def outbox(self) -> Path:
        """Where this run's parts and results lie."""
        return outbox_dir() / self.run_id

    @property
    def sender(self) -> Sender:
        """What it takes to send."""
        return Sender(self.org, self.ledger, self.org_id, self.run_id, self.report)


def load_mart(run: Run, declared: Contract) -> MartResult:
    """What became of one mart. One that the org has no place for is left out, with the reason and its rows."""
    fit = fitted(declared, run.contracts, run.state)
    if fit.left_out:
        return _left_out(run, declared, fit.left_out)
    for note in fit.notes:
        run.report(note)
    result = _planned(run, fit.contract) if run.options.dry_run else _loaded(run, fit.contract)
    result.notes = [*fit.notes]
    return result


def _left_out(run: Run, contract: Contract, reason: str) -> MartResult:
    """The result of a mart that is not loaded."""
    with run.ledger.warehouse(warehouse_path()):
        rows = run.ledger.one(f"select count(*) from {contract.source(WAREHOUSE)}")[0]
    run.report(f"{contract.mart} left out ({rows:,} rows): {reason}")
    return MartResult(contract.mart, contract.object, contract.mode, left_out=reason, rows_left_out=rows)


def _loaded(run: Run, contract: Contract) -> MartResult:
    """The rounds of a mart and what they came to."""
    result: MartResult | None = None
    run.retry_failed = run.options.retry_failed

    def send_round() -> bool:
        nonlocal result
        result, again = _round(run, contract, result)
        return again

    pace = run.org.pace
    rounds = Retrying(
        retry=retry_if_result(bool),
        stop=stop_after_attempt(pace.rounds),
        wait=wait_random_exponential(multiplier=pace.first_wait, max=pace.longest_wait),
        before_sleep=lambda _: run.report(f"{contract.mart}: sending the rows with a passing error again"),
    )
    try:
        rounds(send_round)
    except RetryError:
        run.report(f"{contract.mart}: some rows still meet a passing error after {pace.rounds} rounds")
    assert result is not None  # noqa: S101  a round always gives a result
    return _summed(run, contract, result)


def _planned(run: Run, contract: Contract) -> MartResult:
    """The decision alone. What this run would load counts as a parent for the marts after it."""
    with run.ledger.warehouse(warehouse_path()):
        counts = _decide(run, contract)
        run.ledger.con.execute(
            f"insert into planned select {literal(contract.mart)}, record_key from decided "
            "where decision in ('new', 'changed')"
        )
    result = MartResult.planned(contract, counts)
    result.problems = _held_back(run, contract)
    run.report(result.plan_line)
    return result


def _decide(run: Run, contract: Contract) -> Counts:
    """Fills `decided` and counts it."""
    if contract.mode in ASKED and not contract.first_pass:
        folder = run.outbox / contract.mart / f"existing_{run.round}"
        found = find_existing(run.org, run.ledger, contract, run.contracts, run.org_id, folder)
        if found:
            run.report(f"{contract.mart}: {found:,} of its rows are in the org already")
    if contract.json_columns:
        _refuse_undeclared(run, contract)
    run.ledger.con.execute(
        decide_sql(
            contract,
            run.contracts,
            run.org_id,
            retry_failed=run.retry_failed,
            sampled=bool(run.options.sample),
            overwrite_edits=run.options.overwrite_edits,
        )
    )
    run.retry_failed = False  # once a run: what is refused again stays refused
    folder = run.outbox / contract.mart / "in_org"
    mark_existing(run.org, run.ledger, contract, run.org_id, folder, dry_run=run.options.dry_run)
    return Counts(*run.ledger.one(counts_sql(contract, run.org_id)))


def _refuse_undeclared(run: Run, contract: Contract) -> None:
    """RefusedError when the mart carries a custom field that no confirmed map line declares."""
    run.ledger.columns_of(contract.relation)  # names what is missing if dbt has not built it
    undeclared = run.ledger.rows(undeclared_sql(contract))
    if undeclared:
        named = "; ".join(
            f"{key} in {count:,} row(s), e.g. {example}" for key, count, example in undeclared[:5]
        )
        raise RefusedError(
            f"{contract.mart}: {' and '.join(contract.json_columns)} holds fields without a confirmed line in "
            f"seeds/maps: {named}. Nothing of this mart was sent.",
            "confirm them in seeds/maps/*_fields.csv or run `dbt build` again",
        )


def _round(run: Run, contract: Contract, result: MartResult | None) -> tuple[MartResult, bool]:
    """One pass over a mart, and whether rows with a passing error are left."""
    run.round += 1
    folder = run.outbox / contract.mart / f"round_{run.round:02d}"
    with run.ledger.warehouse(warehouse_path()):
        counts = _decide(run, contract)
    if contract.mart not in run.taken_over and is_waiting(run.ledger, contract):
        run.taken_over.add(contract.mart)
        take_over(run.sender, run.contracts, contract, run.outbox / contract.mart)
        run.retry_failed = run.options.retry_failed and result is None
        return _round(run, contract, result)
    with run.ledger.warehouse(warehouse_path()):
        if result is None:
            result = MartResult.planned(contract, counts)
            run.report(result.plan_line)
        result.blocked = counts.blocked
        if contract.never_updated:
            result.adopted += adopt(run.ledger, contract, run.org_id, run.run_id)
        run.ledger.write_blocked(run.org_id, contract.mart, run.run_id, blocked_text_sql(contract))
        result.problems = _held_back(run, contract)
        jobs: list[Job] = []
        if counts.to_send:
            _look_before(run, contract, folder, result)
            jobs = _parts(run, contract, folder, counts)
    if not jobs:
        return result, False
    _send(run, contract, jobs)
    result.jobs += len(jobs)
    result.sent += sum(job.rows for job in jobs)
    return result, _passing(run, contract) > 0


def _send(run: Run, contract: Contract, jobs: list[Job]) -> list[Outcome]:
    """The outcomes of the parts: files one by one, everything else as Bulk API jobs."""
    if contract.mode == "file":
        return send_files(run.org, run.ledger, contract, run.org_id, jobs, files_dir())
    return send(run.sender, jobs, contract.key)


def _look_before(run: Run, contract: Contract, folder: Path, result: MartResult) -> None:
    """Reads what the org holds of the rows to send: the before-images, and what people edited since.

    An upsert may meet a record that the ledger does not know of, so its new rows are looked for too.
    """
    decisions = "'new', 'changed'" if contract.mode == "upsert" else "'changed'"
    wanted = f"select record_key, sf_id from decided where decision in ({decisions})"
    found = read_images(run.org, run.ledger, contract, wanted, folder / "before")
    if found and contract.mode == "upsert":
        _spare_insert_only(run, contract)
    edits = note_edits(run.ledger, contract, run.org_id, run.run_id) if found else 0
    if not edits:
        return
    rows = run.ledger.rows(
        "select record_key, sf_id, field, ours, theirs from kept_edits order by all limit 1000"
    )
    result.edits = [Edit(contract.mart, *row) for row in rows]
    result.edited_cells = edits
    result.edits_overwritten = run.options.overwrite_edits
    if not run.options.overwrite_edits:
        run.ledger.con.execute(KEEP_SQL)


def _spare_insert_only(run: Run, contract: Contract) -> None:
    """Lets an upsert leave the insert-only fields of records alone that the org has and the ledger does not know."""
    names = [one.name for one in contract.fields if one.insert_only]
    if names:
        run.ledger.con.execute(
            f"update decided set kept_fields = {literal(',' + ','.join(names) + ',')}\n"
            "where decision = 'new' and record_key in (select record_key from images)"
        )


def _parts(run: Run, contract: Contract, folder: Path, counts: Counts) -> list[Job]:
    """The parts of a round, written and journalled."""
    if contract.mode == "file":
        return write_file_parts(run.ledger, contract, run.org_id, run.run_id, folder)
    kept = never_empty(run.org, contract.object) if counts.changed else ()
    return write_parts(run.ledger, contract, run.org_id, run.run_id, folder, counts, kept)


def _passing(run: Run, contract: Contract) -> int:
    """Rows of this run that may be accepted if sent again."""
    rows: int = run.ledger.one(
        "select count(*) from ledger.records where org_id = ? and mart = ? and run_id = ? "
        "and (status = 'found' or status = 'refused' and error_class = 'transient')",
        [run.org_id, contract.mart, run.run_id],
    )[0]
    return rows


def _summed(run: Run, contract: Contract, result: MartResult) -> MartResult:
    """The result with what the ledger says about this run's rows; adopted ones were not sent."""
    accepted, refused = run.ledger.one(
        "select count(*) filter (status = 'accepted' and job_id is not null),\n"
        "    count(*) filter (status <> 'accepted')\n"
        "from ledger.records where org_id = ? and mart = ? and run_id = ?",
        [run.org_id, contract.mart, run.run_id],
    )
    result.accepted, result.refused = accepted, refused
    if run.options.overwrite_edits:
        run.ledger.con.execute(
            "delete from ledger.edits where org_id = $1 and mart = $2 and record_key in (\n"
            "    select record_key from ledger.records\n"
            "    where org_id = $1 and mart = $2 and run_id = $3 and status = 'accepted'\n)",
            [run.org_id, contract.mart, run.run_id],
        )
    if refused or result.owed:
        found = run.ledger.rows(*problems_sql(run.org_id, contract.mart))
        result.problems = [refusal(*_problem(row)) for row in found] + result.problems
    return result


def _problem(row: tuple[str, int, str, str]) -> tuple[str, int, str, str]:
    """code, rows, record_key, text of a refused group."""
    code, rows, record_key, text = row
    return code, rows, record_key, text


def _held_back(run: Run, contract: Contract) -> list[Problem]:
    """Rows of `decided` that are not sent, by reason, with one example each: blocked ones and differing ones."""
    rows = run.ledger.rows(
        "select reason, count(*), min(record_key), arg_min(detail, record_key),\n"
        "    arg_min(missing_mart, record_key)\n"
        f"from (select *, {blocked_text_sql(contract)} as detail from decided where decision = 'blocked')\n"
        "group by 1 order by 2 desc, 1"
    )
    problems = []
    for reason, count, key, text, missing in rows:
        again = f"load-sf --mart {contract.name}"
        parents = " ".join(f"--mart {one}" for one in str(missing or "").split(" or "))
        first = f"load-sf {parents}, then" if reason == "missing_parent" else "after that"
        problems.append(Problem(f"blocked ({reason})", count, key, text, f"{first} {again}"))
    count, key = run.ledger.one("select count(*), min(record_key) from decided where decision = 'differing'")
    if count:
        text = f"the mart says something else than was loaded, and nobody can update a {contract.object}"
        step = "nothing, or roll these records back and load them again"
        problems.append(Problem("differing", count, key, text, step))
    return problems
