"""`load-sf preflight`: what the org would refuse, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
from loaders.salesforce.findings import BLOCKER, Finding

FINDING_COLUMNS = ("Severity", "Code", "Mart", "Field", "Rows", "What", "Next", "Samples")


@click.command()
@target_option
@click.option(
    "--mart", "marts", multiple=True, metavar="NAME", help="Show findings of these marts only; repeat."
)
@click.option(
    "--rows",
    "rows_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every row that breaks a rule to this CSV file.",
)
@json_option
@with_exit_codes
def preflight(target: str | None, marts: tuple[str, ...], rows_file: Path | None, as_json: bool) -> None:
    """Check contracts and every mart row against the org's describe; send nothing.

    Exit code 1 if there is a blocker: rows that the org would refuse, a missing field, a closed gate or a
    limit.
    """
    from loaders.salesforce.preflight_run import run_preflight

    result = run_preflight(target, rows_file=rows_file, report=progress)
    names = {name.removeprefix("sf_") for name in marts}
    findings = [one for one in result.findings if not names or one.mart in names or not one.mart]
    if as_json:
        volumes = [volume.__dict__ for volume in result.volumes]
        print_json({"findings": [one.__dict__ for one in findings], "volumes": volumes})
    else:
        print_findings(findings, "Preflight")
    if rows_file:
        progress(f"Rows that break a rule: {rows_file}")
    leave(1 if any(one.severity == BLOCKER for one in findings) else 0)


def print_findings(findings: Sequence[Finding], title: str) -> None:
    """The findings as a table with a summary as title."""
    from loaders.salesforce.findings import summary

    print_table(
        FINDING_COLUMNS,
        [
            (one.severity, one.code, one.mart, one.field, one.count or None, one.message, one.next_step,
             ", ".join(one.samples[:3]))
            for one in findings
        ],
        title=f"{title}: {summary(findings)}",
    )  # fmt: skip
