"""`load-sf mapping`: the mapping workbook, generated."""

from __future__ import annotations

from pathlib import Path

import click

from loaders.commands.ui import progress, with_exit_codes
from loaders.project import manifest_path, project_dir
from loaders.reports.workbook import as_markdown, read_workbook, write_spreadsheet


@click.command()
@click.option(
    "--to",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Markdown file to write.  [default: docs/mapping.md]",
)
@click.option(
    "--xlsx", type=click.Path(dir_okay=False, path_type=Path), help="Write it as a spreadsheet as well."
)
@with_exit_codes
def mapping(path: Path | None, xlsx: Path | None) -> None:
    """Write the mapping workbook: every object and field, its rule, its requirement and the test that proves it.

    It is generated from contracts, seeds and tests (run `dbt parse` before), so that what a customer signs is what runs.
    """
    project = project_dir()
    workbook = read_workbook(manifest_path(), project / "seeds", project / "tests" / "loaders")
    target = path or project / "docs" / "mapping.md"
    target.write_text(as_markdown(workbook), encoding="utf-8")
    if xlsx:
        write_spreadsheet(workbook, xlsx)
    for ratio in workbook.ratios:
        click.echo(f"{ratio.source_system}: {ratio.one_to_one} of {ratio.objects} objects map one to one")
    progress(f"{len(workbook.fields)} fields and {len(workbook.requirements)} requirements in {target}")
