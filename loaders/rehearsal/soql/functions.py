"""SOQL's functions: which exist, what they are called with and the SQL they become."""

from __future__ import annotations

from dataclasses import dataclass

from loaders.rehearsal.org.catalogue import FieldInfo
from loaders.rehearsal.soql.errors import malformed, pointing
from loaders.rehearsal.soql.nodes import Call, Expression, Path
from loaders.rehearsal.soql.scope import Column, Scope, is_number

AGGREGATES = frozenset({"count", "count_distinct", "sum", "avg", "min", "max"})
# Display functions: the org shows every user the same language, currency and UTC, so values stay as they are.
IDENTITIES = frozenset({"tolabel", "format", "convertcurrency", "converttimezone"})

_DATE_PARTS = {
    "calendar_year": "year({})",
    "calendar_quarter": "quarter({})",
    "calendar_month": "month({})",
    "fiscal_year": "year({})",
    "fiscal_quarter": "quarter({})",
    "fiscal_month": "month({})",
    "day_in_month": "day({})",
    "day_in_week": "dayofweek({}) + 1",
    "day_in_year": "dayofyear({})",
    "week_in_month": "(day({}) - 1) // 7 + 1",
    "week_in_year": "(dayofyear({}) - 1) // 7 + 1",
}
_TIME_PARTS = {"hour_in_day": "hour({})"}
_AGGREGATE_SQL = {
    "count": "count({})",
    "count_distinct": "count(distinct {})",
    "avg": "cast(avg({}) as double)",
    "min": "min({})",
    "max": "max({})",
}
_UNGROUPABLE = frozenset({"double", "currency", "percent", "datetime", "multipicklist"})


@dataclass(frozen=True)
class Operand:
    """An expression ready for SQL: its type is a describe type; `column` is set for a plain field."""

    sql: str
    type: str
    name: str
    filterable: bool = True
    case_sensitive: bool = False
    column: Column | None = None


def is_aggregate(expression: object) -> bool:
    """True for COUNT, SUM and their like."""
    return isinstance(expression, Call) and expression.function.lower() in AGGREGATES


def operand(scope: Scope, expression: Expression, *, aggregates: bool = False) -> Operand:
    """The SQL of a field or function. Raises SoqlError INVALID_FIELD or MALFORMED_QUERY."""
    if isinstance(expression, Path):
        return _of_column(scope.column(expression))
    name = expression.function.lower()
    if name in AGGREGATES:
        if not aggregates:
            raise malformed(scope.soql, expression.at, f"unexpected token: '{expression.function}'")
        return _aggregate(scope, expression, name)
    if expression.argument is None:
        raise malformed(scope.soql, expression.at, "unexpected token: ')'")
    inner = operand(scope, expression.argument, aggregates=aggregates)
    if name in IDENTITIES:
        return inner
    if name == "grouping":
        return Operand(f"cast(grouping({inner.sql}) as integer)", "int", inner.name)
    return _date_function(scope, expression, name, inner)


def check_groupable(scope: Scope, expression: Expression, found: Operand) -> None:
    """Raises SoqlError INVALID_FIELD for a field that Salesforce does not group by."""
    if found.column is not None and (found.type in _UNGROUPABLE or not found.column.filterable):
        _cannot(scope, expression, found, "grouped")


def check_sortable(scope: Scope, expression: Expression, found: Operand) -> None:
    """Raises SoqlError INVALID_FIELD for a field that Salesforce does not sort by."""
    if not found.filterable or found.type == "multipicklist":
        _cannot(scope, expression, found, "sorted")


def check_filterable(scope: Scope, expression: Expression, found: Operand) -> None:
    """Raises SoqlError INVALID_FIELD for long text, compound and binary fields in a condition."""
    if not found.filterable:
        _cannot(scope, expression, found, "filtered")


def _cannot(scope: Scope, expression: Expression, found: Operand, what: str) -> None:
    text = f"field '{found.name}' can not be {what} in a query call"
    raise pointing("INVALID_FIELD", scope.soql, expression.at, text)


def _of_column(column: Column) -> Operand:
    info: FieldInfo = column.info
    return Operand(column.sql, info.type, info.name, column.filterable, info.case_sensitive, column)


def _aggregate(scope: Scope, call: Call, name: str) -> Operand:
    if call.argument is None:
        if name != "count":
            raise malformed(scope.soql, call.at, "unexpected token: ')'")
        return Operand("count(*)", "int", "count")
    inner = operand(scope, call.argument)
    numeric = is_number(inner.type)
    if (name in ("sum", "avg") and not numeric) or (name != "count" and inner.type == "boolean"):
        text = f"field {inner.name} does not support aggregate operator {call.function.upper()}"
        raise malformed(scope.soql, call.at, text)
    if not inner.filterable:
        text = f"field {inner.name} does not support aggregate operator {call.function.upper()}"
        raise malformed(scope.soql, call.at, text)
    if name == "sum":
        whole = inner.type == "int"
        sql = f"cast(sum({inner.sql}) as {'bigint' if whole else 'double'})"
        return Operand(sql, inner.type, inner.name)
    kind = {"count": "int", "count_distinct": "int", "avg": "double"}.get(name, inner.type)
    return Operand(_AGGREGATE_SQL[name].format(inner.sql), kind, inner.name)


def _date_function(scope: Scope, call: Call, name: str, inner: Operand) -> Operand:
    if name == "day_only" and inner.type == "datetime":
        return Operand(f"cast({inner.sql} as date)", "date", inner.name)
    if name in _DATE_PARTS and inner.type in ("date", "datetime"):
        return Operand(f"({_DATE_PARTS[name].format(inner.sql)})", "int", inner.name)
    if name in _TIME_PARTS and inner.type == "datetime":
        return Operand(f"({_TIME_PARTS[name].format(inner.sql)})", "int", inner.name)
    if name in _DATE_PARTS or name in _TIME_PARTS or name == "day_only":
        text = f"Invalid use of function {call.function} on field {inner.name} of type {inner.type}"
        raise malformed(scope.soql, call.at, text)
    raise malformed(scope.soql, call.at, f"unknown function: {call.function}")
