"""What all commands share: results on stdout, progress and errors on stderr, exit codes from the error tree."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
import orjson
from rich.console import Console
from rich.table import Table

from loaders.errors import MigrationError

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130


def progress(message: str) -> None:
    """Print one line of progress on stderr."""
    click.echo(message, err=True)


def print_json(value: Any) -> None:
    """Print the result for machines, on stdout."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a result table on stdout, its title alone if it has no rows; nothing is cut without a terminal."""
    lines = [[_shown(cell) for cell in row] for row in rows]
    if title:
        click.echo(title)
    if not lines:
        return
    table = Table()
    for index, column in enumerate(columns):
        numeric = bool(lines) and all(
            line[index].replace(",", "").replace(".", "").isdigit() or not line[index] for line in lines
        )
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        table.add_row(*line)
    console = Console() if sys.stdout.isatty() else Console(width=160, no_color=True)
    console.print(table)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def leave(exit_code: int) -> NoReturn:
    """End the command with this exit code."""
    raise SystemExit(exit_code)


def with_exit_codes(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors of the tree into a message on stderr and their exit code; an interrupt into 130.

    Other exceptions are bugs and keep their traceback.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except MigrationError as error:
            click.echo(f"Error: {error}", err=True)
            leave(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted. Run the same command again: it resumes where it stopped.", err=True)
            leave(INTERRUPTED)

    return guarded


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON for machines.")
target_option = click.option(
    "--target", metavar="ORG", help="Target in profiles/salesforce.yml.  [default: the file's `default`]"
)
