"""`load-sf approve`: sign off what a production load may send."""

from __future__ import annotations

from pathlib import Path

import click

from loaders.commands.ui import json_option, print_json, target_option, with_exit_codes


@click.command()
@target_option
@click.option("--by", required=True, metavar="NAME", help="Who approves.")
@click.option("--note", default="", metavar="TEXT", help="What the person looked at, or why.")
@click.option(
    "--spot-checks",
    "sheet",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The signed list of spot checks; its hash becomes part of the approval.",
)
@json_option
@with_exit_codes
def approve(target: str | None, by: str, note: str, sheet: Path | None, as_json: bool) -> None:
    """Write an approval for ORG into approvals/: hashes of raw data, mapping and schema, and what was reconciled.

    Commit the file and let it be reviewed. A production load refuses to start without one, and names what differs. Exit code
    1 if the reconciliation or the spot checks are missing or not clean.
    """
    from loaders.salesforce.approval import approve as write
    from loaders.salesforce.targets import default_target

    name = target or default_target()
    path = write(name, by, note, sheet)
    if as_json:
        print_json({"file": str(path), "target": name, "approved_by": by})
    else:
        click.echo(path)
        click.echo(f"Next: commit the file, then `load-sf --all --target {name} --yes`", err=True)
