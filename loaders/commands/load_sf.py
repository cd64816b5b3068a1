"""`load-sf`: push marts to an org, and everything around it. Subcommands live in modules of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loaders.commands.load_sf_approve import approve
from loaders.commands.load_sf_delete import delete
from loaders.commands.load_sf_inventory import inventory
from loaders.commands.load_sf_mapping import mapping
from loaders.commands.load_sf_owners import owners
from loaders.commands.load_sf_plan import plan, print_plan
from loaders.commands.load_sf_preflight import preflight
from loaders.commands.load_sf_propose import propose
from loaders.commands.load_sf_report import report
from loaders.commands.load_sf_rollback import resume, rollback
from loaders.commands.load_sf_schema import schema
from loaders.commands.load_sf_state import queue, reconcile, status, why
from loaders.commands.ui import (
    json_option,
    leave,
    print_json,
    print_table,
    progress,
    target_option,
    with_exit_codes,
)
from loaders.errors import ConfigurationError

if TYPE_CHECKING:
    from loaders.salesforce.outcome import MartResult

LOAD_COLUMNS = ("Mart", "Object", "New", "Changed", "Same", "Blocked", "Owed", "Sent", "Accepted", "Refused")


@click.group(invoke_without_command=True)
@click.option(
    "--mart",
    "marts",
    multiple=True,
    metavar="NAME",
    help="Mart to load (accounts, contacts, ...); repeat for several.",
)
@click.option("--all", "all_marts", is_flag=True, help="Load all marts, parents first.")
@target_option
@click.option("--dry-run", is_flag=True, help="Print the plan; send nothing.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only N rows a mart, with the parents they need.",
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Send rows again that were refused before, even if they have not changed.",
)
@click.option(
    "--preflight/--no-preflight",
    "check_first",
    default=True,
    help="Check owners, fields, rights and limits before the first write; production is always checked.",
)
@click.option(
    "--overwrite-edits",
    is_flag=True,
    help="Send the source's value even where a person changed ours in the org.",
)
@click.option("--yes", is_flag=True, help="Confirm that a production org may be written.")
@json_option
@click.pass_context
@with_exit_codes
def load_sf(
    context: click.Context,
    marts: tuple[str, ...],
    all_marts: bool,
    target: str | None,
    dry_run: bool,
    sample: int | None,
    retry_failed: bool,
    check_first: bool,
    overwrite_edits: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Load marts into a Salesforce org, exactly once.

    Only new and changed rows are sent. Exit code 0 means that every row of the marts is in the org; 1 that rows were refused
    or held back; 3 that the org failed, and the same command resumes.
    """
    if context.invoked_subcommand:
        return
    if bool(marts) == all_marts:
        raise ConfigurationError("Say which marts to load: --mart NAME, or --all.", "load-sf --all --dry-run")
    from loaders.salesforce.load import load

    result = load(
        None if all_marts else marts,
        target,
        dry_run=dry_run,
        sample=sample,
        retry_failed=retry_failed,
        preflight=check_first,
        overwrite_edits=overwrite_edits,
        yes=yes,
        report=progress,
    )
    if as_json:
        print_json(result.as_dict())
    elif dry_run:
        print_plan(result)
        leave(result.exit_code)
    else:
        print_table(LOAD_COLUMNS, [_row(mart) for mart in result.marts], title=f"Load for {result.org}")
    for line in result.lines():
        click.echo(line, err=True)
    leave(result.exit_code)


def _row(mart: MartResult) -> tuple[object, ...]:
    """One line of the table of a load."""
    return (
        *(mart.mart, mart.object, mart.new, mart.changed, mart.same, mart.blocked, mart.owed),
        *(mart.sent, mart.accepted, mart.refused),
    )


SUBCOMMANDS = (
    *(
        approve,
        delete,
        inventory,
        mapping,
        owners,
        plan,
        preflight,
        propose,
        queue,
        reconcile,
        report,
        resume,
        rollback,
        schema,
        status,
    ),
    why,
)
for subcommand in SUBCOMMANDS:
    load_sf.add_command(subcommand)
