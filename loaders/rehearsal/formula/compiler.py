"""Formula nodes to DuckDB expressions, with Salesforce's types: Text, Number, Boolean, Date, DateTime, Picklist.

An empty text is a text without characters, an empty number or date is null and compares as false; picklists
are only read by the functions made for them (Salesforce help, "Tips for Using Picklist Formula Fields").
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

import duckdb

from loaders.rehearsal.formula.parser import FormulaError, Node
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.store import literal

KINDS = {
    "boolean": "Boolean", "int": "Number", "double": "Number", "currency": "Number", "percent": "Number",
    "date": "Date", "datetime": "DateTime", "picklist": "Picklist", "multipicklist": "Multipicklist",
    "string": "Text", "textarea": "Text", "email": "Text", "phone": "Text", "url": "Text", "id": "Text",
    "reference": "Text", "combobox": "Text", "encryptedstring": "Text",
}  # fmt: skip
UNKNOWN = "Unknown function {0}. Check spelling, or leave the rule out: the rehearsal org enforces {1}"


@dataclass(frozen=True)
class Naming:
    """SQL of a field's value after (`new`) and before (`old`) the write, of a new record's mark and of the time."""

    new: Callable[[FieldInfo], str]
    old: Callable[[FieldInfo], str]
    is_new: str
    now: str


@dataclass(frozen=True)
class Typed:
    """An expression and its type; `field` for a bare field, whose column some functions need as it is."""

    sql: str
    type: str
    field: FieldInfo | None = field(default=None, compare=False)


def condition(formula: Node, owner: ObjectInfo, naming: Naming) -> str:
    """SQL that is true where the rule refuses. Raises FormulaError."""
    found = _Compiler(owner, naming).compile(formula)
    if found.type != "Boolean":
        raise FormulaError(
            f"Formula result is data type ({found.type}), incompatible with expected data type (true or false)."
        )
    # A value that a function cannot take (a day out of range, an overflow) makes the rule silent, not the write fail.
    return f"coalesce(try({found.sql}), false)"


def fields_of(formula: Node, owner: ObjectInfo) -> list[FieldInfo]:
    """The fields that a formula names, once each. Raises FormulaError for an unknown one."""
    return list(dict.fromkeys(_field(owner, name) for name in _names(formula)))


def _names(formula: Node) -> Iterator[str]:
    if formula.kind == "name" and formula.value.upper() not in ("TRUE", "FALSE", "NULL"):
        yield formula.value
    for child in formula.children:
        yield from _names(child)


def _field(owner: ObjectInfo, name: str) -> FieldInfo:
    if "." in name or name.startswith("$"):
        raise FormulaError(
            f"{name}: fields of other objects and global variables are outside of what the rehearsal org enforces"
        )
    if not owner.has(name):
        raise FormulaError(f"Field {name} does not exist. Check spelling.")
    found = owner.field(name)
    if found.type not in KINDS or found.storage_type is None:
        raise FormulaError(f"Field {name} is of type {found.type}, which formulas cannot read here")
    return found


@lru_cache(maxsize=1)
def _simple() -> Mapping[str, tuple[tuple[str, ...], str, str]]:
    text = resources.files(__package__).joinpath("functions.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["name"]: (tuple(row["arguments"].split()), row["result"], row["sql"]) for row in rows}


class _Compiler:
    def __init__(self, owner: ObjectInfo, naming: Naming) -> None:
        self.owner, self.naming = owner, naming
        self.special: dict[str, Callable[[Node], Typed]] = {
            "AND": self._junction, "OR": self._junction, "NOT": self._not, "IF": self._if, "CASE": self._case,
            "ISBLANK": self._is_blank, "ISNULL": self._is_blank, "ISPICKVAL": self._is_value,
            "INCLUDES": self._is_value, "ISNEW": self._is_new, "ISCHANGED": self._is_changed,
            "PRIORVALUE": self._prior, "TEXT": self._text, "REGEX": self._regex, "TODAY": self._today,
            "NOW": self._now, "DATEVALUE": self._date_value, "BLANKVALUE": self._blank_value,
            "NULLVALUE": self._blank_value, "MIN": self._extreme, "MAX": self._extreme,
        }  # fmt: skip

    def compile(self, part: Node) -> Typed:
        """The expression of a node."""
        if part.kind == "number":
            return Typed(f"{part.value}::double", "Number")
        if part.kind == "text":
            return Typed(literal(part.value.replace("\x00", "")), "Text")
        if part.kind == "name":
            return self._name(part.value)
        if part.kind == "compare":
            return self._compare(part)
        if part.kind == "join":
            return Typed(f"({' || '.join(self._of(one, 'Text', '&') for one in part.children)})", "Text")
        if part.kind == "arithmetic":
            return self._arithmetic(part)
        if part.value in self.special:
            return self.special[part.value](part)
        if part.value not in _simple():
            known = ", ".join(sorted([*self.special, *_simple()]))
            raise FormulaError(UNKNOWN.format(part.value, known))
        types, result, sql = _simple()[part.value]
        self._count(part, len(types), len(types))
        values = [
            self._of(one, kind, f"{part.value}()") for one, kind in zip(part.children, types, strict=True)
        ]
        return Typed(f"({sql.format(*values)})", result)

    # -- names and types

    def _name(self, name: str) -> Typed:
        upper = name.upper()
        if upper in ("TRUE", "FALSE"):
            return Typed(upper.lower(), "Boolean")
        if upper == "NULL":
            return Typed("null", "Null")
        info = _field(self.owner, name)
        return self._value(info, self.naming.new(info))

    def _value(self, info: FieldInfo, column: str) -> Typed:
        kind = KINDS[info.type]
        if info.type in ("id", "reference"):
            return Typed(f"coalesce(left({column}, 15), '')", kind, info)
        if info.type == "percent":
            return Typed(f"({column} / 100)", kind, info)
        if kind in ("Text", "Picklist", "Multipicklist"):
            return Typed(f"coalesce({column}, '')", kind, info)
        return Typed(f"{column}::double" if kind == "Number" else column, kind, info)

    def _of(self, part: Node, kind: str, where: str) -> str:
        """The expression of a part that has to be of a type."""
        found = self.compile(part)
        if found.type == "Null" and kind == "Text":
            return "''"
        if found.type not in (kind, "Null"):
            raise _wrong_type(found, kind, where)
        return found.sql

    def _count(self, part: Node, least: int, most: int) -> None:
        if not least <= len(part.children) <= most:
            expected = str(least) if least == most else f"at least {least}"
            raise FormulaError(
                f"Incorrect number of parameters for function '{part.value}()'. Expected {expected}, "
                f"received {len(part.children)}"
            )

    # -- operators

    def _compare(self, part: Node) -> Typed:
        left, right = (self.compile(one) for one in part.children)
        where = f"operator '{part.value}'"
        for one in (left, right):
            if one.type in ("Picklist", "Multipicklist"):
                raise _wrong_type(one, "Text", where)
        if left.type != right.type and "Null" not in (left.type, right.type):
            raise FormulaError(
                f"Incorrect parameter type for {where}. Expected {left.type}, received {right.type}"
            )
        if part.value in ("=", "<>"):
            blank = "nullif({0}, '')" if "Text" in (left.type, right.type) else "{0}"
            both = [blank.format(one.sql) if one.type != "Null" else "null" for one in (left, right)]
            word = "is not distinct from" if part.value == "=" else "is distinct from"
            return Typed(f"({both[0]} {word} {both[1]})", "Boolean")
        return Typed(f"coalesce({left.sql} {part.value} {right.sql}, false)", "Boolean")

    def _arithmetic(self, part: Node) -> Typed:
        left, right = (self.compile(one) for one in part.children)
        where, a, b = f"operator '{part.value}'", left.sql, right.sql
        kinds = (left.type, right.type)
        if part.value == "+" and kinds == ("Text", "Text"):
            return Typed(f"({a} || {b})", "Text")
        if part.value == "-" and kinds == ("Date", "Date"):
            return Typed(f"date_diff('day', {b}, {a})::double", "Number")
        if part.value == "-" and kinds == ("DateTime", "DateTime"):
            return Typed(f"(date_diff('second', {b}, {a}) / 86400.0)", "Number")
        if part.value in "+-" and kinds[0] in ("Date", "DateTime") and kinds[1] == "Number":
            step = f"({b})::bigint" if kinds[0] == "Date" else f"to_seconds(({b}) * 86400)"
            return Typed(
                f"({a} {part.value} {step})::{'date' if kinds[0] == 'Date' else 'timestamp'}", kinds[0]
            )
        for one in (left, right):
            if one.type not in ("Number", "Null"):
                raise _wrong_type(one, "Number", where)
        if part.value == "/":
            return Typed(f"({a} / nullif({b}, 0))", "Number")
        return Typed(f"pow({a}, {b})" if part.value == "^" else f"({a} {part.value} {b})", "Number")

    # -- functions with rules of their own

    def _junction(self, part: Node) -> Typed:
        self._count(part, 1, 999)
        parts = [self._of(one, "Boolean", f"{part.value}()") for one in part.children]
        return Typed(f"({f' {part.value.lower()} '.join(parts)})", "Boolean")

    def _not(self, part: Node) -> Typed:
        self._count(part, 1, 1)
        return Typed(f"(not {self._of(part.children[0], 'Boolean', 'NOT()')})", "Boolean")

    def _if(self, part: Node) -> Typed:
        self._count(part, 3, 3)
        test = self._of(part.children[0], "Boolean", "IF()")
        first, second = (self.compile(one) for one in part.children[1:])
        kind = self._same("IF()", first, second)
        return Typed(f"(case when {test} then {first.sql} else {second.sql} end)", kind)

    def _case(self, part: Node) -> Typed:
        self._count(part, 4, 999)
        if len(part.children) % 2:
            raise FormulaError("Incorrect number of parameters for function 'CASE()'")
        tested, *rest = (self.compile(one) for one in part.children)
        pairs, other = list(zip(rest[:-1:2], rest[1:-1:2], strict=True)), rest[-1]
        kind = self._same("CASE()", other, *(result for _, result in pairs))
        cases = " ".join(
            f"when {tested.sql} is not distinct from {value.sql} then {result.sql}" for value, result in pairs
        )
        return Typed(f"(case {cases} else {other.sql} end)", kind)

    def _same(self, where: str, *parts: Typed) -> str:
        kinds = {part.type for part in parts} - {"Null"}
        for part in parts:
            if part.type in ("Picklist", "Multipicklist"):
                raise _wrong_type(part, "Text", where)
        if len(kinds) > 1:
            expected, received = sorted(kinds)[:2]
            raise FormulaError(
                f"Incorrect parameter type for function '{where}'. Expected {expected}, received {received}"
            )
        return next(iter(kinds), "Null")

    def _is_blank(self, part: Node) -> Typed:
        self._count(part, 1, 1)
        found = self.compile(part.children[0])
        texts = ("Text", "Picklist", "Multipicklist")
        return Typed(f"({found.sql} = '')" if found.type in texts else f"({found.sql} is null)", "Boolean")

    def _is_value(self, part: Node) -> Typed:
        self._count(part, 2, 2)
        wanted = "Picklist" if part.value == "ISPICKVAL" else "Multipicklist"
        picked, value = self.compile(part.children[0]), part.children[1]
        if picked.type != wanted:
            raise _wrong_type(picked, wanted, f"function '{part.value}()'")
        if value.kind != "text":
            raise FormulaError(f"Function {part.value} needs a text in quotes as its second parameter")
        if wanted == "Picklist":
            return Typed(f"({picked.sql} = {literal(value.value)})", "Boolean")
        return Typed(f"list_contains(string_split({picked.sql}, ';'), {literal(value.value)})", "Boolean")

    def _is_new(self, part: Node) -> Typed:
        self._count(part, 0, 0)
        return Typed(self.naming.is_new, "Boolean")

    def _own_field(self, part: Node) -> FieldInfo:
        self._count(part, 1, 1)
        if part.children[0].kind != "name":
            raise FormulaError(f"Function {part.value} may only be used on a field")
        return _field(self.owner, part.children[0].value)

    def _is_changed(self, part: Node) -> Typed:
        info = self._own_field(part)
        changed = f"{self.naming.new(info)} is distinct from {self.naming.old(info)}"
        return Typed(f"(not {self.naming.is_new} and {changed})", "Boolean")

    def _prior(self, part: Node) -> Typed:
        info = self._own_field(part)
        new, old = self.naming.new(info), self.naming.old(info)
        return self._value(info, f"(case when {self.naming.is_new} then {new} else {old} end)")

    def _text(self, part: Node) -> Typed:
        self._count(part, 1, 1)
        found = self.compile(part.children[0])
        if found.type in ("Text", "Boolean", "Multipicklist"):
            raise _wrong_type(found, "Number, Date, DateTime, Picklist", "function 'TEXT()'")
        if found.type == "Number":
            whole = f"{found.sql} = trunc({found.sql}) and abs({found.sql}) < 1e15"
            plain = f"case when {whole} then ({found.sql})::bigint::varchar else ({found.sql})::varchar end"
            return Typed(f"coalesce({plain}, '')", "Text")
        if found.type == "DateTime":
            return Typed(f"coalesce(strftime({found.sql}, '%Y-%m-%d %H:%M:%SZ'), '')", "Text")
        return Typed(f"coalesce(({found.sql})::varchar, '')", "Text")

    def _regex(self, part: Node) -> Typed:
        self._count(part, 2, 2)
        pattern = part.children[1]
        if pattern.kind != "text":
            raise FormulaError("Function REGEX needs a text in quotes as its second parameter")
        try:
            duckdb.execute(f"select regexp_full_match('', {literal(pattern.value)})")
        except duckdb.Error:
            raise FormulaError(
                f"Function REGEX: {pattern.value} is no regular expression that the rehearsal org can read"
            ) from None
        return Typed(
            f"regexp_full_match({self._of(part.children[0], 'Text', 'REGEX()')}, {literal(pattern.value)})",
            "Boolean",
        )

    def _today(self, part: Node) -> Typed:
        self._count(part, 0, 0)
        return Typed(f"({self.naming.now})::date", "Date")

    def _now(self, part: Node) -> Typed:
        self._count(part, 0, 0)
        return Typed(self.naming.now, "DateTime")

    def _date_value(self, part: Node) -> Typed:
        self._count(part, 1, 1)
        found = self.compile(part.children[0])
        if found.type not in ("DateTime", "Text", "Null"):
            raise _wrong_type(found, "DateTime", "function 'DATEVALUE()'")
        return Typed(f"try_cast({found.sql} as date)", "Date")

    def _blank_value(self, part: Node) -> Typed:
        self._count(part, 2, 2)
        first, second = (self.compile(one) for one in part.children)
        kind = self._same(f"{part.value}()", first, second)
        value = f"nullif({first.sql}, '')" if first.type == "Text" else first.sql
        return Typed(f"coalesce({value}, {second.sql})", kind)

    def _extreme(self, part: Node) -> Typed:
        self._count(part, 1, 999)
        values = ", ".join(self._of(one, "Number", f"{part.value}()") for one in part.children)
        return Typed(f"{'least' if part.value == 'MIN' else 'greatest'}({values})", "Number")


def _wrong_type(found: Typed, expected: str, where: str) -> FormulaError:
    if found.type in ("Picklist", "Multipicklist") and found.field and expected == "Text":
        return FormulaError(
            f"Field {found.field.name} is a picklist field. Picklist fields are only supported in certain functions."
        )
    place = where if where.startswith(("operator", "function")) else f"function '{where}'"
    return FormulaError(f"Incorrect parameter type for {place}. Expected {expected}, received {found.type}")
