"""What must be clear before a load writes anything, and after each mart before the next one begins.

Before: nobody in the queue of owners, and no blocker of the preflight that concerns more than single rows: a missing
object, field, right or feature, a proposed map line, a budget that does not suffice. Rows that the org would refuse
one by one are told and sent all the same: their refusal is recorded with the org's own words, and the gate between the
marts stops a load where they are many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loaders.errors import RefusedError
from loaders.project import field_map_paths, project_dir, value_map_paths
from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import OrgState, read_org
from loaders.salesforce.field_map import read_map_lines
from loaders.salesforce.findings import BLOCKER, Finding
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.outcome import MartResult
from loaders.salesforce.owners import Owner, match_owners, named_owners, read_decisions
from loaders.salesforce.owners_run import DECISIONS_FILE
from loaders.salesforce.policies import project_vars
from loaders.salesforce.preflight import ROWS, preflight
from loaders.salesforce.schema import check_findings, read_request
from loaders.salesforce.session import Org, OrgIdentity, Report
from loaders.salesforce.targets import Target

TOLERANCE = 0.005
SHOWN = 10


def ask_for_production(
    target: Target,
    identity: OrgIdentity,
    confirmed: bool,
    report: Report = lambda _: None,
    *,
    approved: bool = False,
) -> None:
    """Nothing when the org may be written: it is no production org, or writing was confirmed.

    With `approved` a production org also needs an approval that fits what would be loaded (C15). Raises RefusedError.
    An org counts as production if the profile or the org itself says so.
    """
    if not (target.production or identity.is_production):
        return
    if not confirmed:
        raise RefusedError(
            f"Target {target.name} is a production org: {identity.line()}. Nothing was sent.",
            "look at the plan with --dry-run, then confirm with --yes",
        )
    if approved:
        from loaders.salesforce.approval import check_approval  # late: it brings the schema package

        report(f"Approved: {check_approval(target.name).who}")


def check_gates(
    org: Org,
    ledger: Ledger,
    contracts: Mapping[str, Contract],
    chosen: Sequence[Contract],
    org_id: str,
    report: Report,
    *,
    refuse: bool = True,
) -> None:
    """Nothing when the chosen marts may be loaded; needs the attached warehouse. Row findings go to `report`.

    Raises RefusedError for open owners and blockers; with `refuse` false (a dry run) these are reported too.
    """
    needed = with_parents(contracts, chosen)
    state = read_org(org, needed, org_id)
    refusals = []
    owners = open_owners(needed, ledger, state)
    if owners:
        refusals.append(owners_refusal(owners))
    found = _preflight(needed, chosen, ledger, state)
    for line in row_lines(found):
        report(line)
    blocking = [one for one in found if one.severity == BLOCKER and not one.per_row]
    if blocking:
        refusals.append(preflight_refusal(blocking))
    for error in refusals:
        if refuse:
            raise error
        report(f"A load would be refused: {error}")


def with_parents(contracts: Mapping[str, Contract], chosen: Sequence[Contract]) -> dict[str, Contract]:
    """The chosen contracts with all that they refer to, near and far; a check of them needs no other mart."""
    needed: dict[str, Contract] = {}
    waiting = [contract.mart for contract in chosen]
    while waiting:
        mart = waiting.pop()
        if mart not in needed:
            needed[mart] = contracts[mart]
            waiting += contracts[mart].parents
    return {mart: contract for mart, contract in contracts.items() if mart in needed}


def open_owners(contracts: Mapping[str, Contract], ledger: Ledger, state: OrgState) -> list[Owner]:
    """The owners of these marts that nobody has decided about, or whose decision has not taken effect."""
    built = {mart: one for mart, one in contracts.items() if _is_built(ledger, one)}
    named = named_owners(built, ledger.con)
    decisions = read_decisions(project_dir() / DECISIONS_FILE)
    return [owner for owner in match_owners(named, state.users, decisions) if owner.is_open]


def _is_built(ledger: Ledger, contract: Contract) -> bool:
    """Whether the warehouse has the mart; preflight says what to do if not."""
    schema, table = (name.strip('"') for name in contract.relation.split(".", 1))
    rows = ledger.rows(
        "select 1 from duckdb_tables() where database_name = 'warehouse' and schema_name = ? and table_name = ?\n"
        "union all\n"
        "select 1 from duckdb_views() where database_name = 'warehouse' and schema_name = ? and view_name = ?",
        [schema, table, schema, table],
    )
    return bool(rows)


def owners_refusal(owners: Sequence[Owner]) -> RefusedError:
    """The error for a queue that is not empty."""
    named = "\n".join(f"  {one.email}: {one.state}, {one.records:,} record(s)" for one in owners[:SHOWN])
    more = f"\n  and {len(owners) - SHOWN} more" if len(owners) > SHOWN else ""
    return RefusedError(
        f"{len(owners)} owner(s) of records are no active users of the org yet; nothing was sent:\n{named}{more}",
        "decide about them with `load-sf owners`, then run this command again",
    )


def _preflight(
    needed: Mapping[str, Contract], chosen: Sequence[Contract], ledger: Ledger, state: OrgState
) -> list[Finding]:
    """The findings that concern the chosen marts."""
    lines = read_map_lines(field_map_paths(), value_map_paths())
    request = read_request(dict(needed), project_dir())
    result = preflight(
        needed,
        state,
        ledger.con,
        map_lines=lines,
        structure=check_findings(request, state),
        ledger="ledger",
    )
    ledger.con.execute(f"drop table if exists {ROWS}")
    marts = {contract.mart for contract in chosen}
    return [one for one in result.findings if one.mart in marts or one.mart not in needed]


def row_lines(findings: Iterable[Finding]) -> list[str]:
    """What to tell about rows that the org will refuse or this load will hold back."""
    rows = [one for one in findings if one.per_row and one.severity == BLOCKER]
    told = [
        f"Preflight: {one.count:,} row(s) of {one.mart} will not be accepted ({one.code}), e.g. "
        f"{', '.join(one.samples[:1])}: {one.message}"
        for one in rows[:SHOWN]
    ]
    if len(rows) > SHOWN:
        told.append(f"Preflight: {len(rows) - SHOWN} more such finding(s); `load-sf preflight` shows all.")
    return told


def preflight_refusal(blocking: Sequence[Finding]) -> RefusedError:
    """The error for blockers of the preflight."""
    named = "\n".join(f"  {one.code} {one.message} {one.next_step}." for one in blocking[:SHOWN])
    more = f"\n  and {len(blocking) - SHOWN} more" if len(blocking) > SHOWN else ""
    return RefusedError(
        f"Preflight found {len(blocking)} blocker(s); nothing was sent:\n{named}{more}",
        "see all with `load-sf preflight`, then run this command again",
    )


def read_tolerance() -> float:
    """The share of a mart's rows that may be missing before the next mart begins (dbt var `count_tolerance`)."""
    return float(project_vars().get("count_tolerance", TOLERANCE))


def stop_reason(mart: MartResult, tolerance: float, later: Sequence[str]) -> str:
    """Why the marts after this one are not loaded, or nothing if it is within the tolerance."""
    rows = mart.rows
    if mart.outstanding <= rows * tolerance:
        return ""
    by_hand = " ".join(f"--mart {name}" for name in later)
    return (
        f"Stopped after {mart.mart}: {mart.outstanding:,} of its {rows:,} rows are not in the org, more than the "
        f"tolerance of {tolerance:.1%}. Not loaded: {', '.join(later)}.\n"
        f"  Next: correct what is named above and run the same command again, or go on with `load-sf {by_hand}`"
    )
