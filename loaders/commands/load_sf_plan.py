"""`load-sf plan`: what a load would do and cost, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loaders.commands.ui import (
    json_option,
    leave,
    print_json,
    print_table,
    progress,
    target_option,
    with_exit_codes,
)

if TYPE_CHECKING:
    from loaders.salesforce.outcome import LoadResult

PLAN_COLUMNS = (
    *(
        "Phase",
        "Mart",
        "Object",
        "New",
        "Changed",
        "Same",
        "Blocked",
        "Refused before",
        "No longer in source",
    ),
    *("Jobs", "Batches", "API calls", "Data KB", "File bytes", "Seconds"),
)
BUDGET_COLUMNS = ("Allowance", "Needed", "Left", "Of", "Fits")


@click.command()
@click.option(
    "--mart", "marts", multiple=True, metavar="NAME", help="Plan these marts only; repeat for several."
)
@click.option("--all", "all_marts", is_flag=True, help="Plan all marts, which is the default.")
@target_option
@json_option
@with_exit_codes
def plan(marts: tuple[str, ...], all_marts: bool, target: str | None, as_json: bool) -> None:
    """Show the phases of a load in order, with rows, jobs, API calls, storage and time; send nothing.

    Exit code 1 if the load does not fit into what the org has left of its allowances.
    """
    from loaders.salesforce.load import load

    result = load(None if all_marts or not marts else marts, target, dry_run=True, report=progress)
    print_json(result.as_dict()) if as_json else print_plan(result)
    leave(1 if any(not need.fits for need in result.budget) else 0)


def print_plan(result: LoadResult) -> None:
    """The phases and the allowances as tables on stdout, everything else to know on stderr."""
    rows = [
        (
            *(
                number,
                mart.mart,
                mart.object,
                mart.new,
                mart.changed,
                mart.same,
                mart.blocked,
                mart.owed,
                mart.gone,
            ),
            *(
                mart.jobs,
                mart.batches,
                mart.api_calls,
                mart.storage_kb,
                mart.file_bytes,
                mart.expected_seconds,
            ),
        )
        for number, mart in enumerate(result.marts, start=1)
    ]
    print_table(PLAN_COLUMNS, rows, title=f"Plan for {result.org}")
    needs = [(need.unit, need.needed, need.left, need.maximum, need.fits) for need in result.budget]
    print_table(BUDGET_COLUMNS, needs, title="What it takes of the org's allowances")
    for line in result.lines():
        click.echo(line, err=True)
    if all(need.fits for need in result.budget):
        wanted = result.command or "load-sf --all"
        click.echo(f"Next: {wanted}", err=True)
