"""`load-sf delete --removed`: take out of the org what left the source."""

from __future__ import annotations

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

COLUMNS = ("Mart", "Object", "No longer in source", "Deleted", "Gone", "Skipped", "Refused")


@click.command()
@click.option(
    "--removed", is_flag=True, help="Records that were loaded and are in no mart any more; the only choice."
)
@click.option(
    "--mart", "marts", multiple=True, metavar="NAME", help="Of these marts only; repeat for several."
)
@target_option
@click.option(
    "--dry-run", is_flag=True, help="Print what would be deleted; send nothing. So it is without --yes."
)
@click.option("--yes", is_flag=True, help="Confirm that the records may be deleted.")
@json_option
@with_exit_codes
def delete(
    removed: bool, marts: tuple[str, ...], target: str | None, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Delete in the org what the source no longer has, children first, into the recycle bin.

    What a person edited since, and what other records hang on, stays and is listed. Exit code 1 if anything stays.
    `load-sf rollback RUN` brings the records back.
    """
    if not removed:
        raise ConfigurationError("Say what to delete: --removed.", "load-sf delete --removed --dry-run")
    from loaders.salesforce.deletions import delete_removed

    result = delete_removed(target, marts, dry_run=dry_run, yes=yes, report=progress)
    if as_json:
        print_json(result.as_dict())
    else:
        rows = [
            (one.mart, one.object, one.removed, one.deleted, one.gone, one.skipped, one.refused)
            for one in result.marts
        ]
        print_table(COLUMNS, rows, title=f"{'Plan' if result.dry_run else 'Deletion'} for {result.org}")
    for line in result.lines():
        click.echo(line, err=True)
    leave(result.exit_code)
