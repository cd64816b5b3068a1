"""Statements that DuckDB plans once and runs often. Planning is most of what a single record costs.

A statement is text with `$name::varchar` parameters. DuckDB plans anew for every run where it must guess a
type; where a parameter occurs twice, which is why `numbered` gives each occurrence a name of its own; and
where it is cast further or compared with a column, unless it is part of an expression: `($x::varchar || '')`.
Values travel as literals of `execute`: DuckDB's Python package looks for half a dozen optional packages
whenever it is given parameters.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import duckdb

KEPT = 200


def literal(text: str | None) -> str:
    """The text as an SQL literal."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def sql_text(value: Any) -> str:
    """A value as SQL text from which a cast makes the same value again."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    return literal(repr(value) if isinstance(value, float) else str(value))


def numbered(sql: str) -> tuple[str, dict[str, str]]:
    """The statement with every occurrence of a `$name::varchar` as a parameter of its own, and their names."""
    found: dict[str, str] = {}

    def own(match: re.Match[str]) -> str:
        name = f"p{len(found)}"
        found[name] = match.group(1)
        return f"${name}::varchar"

    return re.sub(r"\$(\w+)::varchar", own, sql), found


class Statements:
    """The prepared statements of one connection; the ones used longest ago are forgotten."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._names: OrderedDict[str, str] = OrderedDict()
        self._count = 0

    def run(self, sql: str, values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
        """The connection with the answer to the statement for these values."""
        name = self._names.get(sql)
        if name is None:
            name = self._prepare(sql)
        else:
            self._names.move_to_end(sql)
        listed = ", ".join(f"{key} := {sql_text(value)}::varchar" for key, value in values.items())
        given = f"({listed})" if values else ""
        return self.connection.execute(f"execute {name}{given}")

    def _prepare(self, sql: str) -> str:
        self._count += 1
        name = f"kept_{self._count}"
        self.connection.execute(f"prepare {name} as {sql}")
        self._names[sql] = name
        if len(self._names) > KEPT:
            self.connection.execute(f"deallocate {self._names.popitem(last=False)[1]}")
        return name
