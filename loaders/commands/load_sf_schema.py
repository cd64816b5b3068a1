"""`load-sf schema`: objects, fields, values and rights that the marts need, as a Metadata API package."""

from __future__ import annotations

from pathlib import Path

import click

from loaders.commands.load_sf_preflight import print_findings
from loaders.commands.ui import (
    json_option,
    leave,
    print_json,
    print_table,
    progress,
    target_option,
    with_exit_codes,
)

CHANGE_COLUMNS = ("Component", "Name", "State", "Details")


@click.group()
def schema() -> None:
    """Write, check, compare or deploy what the marts need in the org.

    Carries data model only, never automation.
    """


@schema.command()
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write into.",
)
@target_option
@click.option("--offline", is_flag=True, help="Ask no org: every component, but no standard value sets.")
@with_exit_codes
def write(folder: Path, target: str | None, offline: bool) -> None:
    """Write the package as Metadata API zip and SFDX project, with a setup manifest for the admin."""
    from loaders.salesforce.schema_run import write_package

    for path in write_package(folder, None if offline else (target or ""), report=progress):
        click.echo(path)


@schema.command()
@target_option
@json_option
@with_exit_codes
def check(target: str | None, as_json: bool) -> None:
    """Compare the contracts with the org's describe. Exit code 1 if something is missing or differs."""
    from loaders.salesforce.findings import INFO
    from loaders.salesforce.schema_run import check_target

    findings = check_target(target, report=progress)
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        print_findings(findings, "Schema")
    leave(1 if any(finding.severity != INFO for finding in findings) else 0)


@schema.command()
@target_option
@json_option
@with_exit_codes
def diff(target: str | None, as_json: bool) -> None:
    """Show what a deployment would create and change; change nothing.

    Exit code 1 if a person must solve a conflict.
    """
    from loaders.salesforce.schema_run import compare_target

    changes = compare_target(target, report=progress)
    rows = [(one.component.type, one.component.name, one.state, "; ".join(one.details)) for one in changes]
    if as_json:
        print_json([dict(zip(("type", "name", "state", "details"), row, strict=True)) for row in rows])
    else:
        print_table(CHANGE_COLUMNS, [row for row in rows if row[2] != "same"], title="Schema changes")
    leave(1 if any(one.state == "conflict" for one in changes) else 0)


@schema.command()
@target_option
@click.option("--check-only", is_flag=True, help="Let the org validate the package; change nothing.")
@click.option("--yes", is_flag=True, help="Confirm that a production org may be changed.")
@click.option(
    "--assign/--no-assign",
    default=True,
    help="Assign the permission sets to the user of the load, who cannot see the new fields otherwise.",
)
@with_exit_codes
def deploy(target: str | None, check_only: bool, yes: bool, assign: bool) -> None:
    """Deploy what the org lacks, merged with what it has, and wait for the outcome.

    Picklist values are added, never replaced. A production org takes a package only after another org has
    taken the same.
    """
    from loaders.salesforce.schema_run import deploy_target

    for line in deploy_target(target, check_only=check_only, confirmed=yes, grant=assign, report=progress):
        click.echo(line)
