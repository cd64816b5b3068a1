"""`rehearse`: the rehearsal org and the synthetic twin."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from loaders.commands.ui import json_option, leave, print_json, print_table, progress, with_exit_codes

TWIN_SEED = 20_240_229


@click.group()
def rehearse() -> None:
    """Rehearse a migration against a local stand-in for Salesforce, with synthetic data."""


@rehearse.command()
@click.option(
    "--source",
    default="mautic",
    show_default=True,
    type=click.Choice(["mautic", "actimo"]),
    help="System to make up.",
)
@click.option(
    "--contacts",
    default=2000,
    show_default=True,
    type=click.IntRange(min=0),
    help="Contacts to make up; everything else is in proportion.",
)
@click.option(
    "--url",
    metavar="URL",
    help="Mautic: database to write to, as an SQLAlchemy URL.  [default: a SQLite file in data/twin]",
)
@click.option("--prefix", default="", help="Mautic: table prefix.")
@click.option("--corrupt", is_flag=True, help="Actimo: cut a workbook in half.")
@click.option("--seed", default=TWIN_SEED, show_default=True, help="Same seed, same twin.")
@json_option
@with_exit_codes
def seed(
    source: str, contacts: int, url: str | None, prefix: str, corrupt: bool, seed: int, as_json: bool
) -> None:
    """Write the synthetic twin of a source: no real person in it, and all the dirt that real systems have."""
    twin = import_module(f"loaders.rehearsal.twin.{source}")
    own = {"mautic": {"url": url, "prefix": prefix}, "actimo": {"corrupt": corrupt}}
    result = twin.seed(contacts=contacts, seed=seed, **own[source])
    if as_json:
        print_json({"url": result.url, "rows": result.counts})
    else:
        print_table(["Table", "Rows"], result.counts.items(), title=f"Twin in {result.url}")


@rehearse.command()
@click.option("--http-port", default=8080, show_default=True, help="0 chooses a free one.")
@click.option("--https-port", default=8443, show_default=True, help="0 chooses a free one.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the org's data between starts.  [default: data/rehearsal/org.duckdb]",
)
@click.option("--fresh", is_flag=True, help="Start with an empty org: the state file is replaced.")
@click.option(
    "--fault-file",
    "faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Script of faults to inject.",
)
@click.option("--seed", default=1, show_default=True, help="Same seed, same behaviour.")
@click.option(
    "--org",
    "snapshot",
    type=click.Path(exists=True, path_type=Path),
    help="Serve the org of this snapshot file, with its own state file.",
)
@with_exit_codes
def serve(
    http_port: int,
    https_port: int,
    state: Path | None,
    fresh: bool,
    faults: Path | None,
    seed: int,
    snapshot: Path | None,
) -> None:
    """Serve the rehearsal org on loopback until interrupted; prints its addresses as one line of JSON."""
    from loaders.rehearsal.local_org import serve_org

    serve_org(
        http_port=http_port,
        https_port=https_port,
        state=state,
        fresh=fresh,
        faults=faults,
        seed=seed,
        snapshot=snapshot,
    )


@rehearse.command()
@click.option("--target", metavar="NAME", help="Org of profiles/salesforce.yml.  [default: its default]")
@click.option(
    "--to",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; packed if it is large or ends in .gz.",
)
@json_option
@with_exit_codes
def snapshot(target: str | None, to: Path, as_json: bool) -> None:
    """Copy the shape of an org (objects, rules, users without names, limits; no records), to serve it with --org."""
    from loaders.rehearsal.local_org import snapshot_org
    from loaders.rehearsal.snapshot import summary

    taken = snapshot_org(target, to, progress)
    if as_json:
        print_json({"file": str(to), "parts": dict(summary(taken)), "notes": taken["notes"]})
        return
    print_table(["Part", "Entries"], summary(taken), title=f"Snapshot in {to}")
    for note in taken["notes"]:
        click.echo(f"Not read: {note}")


@rehearse.command()
@click.option(
    "--state",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="State file of an org that is not running.  [default: data/rehearsal/org.duckdb]",
)
@with_exit_codes
def dump(state: Path | None) -> None:
    """Print all records of the rehearsal org in a canonical, sorted text form, to compare two states byte by byte."""
    from loaders.rehearsal.local_org import dump_org

    click.echo(dump_org(state), nl=False)


@rehearse.command()
@click.option(
    "--contacts", default=2000, show_default=True, type=click.IntRange(min=1), help="Size of the twin."
)
@with_exit_codes
def demo(contacts: int) -> None:
    """Seed, serve, land, build, load and reconcile: the whole way of a record, with the commands that a user types."""
    from loaders.rehearsal.demo import run_demo

    summary = run_demo(contacts, report=progress)
    print_table(summary.columns, summary.rows, title="What became of every record")
    click.echo(summary.closing)
    leave(summary.exit_code)
