"""Loads marts into an org, exactly once, and remembers everything in the ledger.

The marts go one after the other, parents first; load_mart.py loads one. The warehouse is open only while parts
are written. A run that was killed is resumed by the same command: jobs that the org has are collected, jobs that
never got their data are aborted, and what remains is decided afresh.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from loaders.errors import ConfigurationError, MigrationError, RefusedError, RemoteError
from loaders.project import (
    custom_objects_path,
    data_dir,
    field_map_paths,
    ledger_path,
    value_map_paths,
    warehouse_path,
)
from loaders.salesforce.budget import fill
from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import OrgState, read_objects, required_objects
from loaders.salesforce.field_map import refuse_proposed
from loaders.salesforce.gates import ask_for_production, check_gates, read_tolerance, stop_reason
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.load_mart import Options, Run, load_mart
from loaders.salesforce.manifest import object_marts, project_contracts
from loaders.salesforce.match import needed_record_types, resolve, resolve_record_types
from loaders.salesforce.outcome import LoadResult
from loaders.salesforce.passes import with_passes
from loaders.salesforce.plan import choose, strange_objects_sql
from loaders.salesforce.run_facts import facts, new_run_id
from loaders.salesforce.sample import fill_sample
from loaders.salesforce.send import settle_open_jobs
from loaders.salesforce.session import Org, Pace, Report
from loaders.salesforce.targets import Target, read_target


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
    contracts = project_contracts()
    chosen = choose(contracts, marts)
    refuse_proposed(field_map_paths(), chosen, custom_objects_path(), value_map_paths())
    passes = with_passes(contracts)
    in_passes = choose(passes, marts)
    org = Org(aim, pace, report)
    identity = org.identity()
    report(f"Target {aim.name}: {identity.line()}")
    if not dry_run:
        ask_for_production(aim, identity, yes, report, approved=True)
    command = resume_command(marts, aim.name, options)
    with Ledger(ledger_path(), data_dir() / "spill") as ledger:
        run = Run(org, ledger, identity, passes, options, new_run_id(), report, retry_failed)
        try:
            with ledger.warehouse(warehouse_path()):
                refuse_strange_objects(ledger, contracts.values(), marts)
                if preflight:
                    check_gates(org, ledger, contracts, chosen, identity.org_id, report, refuse=not dry_run)
                if sample:
                    fill_sample(ledger, chosen, sample)
            return _journalled(run, in_passes, aim.name, command, in_phases=marts is None)
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


def _journalled(
    run: Run, chosen: Sequence[Contract], target: str, command: str, in_phases: bool
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
        result.command = command
        _load_all(run, chosen, result)
        with run.ledger.warehouse(warehouse_path()):
            fill(result, run.org, run.ledger, run.contracts)
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
    run: Run, chosen: Sequence[Contract], result: LoadResult, tolerance: float | None = None
) -> None:
    """The marts one after the other, parents first, until one misses the tolerance."""
    _look_up(run, chosen)
    written = [contract for contract in chosen if contract.mode != "match"]
    for number, contract in enumerate(written, start=1):
        begun = time.monotonic()
        mart = load_mart(run, contract)
        mart.seconds = round(time.monotonic() - begun, 3)
        result.marts.append(mart)
        if tolerance is not None and number < len(written):
            result.stopped = stop_reason(mart, tolerance, [later.mart for later in written[number:]])
        if result.stopped:
            return


def _look_up(run: Run, chosen: Sequence[Contract]) -> None:
    """Asks the org what it is like, and for the records that it has of itself and rows refer to."""
    rivals = [run.contracts[one.instead_of] for one in chosen if one.instead_of]
    names = [one.object for one in chosen]
    names += [name for one in (*chosen, *rivals) for name in required_objects(one)]
    run.state = OrgState(objects=read_objects(run.org, names))
    needed = {parent for contract in chosen for parent in contract.parents}
    for contract in run.contracts.values():
        if contract.mode == "match" and (contract.mart in needed or contract in chosen):
            _resolve(run, contract)
    for contract in needed_record_types(chosen):
        resolve_record_types(run.org, run.ledger, contract, run.state.object(contract.object))


def _resolve(run: Run, contract: Contract) -> None:
    """Looks up what the org already has for a mart that is never written."""
    with run.ledger.warehouse(warehouse_path()):
        matched, unmatched = resolve(run.org, run.ledger, contract, run.outbox / contract.mart)
    note = f", {unmatched:,} not in the org or not active" if unmatched else ""
    run.report(f"{contract.mart} -> {contract.object}: {matched:,} matched{note}")


def refuse_strange_objects(
    ledger: Ledger, contracts: Iterable[Contract], marts: Sequence[str] | None
) -> None:
    """Nothing when every row of the marts of many objects belongs to an object that a line confirms.

    Raises RefusedError naming the others: no contract would ever load them. Needs the attached warehouse.
    """
    known = list(contracts)
    for mart in object_marts():
        if marts is not None and mart.name not in {name.removeprefix("sf_") for name in marts}:
            continue
        ledger.columns_of(mart.relation)
        objects = [one.object for one in known if one.name == mart.name]
        strange = ledger.rows(strange_objects_sql(mart, objects))
        if strange:
            named = "; ".join(f"{name} in {count:,} row(s), e.g. {key}" for name, count, key in strange[:5])
            raise RefusedError(
                f"sf_{mart.mart} has rows of objects without a confirmed line in custom_objects.csv: {named}. "
                "Nothing was sent.",
                "confirm them in seeds/salesforce/custom_objects.csv, or leave them out by a rule",
            )
