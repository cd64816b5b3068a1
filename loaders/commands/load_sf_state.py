"""`load-sf reconcile | status | why`: questions about what the org holds and how it came there."""

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

COUNT_COLUMNS = {
    "mart": "Mart", "sf_object": "Object", "rows_in_mart": "In the mart", "rows_accepted": "Accepted",
    "rows_rejected": "Refused", "rows_in_org": "In the org", "rows_left_over": "No longer wanted",
    "difference": "Difference", "within_tolerance": "Within tolerance",
}  # fmt: skip
FATE_COLUMNS = {"source_system": "Source", "source_entity": "Entity", "fate": "Fate", "rows": "Records"}
RUN_COLUMNS = {
    "run_id": "Run", "target": "Target", "org_id": "Org", "command": "Command", "state": "State",
    "exit_code": "Exit code", "started_at": "Started",
}  # fmt: skip
OWED_COLUMNS = {
    "mart": "Mart",
    "error_code": "Code",
    "rows": "Rows",
    "record_key": "For example",
    "next_step": "Next",
}
BLOCKED_COLUMNS = {
    "mart": "Mart",
    "reason": "Held back",
    "rows": "Rows",
    "record_key": "For example",
    "detail": "Why",
}
REMOVED_COLUMNS = {"mart": "Mart", "rows": "Records", "record_key": "For example"}
QUEUE_COLUMNS = {
    "mart": "Mart",
    "record_key": "Record",
    "reason": "Waits because",
    "detail": "Why",
    "next_step": "Next",
}


@click.command()
@target_option
@json_option
@with_exit_codes
def reconcile(target: str | None, as_json: bool) -> None:
    """Read the org back and compare it with the marts: counts, every field of every record, the fate of every record.

    Exit code 1 if a count is out of tolerance, a cell differs or an audit test fails.
    """
    from loaders.salesforce.reconcile import reconcile as run

    found = run(target, report=progress)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found.counts, COUNT_COLUMNS, "Counts")
        _print(found.fates, FATE_COLUMNS, "What became of every record")
        click.echo("\n".join(found.lines()))
    leave(found.exit_code)


@click.command()
@target_option
@json_option
@with_exit_codes
def status(target: str | None, as_json: bool) -> None:
    """What ran, what is owed, what left the source and what to do next, from the ledger; the org is not asked."""
    from loaders.salesforce.status import status as read

    found = read(target)
    if as_json:
        print_json(found.as_dict())
        return
    _print(found.runs, RUN_COLUMNS, "Last runs")
    _print(found.owed, OWED_COLUMNS, "Owed: refused by the org, or not answered")
    _print(found.blocked, BLOCKED_COLUMNS, "Held back")
    _print(found.removed, REMOVED_COLUMNS, "In the org, and no longer in the source")
    click.echo("Next: " + "; ".join(found.next_commands))


@click.command()
@target_option
@json_option
@with_exit_codes
def queue(target: str | None, as_json: bool) -> None:
    """Rows that wait for a person to decide, each with what to do: moved people, doubtful matches, missing users.

    Exit code 1 while there are any.
    """
    from loaders.salesforce.status import queue as read

    rows = read(target)
    if as_json:
        print_json(rows)
    else:
        _print(rows, QUEUE_COLUMNS, f"{len(rows):,} row(s) wait for a decision")
        click.echo(
            "Next: decide as the last column says, then load again"
            if rows
            else "Nobody waits.\nNext: load-sf status"
        )
    leave(1 if rows else 0)


@click.command()
@click.argument("key")
@json_option
@with_exit_codes
def why(key: str, as_json: bool) -> None:
    """The way of one record, by KEY (mautic:contact:41) or Salesforce Id: what it became, why, and every run.

    KEY.Field (mautic:contact:41.Email) shows where the value of that field comes from, place by place.
    """
    from loaders.salesforce.story import why as tell

    story = tell(key)
    print_json(story.as_dict()) if as_json else click.echo("\n".join(story.lines()))


def _print(rows: list[dict[str, object]], columns: dict[str, str], title: str) -> None:
    """A table of the named columns; nothing if there are no rows."""
    if rows:
        print_table(
            list(columns.values()), [[row.get(name) for name in columns] for row in rows], title=title
        )
