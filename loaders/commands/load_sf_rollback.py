"""`load-sf rollback | resume`: take back what was written, and go on with what was interrupted."""

from __future__ import annotations

import shlex

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
from loaders.errors import ConfigurationError

UNDO_COLUMNS = ("Mart", "Object", "Deleted", "Restored", "As before", "Gone", "Skipped", "Refused")


@click.command()
@click.argument("run", required=False)
@click.option(
    "--mart", "marts", multiple=True, metavar="NAME", help="All loads of this mart; repeat for several."
)
@click.option("--record", metavar="KEY", help="All loads of this record (mautic:contact:41).")
@target_option
@click.option("--dry-run", is_flag=True, help="Print what would be deleted and restored; send nothing.")
@click.option(
    "--hard", is_flag=True, help="Delete past the recycle bin; needs the right Bulk API Hard Delete."
)
@click.option("--yes", is_flag=True, help="Confirm that a production org may be changed.")
@json_option
@with_exit_codes
def rollback(
    run: str | None,
    marts: tuple[str, ...],
    record: str | None,
    target: str | None,
    dry_run: bool,
    hard: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take back what RUN wrote, or all loads of a mart or of a record: children first, inserts deleted, changes restored.

    Records that a person edited since stay as they are and are listed. Exit code 1 if anything stays.
    """
    if sum(map(bool, (run, marts, record))) != 1:
        raise ConfigurationError("Say what to roll back: a run, --mart or --record.", "load-sf status")
    from loaders.salesforce.rollback import rollback as roll_back
    from loaders.salesforce.rollback_plan import Scope

    scope = Scope(run, tuple(mart.removeprefix("sf_") for mart in marts), record)
    result = roll_back(scope, target, dry_run=dry_run, hard=hard, yes=yes, report=progress)
    if as_json:
        print_json(result.as_dict())
    else:
        rows = [
            (
                one.mart,
                one.object,
                one.deleted,
                one.restored,
                one.unchanged,
                one.gone,
                one.skipped,
                one.refused,
            )
            for one in result.marts
        ]
        print_table(UNDO_COLUMNS, rows, title=f"{'Plan' if dry_run else 'Rollback'} for {result.org}")
    for line in result.lines():
        click.echo(line, err=True)
    leave(result.exit_code)


@click.command()
@target_option
@click.pass_context
@with_exit_codes
def resume(context: click.Context, target: str | None) -> None:
    """Run the last command again if it did not come to its end: a load or a rollback."""
    from loaders.salesforce.status import unfinished

    command = unfinished(target)
    if command is None:
        progress("Nothing to resume: the last run came to its end.")
        return
    progress(f"$ {command}")
    parent = context.parent
    assert parent is not None  # noqa: S101  it is a subcommand
    parent.command.main(shlex.split(command)[1:], prog_name="load-sf", standalone_mode=False)
