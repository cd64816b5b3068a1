"""What a reader gives of one file, and how its header is matched with the columns that models rely on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loaders.actimo.settings import PROVENANCE, Aliases, Column, Table, slug

HEADER_ROWS = 30  # how far down a header may stand below title rows
_LONGEST_NAME = 60


class UnreadableError(Exception):
    """A file cannot be read; each problem is a sentence that names the place. Collected, never shown alone."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Content:
    """A file as SQL: `relation` holds its rows, `cells` one text expression per header, in file order."""

    relation: str
    headers: Sequence[str]
    cells: Sequence[str]
    row: str = ""  # expression of the row's number; empty: position in the relation plus `first_row`
    first_row: int = 1
    encoding: str = ""
    delimiter: str = ""
    decimal: str = ""
    notes: Sequence[tuple[str, int | None]] = ()


@dataclass(frozen=True)
class Matched:
    """A header matched with a table: column of each cell, and the new columns among them."""

    columns: Sequence[Column]
    new: Sequence[str] = ()
    wordings: dict[str, str] = field(default_factory=dict)  # column to header, as the file has it


def match(table: Table, headers: Sequence[str], aliases: Aliases, constants: Iterable[str] = ()) -> Matched:
    """The column of each header; an unknown one gets a name made of its own words.

    Raises UnreadableError when a needed column is missing or two headers mean the same column.
    """
    known = [aliases.column(table, header) for header in headers]
    problems = [
        f"two headers mean the column {name}: {' and '.join(repr(headers[i]) for i, k in enumerate(known) if k == name)}"
        for name in sorted({name for name in known if name and known.count(name) > 1})
    ]
    problems += [
        f"the needed column {missing} is missing"
        for missing in table.missing([*filter(None, known), *constants])
    ]
    if problems:
        raise UnreadableError(*problems)
    taken = {*PROVENANCE, *(column.name for column in table.columns)}
    by_name = {column.name: column for column in table.columns}
    columns, new = [], []
    for place, (header, name) in enumerate(zip(headers, known, strict=True), start=1):
        if name is None:
            name = free_name(slug(header)[:_LONGEST_NAME] or f"column_{place}", taken)
            taken.add(name)
            new.append(name)
        columns.append(by_name.get(name) or Column(name, "text"))
    return Matched(columns, new, {c.name: h for c, h in zip(columns, headers, strict=True)})


def header_score(
    table: Table | None, cells: Sequence[str], aliases: Aliases, constants: Iterable[str] = ()
) -> int:
    """How many known columns a row of cells names; -1 if it cannot be the header of the table."""
    if table is None:
        return len(cells) - 1 if any(cells) else -1
    known = [aliases.column(table, cell) for cell in cells if cell.strip()]
    named = {name for name in known if name}
    return -1 if table.missing([*named, *constants]) else len(named)


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the name with the lowest number that makes it free."""
    number, found = 2, name
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def near_misses(
    table: Table, rows: Iterable[Sequence[str]], aliases: Aliases, constants: Iterable[str]
) -> list[str]:
    """What the row that comes nearest to a header lacks of the needed columns."""
    best = max(
        ({*filter(None, (aliases.column(table, cell) for cell in cells)), *constants} for cells in rows),
        key=len,
        default=set(constants),
    )
    return table.missing(best)


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
