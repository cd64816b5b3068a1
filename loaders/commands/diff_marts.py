"""`diff-marts`: what a mapping change does to the data."""

from __future__ import annotations

from pathlib import Path

import click

from loaders.commands.ui import json_option, leave, print_json, with_exit_codes


@click.command()
@click.option("--base", required=True, metavar="REF", help="Git revision to compare the working tree with.")
@click.option(
    "--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report there."
)
@click.option(
    "--acknowledge",
    metavar="DIGEST",
    help="Accept exactly the change with this digest (the report prints it); exit 0.",
)
@click.option("--show-values", is_flag=True, help="Show cells before and after; they can be personal data.")
@json_option
@with_exit_codes
def diff_marts(
    base: str, markdown: Path | None, acknowledge: str | None, show_values: bool, as_json: bool
) -> None:
    """Build the marts twice on the raw data that is landed, with the mapping of REF and of the working tree, and compare.

    Shows which records change route, rows and cells that change, and picklist values that appear or vanish. Exit code 1
    if anything changes that was not acknowledged.
    """
    from loaders.commands.ui import progress
    from loaders.reports.mart_diff import compare_mappings

    difference = compare_mappings(base, report=progress)
    text = difference.as_markdown(show_values)
    if markdown:
        markdown.write_text(text, encoding="utf-8")
    print_json(difference.as_dict()) if as_json else click.echo(text)
    leave(0 if difference.is_empty or acknowledge == difference.digest else 1)
