"""`load-sf inventory`: what has to be rebuilt by hand, as files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from loaders.commands.ui import json_option, leave, print_json, print_table, progress, with_exit_codes
from loaders.project import data_dir, warehouse_path
from loaders.reports.inventory import as_json as result_json
from loaders.reports.inventory import compare, count_kinds, write_inventory


@click.command()
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.  [default: inventory/ in the data folder]",
)
@click.option(
    "--since",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of an earlier inventory: say what was added, removed and changed since; exit code 1 if anything was.",
)
@json_option
@with_exit_codes
def inventory(folder: Path | None, since: Path | None, as_json: bool) -> None:
    """Write the inventories: automations, segments, forms, pages, templates and what else is rebuilt, never loaded.

    Each kind becomes JSON (with its schema), CSV, Markdown and HTML. The same data gives the same files.
    """
    target = folder or data_dir() / "inventory"
    counts = count_kinds(warehouse_path())
    written = write_inventory(warehouse_path(), target)
    change = compare(since, target) if since else None
    if as_json:
        print_json(result_json(counts, written) | ({"change": asdict(change)} if change else {}))
    else:
        print_table(
            ("Source", "Kind", "Definitions", "Switched on"),
            [(count.source_system, count.kind, count.definitions, count.active) for count in counts],
            title="To be rebuilt by hand" if counts else "Nothing has to be rebuilt.",
        )
        for word, keys in asdict(change).items() if change else ():
            print_table(("Key",), [(key,) for key in keys], title=f"{word.capitalize()}: {len(keys)}")
        progress(f"{len(written)} files in {target}")
    if change and not change.is_empty:
        leave(1)
