"""How result columns become a record: the output form of a query, without any SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Leaf:
    """One value; a `blob` is shown as the address of its content."""

    key: str
    column: int
    blob: bool = False


@dataclass(frozen=True)
class Compound:
    """An address: an object of its parts, null when all parts are."""

    key: str
    parts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Parent:
    """A related record, null when `id_column` is; `type_column` tells the object of a polymorphic one."""

    key: str
    id_column: int
    shown_type: str
    type_column: int | None
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Alternatives:
    """TYPEOF: the first of the parents that is there."""

    key: str
    parents: tuple[Parent, ...]


@dataclass(frozen=True)
class Children:
    """The records of a child relationship.

    `query` expects the parents' ids as its first parameter and returns the parent's id in its last column.
    """

    key: str
    id_column: int
    query: Translation


Member = Leaf | Compound | Parent | Alternatives | Children


@dataclass(frozen=True)
class Translation:
    """A SOQL query as DuckDB SQL with `?` parameters.

    `shape` says how the columns of a row make a record, `header` names the columns of a flat (Bulk) result.
    `kind` is rows, aggregate, or count for a bare COUNT(), whose single value is the total size.
    """

    sql: str
    parameters: tuple[Any, ...]
    object: str
    shape: tuple[Member, ...]
    header: tuple[str, ...]
    kind: str = "rows"
    id_column: int | None = None
