"""`load-sf report`: the migration as one page that can be signed."""

from __future__ import annotations

from pathlib import Path

import click

from loaders.commands.ui import json_option, leave, print_json, progress, target_option, with_exit_codes
from loaders.project import data_dir, ledger_path, warehouse_path
from loaders.reports.load_report import read_report, render, spot_check_list
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.targets import read_target


@click.command()
@target_option
@click.option(
    "--to",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="HTML file to write.  [default: report.html in the data folder]",
)
@click.option(
    "--markdown",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a short Markdown version as well.",
)
@click.option(
    "--spot-checks",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the spot checks as CSV, to compare and to sign; it shows personal data.",
)
@click.option("--show-personal-data", is_flag=True, help="Show names, addresses and texts instead of hashes.")
@json_option
@with_exit_codes
def report(
    target: str | None,
    path: Path | None,
    markdown: Path | None,
    spot_checks: Path | None,
    show_personal_data: bool,
    as_json: bool,
) -> None:
    """Write the report of the last load: one HTML file without network, to read, print and sign.

    It shows what `load-sf reconcile` found last: run that first. Exit code 1 if something is owed or differs.
    """
    found = read_report(
        warehouse_path(), ledger_path(), read_target(target).name, project_contracts(), show_personal_data
    )
    page = path or data_dir() / "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(found, "html"), encoding="utf-8")
    if markdown:
        markdown.write_text(render(found, "md"), encoding="utf-8")
    if spot_checks:
        shown = (
            found
            if show_personal_data
            else read_report(
                warehouse_path(), ledger_path(), found.target, project_contracts(), personal_data=True
            )
        )
        spot_checks.write_text(spot_check_list(shown), encoding="utf-8-sig")
    if as_json:
        print_json(found.as_dict())
    else:
        click.echo(f"{'All accounted for' if found.is_clean else 'Something is open'}: {found.totals}")
    progress(f"Open {page}")
    leave(0 if found.is_clean else 1)
