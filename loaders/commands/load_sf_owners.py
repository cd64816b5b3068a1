"""`load-sf owners`: who owns records, and who of them is no user of the org yet."""

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

OWNER_COLUMNS = ("Owner", "State", "Records", "In the source", "In the org", "Note")


@click.command()
@target_option
@click.option("--write", is_flag=True, help="Add a line for every undecided owner to owner_decisions.csv.")
@json_option
@with_exit_codes
def owners(target: str | None, write: bool, as_json: bool) -> None:
    """Match every owner by e-mail with the org's users and show who is still to be decided.

    Decide in seeds/salesforce/owner_decisions.csv: provision (the admin creates or activates the user),
    reassign (owner_email takes over) or contact_only. Exit code 1 while somebody is open; nothing loads
    before.
    """
    from loaders.salesforce.owners_run import find_owners, write_undecided

    found = find_owners(target, report=progress)
    still_open = [owner for owner in found if owner.is_open]
    if as_json:
        print_json([{**owner.__dict__, "is_open": owner.is_open} for owner in found])
    else:
        rows = [(o.email, o.state, o.records, o.in_source, o.in_org, o.note) for o in found]
        print_table(
            OWNER_COLUMNS, rows, title=f"Owners: {len(found) - len(still_open)} ready, {len(still_open)} open"
        )
    if write:
        path, added = write_undecided(found)
        progress(
            f"{added} line(s) added to {path}; fill in their decision, then `dbt build` and `load-sf owners`."
        )
    elif any(owner.state == "undecided" for owner in still_open):
        progress("Next: `load-sf owners --write` adds the undecided to seeds/salesforce/owner_decisions.csv.")
    leave(1 if still_open else 0)
