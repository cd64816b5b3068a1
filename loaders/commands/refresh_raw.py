"""`refresh-raw`: land raw records of the sources in the warehouse."""

from __future__ import annotations

import click

from loaders.commands.ui import json_option, print_json, print_table, progress, with_exit_codes


@click.command()
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    required=True,
    help="Source to land; repeat for several (mautic, salesforce, ...).",
)
@click.option("--full", is_flag=True, help="Read everything again, whatever the last run remembers.")
@json_option
@with_exit_codes
def refresh_raw(sources: tuple[str, ...], full: bool, as_json: bool) -> None:
    """Land raw records of each NAME in the warehouse, as the source has them.

    Reads only. The number of rows landed is checked against the source's own count; a shortfall ends with exit code 1.
    """
    from loaders.pipeline import refresh

    landed = refresh(sources, full=full, report=progress)
    if as_json:
        print_json([table.__dict__ for table in landed])
        return
    print_table(
        ["Source", "Table", "In source", "Landed", "Notes"],
        [(t.source, t.table, t.rows_in_source, t.rows_landed, "; ".join(t.notes)) for t in landed],
        title="Landed",
    )
