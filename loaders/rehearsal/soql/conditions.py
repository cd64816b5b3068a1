"""WHERE and HAVING as SQL with bound parameters.

SOQL's logic has two values where SQL's has three: a null differs from every value, so `!=` and NOT IN find
records without a value and NOT turns "no" into "yes". Text compares without case, ids and case-sensitive
fields with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from loaders.rehearsal.soql import literals
from loaders.rehearsal.soql.errors import malformed, pointing, wrong_literal
from loaders.rehearsal.soql.functions import Operand, check_filterable, operand
from loaders.rehearsal.soql.nodes import Comparison, Condition, Junction, Literal, Negation, Query
from loaders.rehearsal.soql.scope import ID_TYPES, Scope, is_number, is_text

# A longer IN list travels as one list parameter: binding thousands of values one by one is slow.
_SINGLE_PARAMETERS = 16
_MAX_SEMI_JOINS = 2
_EQUALITIES = ("=", "!=")
_SHOWN_TYPES = {"datetime": "dateTime"}


@dataclass
class Conditions:
    """Compiles the conditions of one SELECT; `parameters` grows in the order of the `?` in the SQL.

    `semi_join` compiles a sub-select and returns its SQL after adding its parameters to the same list.
    """

    scope: Scope
    parameters: list[Any]
    now: datetime
    semi_join: Callable[[Query], str]
    aggregates: bool = False
    _in_or: bool = field(default=False, init=False)
    _semi_joins: int = field(default=0, init=False)

    def sql(self, condition: Condition) -> str:
        """The condition as one SQL expression. Raises SoqlError."""
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, Negation):
            return f"(not coalesce({self.sql(condition.operand)}, false))"
        return self._junction(condition)

    def _junction(self, junction: Junction) -> str:
        outside = self._in_or
        self._in_or = outside or junction.word == "or"
        parts = [self.sql(operand) for operand in junction.operands]
        self._in_or = outside
        return "(" + f" {junction.word} ".join(parts) + ")"

    def _comparison(self, node: Comparison) -> str:
        left = operand(self.scope, node.left, aggregates=self.aggregates)
        check_filterable(self.scope, node.left, left)
        if node.operator in ("includes", "excludes"):
            return self._set_comparison(node, left)
        if isinstance(node.right, Query):
            return self._semi_join(node, left, node.right)
        if isinstance(node.right, tuple):
            return self._in_list(node, left, node.right)
        if node.operator == "like":
            return self._like(node, left, node.right)
        return self._compare(node, left, node.operator, node.right)

    def _compare(self, node: Comparison, left: Operand, operator: str, right: Literal) -> str:
        if left.type in ("boolean", "multipicklist") and operator not in _EQUALITIES:
            raise self._bad_operator(node)
        days = self._range(left, right)
        if days is not None:
            return self._in_range(left, operator, days)
        value = self._value(left, right)
        if value is None:
            if operator not in _EQUALITIES:
                raise self._bad_operator(node)
            return f"({left.sql} is {'' if operator == '=' else 'not '}null)"
        if left.type == "boolean":
            wanted = value is (operator == "=")
            return f"({'' if wanted else 'not '}coalesce({left.sql}, false))"
        self.parameters.append(value)
        sql, mark = self._folded(left)
        if operator == "!=":
            return f"({sql} is distinct from {mark})"
        return f"({sql} {operator} {mark})"

    def _in_range(self, left: Operand, operator: str, days: literals.Range) -> str:
        first, end = (self._day(left, day) for day in days)
        if operator in ("<", ">="):
            self.parameters.append(first)
            return f"({left.sql} {operator} ?)"
        if operator in ("<=", ">"):
            self.parameters.append(end)
            return f"({left.sql} {'<' if operator == '<=' else '>='} ?)"
        self.parameters += [first, end]
        inside = f"({left.sql} >= ? and {left.sql} < ?)"
        return inside if operator == "=" else f"(not coalesce({inside}, false))"

    def _in_list(self, node: Comparison, left: Operand, values: tuple[Literal, ...]) -> str:
        negative = node.operator == "not in"
        if left.type == "boolean" or any(self._range(left, value) is not None for value in values):
            parts = [self._compare(node, left, "=", value) for value in values]
            found = "(" + " or ".join(parts) + ")"
            return f"(not coalesce({found}, false))" if negative else found
        bound = [self._value(left, value) for value in values]
        given = list(dict.fromkeys(value for value in bound if value is not None))
        sql, mark = self._folded(left)
        parts = [f"{left.sql} is null"] if None in bound else []
        if given:
            parts.append(f"coalesce({sql} in ({self._marks(given, mark)}), false)")
        found = "(" + " or ".join(parts) + ")"
        return f"(not {found})" if negative else found

    def _marks(self, values: list[Any], mark: str) -> str:
        if len(values) <= _SINGLE_PARAMETERS:
            self.parameters += values
            return ", ".join([mark] * len(values))
        self.parameters.append(values)
        return f"select {mark.replace('?', 'item')} from (select unnest(?) as item)"

    def _like(self, node: Comparison, left: Operand, right: Literal) -> str:
        if not is_text(left.type) or left.type == "multipicklist":
            on_id = left.type in ID_TYPES
            raise self._bad_operator(node, "invalid operator on id field" if on_id else "invalid operator")
        if right.kind != "string":
            raise self._wrong(left, right)
        try:
            pattern = literals.like_pattern(right.text)
        except ValueError as error:
            raise self._bad_escape(right, error) from None
        self.parameters.append(pattern)
        return f"(lower({left.sql}) like lower(?) escape '\\')"

    def _set_comparison(self, node: Comparison, left: Operand) -> str:
        if left.type != "multipicklist" or not isinstance(node.right, tuple):
            raise self._bad_operator(node)
        choices = []
        for value in node.right:
            text = self._value(left, value)
            members = [member.strip() for member in (text or "").split(";") if member.strip()]
            self.parameters += members
            one = f"list_contains(string_split(lower({left.sql}), ';'), lower(?))"
            choices.append(
                "(" + " and ".join([one] * len(members)) + ")" if members else f"{left.sql} is null"
            )
        found = f"coalesce({' or '.join(choices)}, false)"
        return found if node.operator == "includes" else f"(not {found})"

    def _semi_join(self, node: Comparison, left: Operand, inner: Query) -> str:
        self._semi_joins += 1
        if self._semi_joins > _MAX_SEMI_JOINS:
            raise malformed(self.scope.soql, inner.at, "Maximum 2 semi join sub-selects are allowed")
        if self._in_or:
            text = "Semi join sub-selects are not allowed with the 'OR' operator"
            raise malformed(self.scope.soql, inner.at, text)
        if left.type not in ID_TYPES:
            text = f"The left operand '{left.name}' of a semi join must be an id or reference field"
            raise malformed(self.scope.soql, node.at, text)
        found = f"coalesce({left.sql} in ({self.semi_join(inner)}), false)"
        return f"(not {found})" if node.operator == "not in" else found

    def _folded(self, left: Operand) -> tuple[str, str]:
        """The left side and the placeholder, without case where the field has none."""
        if is_text(left.type) and not left.case_sensitive:
            return f"lower({left.sql})", "lower(?)"
        return left.sql, "?"

    def _range(self, left: Operand, right: Literal) -> literals.Range | None:
        if right.kind != "word" or left.type not in ("date", "datetime"):
            return None
        try:
            return literals.date_range(right.text, self.now)
        except ValueError:
            raise malformed(self.scope.soql, right.at, f"date literal out of range: {right.text}") from None

    def _day(self, left: Operand, day: date) -> date | datetime:
        return datetime.combine(day, time()) if left.type == "datetime" else day

    def _value(self, left: Operand, right: Literal) -> Any:
        """The Python value to bind, None for null; an empty text is null. Raises SoqlError INVALID_FIELD."""
        word = right.text.lower() if right.kind == "word" else ""
        if word == "null":
            return None
        if left.type == "boolean":
            if word in ("true", "false"):
                return word == "true"
        elif is_text(left.type) or left.type in ID_TYPES:
            if right.kind == "string":
                return self._text(left, right)
        elif is_number(left.type):
            number = self._number(right)
            if number is not None:
                return number
        elif right.kind == left.type:
            return self._moment(right)
        if (
            right.kind == "word"
            and word not in ("true", "false")
            and literals.currency_of(right.text) is None
        ):
            raise malformed(self.scope.soql, right.at, f"unexpected token: '{right.text}'")
        raise self._wrong(left, right)

    def _text(self, left: Operand, right: Literal) -> str | None:
        try:
            text = literals.text_of(right.text)
        except ValueError as error:
            raise self._bad_escape(right, error) from None
        if left.type in ID_TYPES and text:
            known = literals.id_18(text)
            if known is None:
                raise pointing(
                    "INVALID_QUERY_FILTER_OPERATOR", self.scope.soql, right.at, f"invalid ID field: {text}"
                )
            return known
        return text or None

    def _number(self, right: Literal) -> int | float | None:
        if right.kind == "word":
            return literals.currency_of(right.text)
        if right.kind != "number":
            return None
        try:
            return literals.number_of(right.text)
        except ValueError:
            raise malformed(self.scope.soql, right.at, f'For input string: "{right.text}"') from None

    def _moment(self, right: Literal) -> date | datetime:
        try:
            if right.kind == "date":
                return date.fromisoformat(right.text)
            return literals.datetime_of(right.text)
        except ValueError:
            raise malformed(self.scope.soql, right.at, f"Invalid {right.kind}: {right.text}") from None

    def _wrong(self, left: Operand, right: Literal) -> Exception:
        quoted = is_text(left.type) or left.type in ID_TYPES
        kind = _SHOWN_TYPES.get(left.type, "string" if is_text(left.type) else left.type)
        return wrong_literal(self.scope.soql, right.at, left.name, kind, quoted)

    def _bad_operator(self, node: Comparison, text: str = "invalid operator") -> Exception:
        return pointing("INVALID_QUERY_FILTER_OPERATOR", self.scope.soql, node.at, text)

    def _bad_escape(self, right: Literal, error: ValueError) -> Exception:
        text = f"Invalid string literal {right.text}. Illegal character sequence '{error}' in string literal."
        return malformed(self.scope.soql, right.at, text)
