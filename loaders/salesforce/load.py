"""Loads marts into an org, exactly once, and remembers everything in the ledger.

For one mart: decide in SQL, write parts, journal, upload, wait, collect, and again for rows that met a
passing error. The warehouse is open only while parts are written. A run that was killed is resumed by the
same command: jobs that the org has are collected, jobs that never got their data are aborted, and what
remains is decided afresh.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from loaders.errors import ConfigurationError, MigrationError, RefusedError, RemoteError
from loaders.project import (
    data_dir,
    field_map_paths,
    ledger_path,
    manifest_path,
    outbox_dir,
    warehouse_path,
)
from loaders.salesforce.contract import CUSTOM_FIELDS, Contract, read_contracts, refuse_proposed
from loaders.salesforce.export import literal
from loaders.salesforce.gates import check_gates, read_tolerance, stop_reason
from loaders.salesforce.images import KEEP_SQL, note_edits, read_images
from loaders.salesforce.ledger import Job, Ledger
from loaders.salesforce.match import find_existing, never_empty, resolve
from loaders.salesforce.outcome import Edit, LoadResult, MartResult, Problem, refusal
from loaders.salesforce.parts import write_parts
from loaders.salesforce.plan import (
    Counts,
    blocked_text_sql,
    choose,
    counts_sql,
    decide_sql,
    undeclared_sql,
)
from loaders.salesforce.results import problems_sql
from loaders.salesforce.run_facts import facts, new_run_id
from loaders.salesforce.sample import fill_sample
from loaders.salesforce.send import Sender, send, settle_open_jobs
from loaders.salesforce.session import Org, OrgIdentity, Pace, Report
from loaders.salesforce.targets import Target, read_target


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
class _Run:
    """One load under way."""

    org: Org
    ledger: Ledger
    identity: OrgIdentity
    contracts: Mapping[str, Contract]
    options: Options
    run_id: str
    report: Report
    retry_failed: bool = False
    round: int = 0

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


def load(
    marts: Sequence[str] | None,
    target: str | Target | None = None,
    *,
    dry_run: bool = False,
    retry_failed: bool = False,
    sample: int | None = None,
    yes: bool = False,
    preflight: bool = True,
    overwrite_edits: bool = False,
    report: Report = lambda _: None,
    pace: Pace | None = None,
) -> LoadResult:
    """Loads `marts` (all if None) into the org of `target` and returns what became of every row.

    A dry run decides and sends nothing. `sample` sends that many rows a mart, with the parents they need.
    Before the first write owners and preflight must be clear, unless `preflight` is false (not in production). All
    marts go phase by phase: one that misses the tolerance stops the next. What people edited in the org since our
    last write stays, unless `overwrite_edits`.
    Raises ConfigurationError and RefusedError before anything is written, RemoteError when the org failed
    and the retries ran out; KeyboardInterrupt passes through. After any of them the same command resumes.
    """
    options = Options(dry_run, retry_failed, sample, yes, preflight, overwrite_edits)
    aim = target if isinstance(target, Target) else read_target(target)
    if aim.production and not preflight:
        raise ConfigurationError(
            f"Target {aim.name} is a production org; --no-preflight is for others.", "leave it out"
        )
    contracts = read_contracts(manifest_path(), field_map_paths())
    chosen = choose(contracts, marts)
    refuse_proposed(field_map_paths(), chosen)
    org = Org(aim, pace, report)
    identity = org.identity()
    report(f"Target {aim.name}: {identity.line()}")
    if not dry_run:
        ask_for_production(aim, identity, yes)
    command = resume_command(marts, aim.name, options)
    with Ledger(ledger_path(), data_dir() / "spill") as ledger:
        run = _Run(org, ledger, identity, contracts, options, new_run_id(), report, retry_failed)
        try:
            if preflight:
                with ledger.warehouse(warehouse_path()):
                    check_gates(org, ledger, contracts, chosen, identity.org_id, report, refuse=not dry_run)
            return _journalled(run, chosen, aim.name, command, in_phases=marts is None)
        except RemoteError as error:
            raise RemoteError(error.message, _resume_hint(error, command)) from error


def resume_command(marts: Sequence[str] | None, target: str, options: Options) -> str:
    """The command that does, or goes on with, this load."""
    parts = ["load-sf", *(f"--mart {mart}" for mart in marts)] if marts is not None else ["load-sf --all"]
    parts.append(f"--target {target}")
    parts += [f"--sample {options.sample}"] if options.sample else []
    parts += ["--overwrite-edits"] if options.overwrite_edits else []
    parts += [] if options.preflight else ["--no-preflight"]
    parts += ["--yes"] if options.yes else []
    return " ".join(parts)


def _resume_hint(error: RemoteError, command: str) -> str:
    """What to do about the cause, then how to resume."""
    resume = f"then resume with: {command}"
    return f"{error.next_step}; {resume}" if error.next_step else f"resume with: {command}"


def ask_for_production(target: Target, identity: OrgIdentity, confirmed: bool) -> None:
    """RefusedError unless writing to a production org was confirmed."""
    if target.production and not confirmed:
        raise RefusedError(
            f"Target {target.name} is a production org: {identity.line()}. Nothing was sent.",
            "look at the plan with --dry-run, then confirm with --yes",
        )


def _journalled(
    run: _Run, chosen: Sequence[Contract], target: str, command: str, in_phases: bool
) -> LoadResult:
    """The load with its begin and end in the ledger; a dry run leaves no trace there."""
    result = LoadResult(run.run_id, target, run.org_id, run.identity.line(), run.options.dry_run)
    begun = time.monotonic()
    if run.options.dry_run:
        result.unsettled_jobs = len(run.ledger.open_jobs(run.org_id))
        if result.unsettled_jobs:
            run.report(
                f"{result.unsettled_jobs} job(s) of an earlier run are open; their rows are planned again."
            )
        _load_all(run, chosen, result)
        return result
    run.ledger.begin_run(run.run_id, run.org_id, target, command, facts(chosen))
    try:
        result.resumed_jobs = settle_open_jobs(run.sender)
        _load_all(run, chosen, result, read_tolerance() if in_phases else None)
    except BaseException as error:
        state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        code = error.exit_code if isinstance(error, MigrationError) else 130
        run.ledger.end_run(run.run_id, state, code, result.as_dict()["marts"])
        run.report(f"Stopped. Resume with: {command}")
        raise
    result.seconds = round(time.monotonic() - begun, 3)
    state = "stopped" if result.stopped else "done"
    run.ledger.end_run(run.run_id, state, result.exit_code, result.as_dict()["marts"])
    return result


def _load_all(
    run: _Run, chosen: Sequence[Contract], result: LoadResult, tolerance: float | None = None
) -> None:
    """The marts one after the other, parents first, until one misses the tolerance."""
    needed = dict.fromkeys(parent for contract in chosen for parent in contract.parents)
    matched = [contract for contract in run.contracts.values() if contract.mode == "match"]
    for contract in matched:
        if contract.mart in needed or contract in chosen:
            _resolve(run, contract)
    if run.options.sample:
        with run.ledger.warehouse(warehouse_path()):
            fill_sample(run.ledger, chosen, run.options.sample)
    written = [contract for contract in chosen if contract.mode != "match"]
    for number, contract in enumerate(written, start=1):
        begun = time.monotonic()
        mart = _load_mart(run, contract)
        mart.seconds = round(time.monotonic() - begun, 3)
        result.marts.append(mart)
        if tolerance is not None and number < len(written):
            result.stopped = stop_reason(mart, tolerance, [later.mart for later in written[number:]])
        if result.stopped:
            return


def _resolve(run: _Run, contract: Contract) -> None:
    """Looks up what the org already has for a mart that is never written."""
    with run.ledger.warehouse(warehouse_path()):
        matched, unmatched = resolve(run.org, run.ledger, contract, run.outbox / contract.mart)
    note = f", {unmatched:,} not in the org or not active" if unmatched else ""
    run.report(f"{contract.mart} -> {contract.object}: {matched:,} matched{note}")


def _load_mart(run: _Run, contract: Contract) -> MartResult:
    """One mart, with further rounds for rows that met a passing error."""
    if run.options.dry_run:
        return _planned(run, contract)
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


def _planned(run: _Run, contract: Contract) -> MartResult:
    """The decision alone. What this run would load counts as a parent for the marts after it."""
    own = literal(contract.mart)
    with run.ledger.warehouse(warehouse_path()):
        if contract.self_references:
            relation = f"warehouse.{contract.relation}"
            run.ledger.con.execute(f"insert into planned select {own}, record_key from {relation}")
        counts = _decide(run, contract)
        run.ledger.con.execute(
            f"insert into planned select {own}, record_key from decided where decision in ('new', 'changed')"
        )
    result = MartResult.planned(contract, counts)
    result.problems = _blocked_problems(run, contract)
    run.report(result.plan_line)
    return result


def _decide(run: _Run, contract: Contract) -> Counts:
    """Fills `decided` and counts it."""
    if contract.mode in ("insert_if_absent", "update"):
        found = find_existing(
            run.org, run.ledger, contract, run.outbox / contract.mart / f"existing_{run.round}"
        )
        run.report(f"{contract.mart}: {found:,} of its rows are in the org already")
    if CUSTOM_FIELDS in run.ledger.columns_of(contract.relation):
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
    return Counts(*run.ledger.one(counts_sql(contract, run.org_id)))


def _refuse_undeclared(run: _Run, contract: Contract) -> None:
    """RefusedError when the mart carries a custom field that no confirmed map line declares."""
    undeclared = run.ledger.rows(undeclared_sql(contract))
    if undeclared:
        named = "; ".join(
            f"{key} in {count:,} row(s), e.g. {example}" for key, count, example in undeclared[:5]
        )
        raise RefusedError(
            f"{contract.mart}: custom_fields holds fields without a confirmed line in seeds/maps: {named}. "
            "Nothing of this mart was sent.",
            "confirm them in seeds/maps/*_fields.csv or run `dbt build` again",
        )


def _round(run: _Run, contract: Contract, result: MartResult | None) -> tuple[MartResult, bool]:
    """One pass over a mart, and whether rows with a passing error are left.

    A mart that refers to itself takes several waves: children wait until their parent has an Id.
    """
    while True:
        run.round += 1
        folder = run.outbox / contract.mart / f"round_{run.round:02d}"
        with run.ledger.warehouse(warehouse_path()):
            counts = _decide(run, contract)
            if result is None:
                result = MartResult.planned(contract, counts)
                run.report(result.plan_line)
            result.blocked = counts.blocked
            run.ledger.write_blocked(run.org_id, contract.mart, run.run_id, blocked_text_sql(contract))
            result.problems = _blocked_problems(run, contract)
            if counts.to_send:
                _look_before(run, contract, folder, result)
            jobs = _parts(run, contract, folder, counts) if counts.to_send else []
        if not jobs:
            return result, False
        outcomes = send(run.sender, jobs, contract.key)
        result.jobs += len(jobs)
        result.sent += sum(job.rows for job in jobs)
        progress = sum(outcome.accepted for outcome in outcomes)
        if not (contract.self_references and counts.blocked and progress):
            return result, _passing(run, contract) > 0


def _look_before(run: _Run, contract: Contract, folder: Path, result: MartResult) -> None:
    """Reads what the org holds of the rows to send: the before-images, and what people edited since.

    An upsert may meet a record that the ledger does not know of, so its new rows are looked for too.
    """
    decisions = "'new', 'changed'" if contract.mode == "upsert" else "'changed'"
    wanted = f"select record_key, sf_id from decided where decision in ({decisions})"
    found = read_images(run.org, run.ledger, contract, wanted, folder / "before")
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


def _parts(run: _Run, contract: Contract, folder: Path, counts: Counts) -> list[Job]:
    """The parts of a round, written and journalled."""
    kept = never_empty(run.org, contract.object) if counts.changed else ()
    return write_parts(run.ledger, contract, run.org_id, run.run_id, folder, counts, kept)


def _passing(run: _Run, contract: Contract) -> int:
    """Rows of this run that may be accepted if sent again."""
    rows: int = run.ledger.one(
        "select count(*) from ledger.records where org_id = ? and mart = ? and run_id = ? "
        "and (status = 'found' or status = 'refused' and error_class = 'transient')",
        [run.org_id, contract.mart, run.run_id],
    )[0]
    return rows


def _summed(run: _Run, contract: Contract, result: MartResult) -> MartResult:
    """The result with what the ledger says about this run's rows."""
    accepted, refused = run.ledger.one(
        "select count(*) filter (status = 'accepted'), count(*) filter (status <> 'accepted') "
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


def _blocked_problems(run: _Run, contract: Contract) -> list[Problem]:
    """Blocked rows of `decided` by reason, with one example each."""
    rows = run.ledger.rows(
        "select reason, count(*), min(record_key), arg_min(detail, record_key),\n"
        "    arg_min(missing_mart, record_key)\n"
        f"from (select *, {blocked_text_sql(contract)} as detail from decided where decision = 'blocked')\n"
        "group by 1 order by 2 desc, 1"
    )
    problems = []
    for reason, count, key, text, missing in rows:
        again = f"load-sf --mart {contract.mart}"
        first = f"load-sf --mart {missing}, then" if reason == "missing_parent" else "after that"
        step = f"{first} {again}"
        problems.append(Problem(f"blocked ({reason})", count, key, text, step))
    return problems
