"""Query strings of Mautic's API as SQL: where, order, orderBy, start, limit and search."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Pair = tuple[str, str]

_EXPRESSIONS = {
    "eq": "{col} = ?", "neq": "{col} <> ?", "lt": "{col} < ?", "lte": "{col} <= ?", "gt": "{col} > ?",
    "gte": "{col} >= ?", "like": "{col} like ?", "notLike": "{col} not like ?",
    "isNull": "{col} is null", "isNotNull": "{col} is not null",
    "isEmpty": "({col} is null or {col} = '')", "isNotEmpty": "({col} is not null and {col} <> '')",
}  # fmt: skip
_SEARCHES = {
    "is:anonymous": "date_identified is null",
    "!is:anonymous": "date_identified is not null",
}


class BadQueryError(Exception):
    """What Mautic answers with HTTP 500, or with `errors` on statistics tables."""


@dataclass
class Query:
    """Conditions, order and page of one request."""

    where: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    order: str = ""
    start: int = 0
    limit: int | None = None

    def add(self, condition: str, *values: Any) -> None:
        """One more condition, joined by and."""
        self.where.append(condition)
        self.values.extend(values)

    @property
    def condition(self) -> str:
        """The where clause, empty without conditions."""
        return f" where {' and '.join(self.where)}" if self.where else ""


def read_query(pairs: Sequence[Pair], columns: Mapping[str, str], default_limit: int) -> Query:
    """The request's query over a table with these columns. Raises BadQueryError for what it lacks."""
    given = dict(pairs)
    query = Query(
        start=_number(given.get("start", "0")), limit=_number(given.get("limit", str(default_limit)))
    )
    for condition in _indexed(pairs, "where"):
        column, expression = condition.get("col", ""), condition.get("expr", "")
        _condition(query, _comparable(column, columns), expression, condition.get("val", ""))
    parts = [
        f'"{_known(part.get("col", ""), columns)}" {_direction(part.get("dir", "asc"))}'
        for part in _indexed(pairs, "order")
    ]
    for name in filter(None, given.get("orderBy", "").split(",")):
        column = _known(_snake(name.strip().rpartition(".")[2]), columns)
        parts.append(f'"{column}" {_direction(given.get("orderByDir", "asc"))}')
    query.order = f" order by {', '.join(parts)}" if parts else ""
    if given.get("published") in ("1", "true") and "is_published" in columns:
        query.add("is_published = 1")
    _search(query, given.get("search", "").strip(), columns)
    return query


def _comparable(column: str, columns: Mapping[str, str]) -> str:
    """The column as an expression; text is compared without case, as Mautic's collation does."""
    kind = columns[_known(column, columns)]
    return f'"{column}"' + (" collate nocase" if "char" in kind or "text" in kind else "")


def _condition(query: Query, quoted: str, expression: str, value: str) -> None:
    if expression in ("in", "notIn"):
        values = value.split(",")
        word = "in" if expression == "in" else "not in"
        query.add(f"{quoted} {word} ({', '.join('?' * len(values))})", *values)
    elif expression in ("between", "notBetween"):
        low, _, high = value.partition(",")
        word = "between" if expression == "between" else "not between"
        query.add(f"{quoted} {word} ? and ?", low, high)
    elif expression in _EXPRESSIONS:
        text = _EXPRESSIONS[expression].format(col=quoted)
        query.add(text, *([value] if "?" in text else []))
    else:
        raise BadQueryError(f'Undefined array key "expr" ({expression or "missing"})')


def _search(query: Query, text: str, columns: Mapping[str, str]) -> None:
    """Mautic's search commands, as far as contacts have them; other text is looked for in names."""
    if not text:
        return
    command, _, value = text.partition(":")
    if text in _SEARCHES:
        query.add(_SEARCHES[text])
    elif command == "ids":
        values = value.split(",")
        query.add(f"id in ({', '.join('?' * len(values))})", *values)
    elif command in columns and value:
        query.add(f'"{command}" like ?', value.replace("*", "%"))
    else:
        named = [
            name for name in ("firstname", "lastname", "email", "companyname", "name") if name in columns
        ]
        if named:
            query.add(f"({' or '.join(f'{name} like ?' for name in named)})", *[f"%{text}%"] * len(named))


def _indexed(pairs: Sequence[Pair], name: str) -> list[dict[str, str]]:
    """`where[0][col]=id&where[0][val]=3` as a list of dicts."""
    found: dict[str, dict[str, str]] = {}
    for key, value in pairs:
        if match := re.fullmatch(rf"{name}\[(\w+)\]\[(\w+)\]", key):
            found.setdefault(match[1], {})[match[2]] = value
    return list(found.values())


def _known(column: str, columns: Mapping[str, str]) -> str:
    if column not in columns:
        raise BadQueryError(f"SQLSTATE[42S22]: Column not found: 1054 Unknown column '{column}'")
    return column


def _direction(text: str) -> str:
    return "desc" if text.lower() == "desc" else "asc"


def _number(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else 0


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: "_" + found[0].lower(), name)


def columns_of(database: sqlite3.Connection, table: str) -> dict[str, str]:
    """Column to declared type, in table order; empty if there is no such table."""
    rows = database.execute("select name, type from pragma_table_xinfo(?) order by cid", [table])
    return {str(name): str(kind).lower() for name, kind in rows}


def count(database: sqlite3.Connection, table: str, query: Query) -> int:
    """Rows that meet the conditions, on whatever page."""
    found = database.execute(f'select count(*) from "{table}"{query.condition}', query.values)
    return int(found.fetchone()[0])


def fetch(database: sqlite3.Connection, table: str, query: Query) -> list[dict[str, Any]]:
    """The rows of the page; a limit of None is none."""
    page = f" limit {query.limit if query.limit is not None else -1} offset {max(0, query.start)}"
    cursor = database.execute(
        f'select * from "{table}"{query.condition}{query.order}{page}',
        query.values,
    )
    names = [item[0] for item in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
