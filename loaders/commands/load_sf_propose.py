"""`load-sf propose`: draft lines for the map seeds, for a person to confirm."""

from __future__ import annotations

import click

from loaders.commands.ui import json_option, print_json, print_table, progress, target_option, with_exit_codes

FIELD_COLUMNS = ("Source", "Field", "Becomes", "Type", "Confidence and reason")
VALUE_COLUMNS = ("Source", "Value of", "Value", "Becomes", "Confidence and reason")


@click.command()
@target_option
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    help="Propose for this source only; repeat for several.",
)
@click.option("--write", "to_seeds", is_flag=True, help="Append the lines to the seeds in seeds/maps.")
@json_option
@with_exit_codes
def propose(target: str | None, sources: tuple[str, ...], to_seeds: bool, as_json: bool) -> None:
    """Propose a line for every source field and value that nobody has decided, by name, type and values.

    Each line has a confidence and its reason. With --write they go into the seeds as `proposed`: `dbt build` then runs, and
    `load-sf` refuses until a person has set them to confirmed or ignored.
    """
    from loaders.salesforce.propose import propose as proposals_for
    from loaders.salesforce.propose import write

    found = proposals_for(target, sources, report=progress)
    if as_json:
        print_json(found.as_dict())
    else:
        fields = [
            (
                *(row["source_system"], f"{row['source_entity']}.{row['source_field']}"),
                *(f"{row['sf_object']}.{row['sf_field']}" if row["sf_field"] else row["status"], _type(row)),
                row["note"],
            )
            for row in found.fields
        ]
        print_table(FIELD_COLUMNS, fields, title=f"{len(fields)} proposed field line(s)")
        values = [
            (*(row["source_system"], row["source_field"], row["source_value"]), _becomes(row), row["note"])
            for row in found.values
        ]
        print_table(VALUE_COLUMNS, values, title=f"{len(values)} proposed value line(s)")
    for left in found.without:
        progress(f"No proposal for {left['source_system']} {left['subject']}: {left['next_step']}.")
    for path in write(found) if to_seeds else ():
        progress(f"Written: {path}")


def _type(row: dict[str, object]) -> str:
    """`Text(191)`, `Number(18, 2)`, `Date`."""
    parts = [str(row[name]) for name in ("length", "precision", "scale") if row[name] is not None]
    return f"{row['sf_type'] or ''}{'(' + ', '.join(parts) + ')' if parts else ''}"


def _becomes(row: dict[str, object]) -> str:
    """`Lead.Status = Working`, as far as the line says it."""
    field = ".".join(str(row[name]) for name in ("sf_object", "sf_field") if row[name])
    return " = ".join(part for part in (field, str(row["sf_value"] or "")) if part) or "stays behind"
