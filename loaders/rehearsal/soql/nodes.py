"""What a SOQL query says, as immutable values: the parser makes them, the compiler reads them.

`at` is the offset in the query text, for Salesforce's "ERROR at Row:1:Column:n" messages.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Path:
    """A dotted name as written: `Name`, `Owner.Email`, `c.Account.Name`."""

    text: str
    at: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The names between the dots."""
        return tuple(self.text.split("."))


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one argument or none: `COUNT()`, `toLabel(Status)`, `DAY_ONLY(CreatedDate)`."""

    function: str
    argument: Expression | None
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written; `kind` is string, number, date, datetime or word."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`; operator in = != < <= > >= like in, not in, includes, excludes."""

    left: Expression
    operator: str
    right: Literal | tuple[Literal, ...] | Query
    at: int


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT operand."""

    operand: Condition
    depth: int


@dataclass(frozen=True, slots=True)
class Junction:
    """Operands joined by `word`, which is `and` or `or`."""

    word: str
    operands: tuple[Condition, ...]
    depth: int


@dataclass(frozen=True, slots=True)
class TypeOf:
    """TYPEOF relationship WHEN object THEN fields ... ELSE fields END."""

    relationship: Path
    branches: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the SELECT list."""

    expression: Expression | TypeOf | Query
    alias: Path | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One entry of ORDER BY; nulls come first unless asked otherwise, in both directions."""

    expression: Expression
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT; `sources` are (path, alias); `grouping` is an empty string, rollup or cube."""

    items: tuple[Item, ...]
    sources: tuple[tuple[Path, Path | None], ...]
    at: int
    where: Condition | None = None
    groups: tuple[Expression, ...] = ()
    grouping: str = ""
    having: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    all_rows: bool = False
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Search:
    """A SOSL search: the text in braces, the field group (all, name, email, phone) and what to return."""

    text: str
    group: str
    targets: tuple[Query, ...]
    limit: int | None
    at: int


Expression = Path | Call
Condition = Comparison | Negation | Junction
