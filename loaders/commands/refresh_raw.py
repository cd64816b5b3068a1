"""`refresh-raw`: land raw records of the sources in the warehouse."""

from __future__ import annotations

from typing import Any

import click

from loaders.commands.ui import json_option, print_json, print_table, progress, with_exit_codes
from loaders.errors import RefusedError


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
@click.option("--discover", is_flag=True, help="Only report what the source is like; land nothing.")
@json_option
@with_exit_codes
def refresh_raw(sources: tuple[str, ...], full: bool, discover: bool, as_json: bool) -> None:
    """Land raw records of each NAME in the warehouse, as the source has them.

    Reads only. The number of rows landed is checked against the source's own count; a shortfall ends with exit code 1.
    """
    from loaders.pipeline import refresh

    if discover:
        for name in sources:
            show_discovery(name, as_json)
        return
    landed = refresh(sources, full=full, report=progress)
    if as_json:
        print_json([table.__dict__ for table in landed])
        return
    print_table(
        ["Source", "Table", "In source", "Landed", "New", "Changed", "Deleted", "Notes"],
        [
            (
                t.source,
                t.table,
                t.rows_in_source,
                t.rows_landed,
                t.rows_new,
                t.rows_changed,
                t.rows_deleted,
                "; ".join(t.notes),
            )
            for t in landed
        ],
        title="Landed",
    )


def show_discovery(name: str, as_json: bool) -> None:
    """Prints what a source is like. Raises RefusedError if its schema is incomplete (MAU-18)."""
    from loaders.pipeline import discover

    found = discover(name)
    if as_json:
        print_json(found.as_dict())
    else:
        for title, rows in found.sections.items():
            _show(title, rows)
        _show("findings", [finding.__dict__ for finding in found.findings])
    if found.errors:
        raise RefusedError("\n".join(finding.what for finding in found.errors), found.errors[0].next_step)


def _show(title: str, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0]) if rows else []
    print_table(columns, [[row[column] for column in columns] for row in rows], title=title.replace("_", " "))
