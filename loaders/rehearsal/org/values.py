"""How text becomes a Salesforce value: one DuckDB expression per field type, and the error when it does
not.

Used for REST and Bulk alike. An input cell is text; SQL null means "not given", the null marker means
"set to null". Nothing here looks at other records.
"""

from __future__ import annotations

from dataclasses import dataclass

from loaders.rehearsal.org.catalogue import FieldInfo
from loaders.rehearsal.org.ids import long_id_sql
from loaders.rehearsal.org.store import literal

MARK = "chr(31)"
LOCAL = r"[A-Za-z0-9!#$%&''*/=?^_+\-`{|}~]+(\.[A-Za-z0-9!#$%&''*/=?^_+\-`{|}~]+)*"
# Labels of any length: a bound of 61 makes the pattern cost more to compile than a whole record to check.
DOMAIN = r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,}"
EMAIL = f"'{LOCAL}@{DOMAIN}'"
DATE_PATTERN = r"'\d{4}-\d{2}-\d{2}'"
TIME_PATTERN = r"'\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?'"
INT_PATTERN = r"'[+-]?\d{1,15}(\.0*)?'"
NUMBER_PATTERN = r"'[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?'"


@dataclass(frozen=True)
class Parsed:
    """SQL of one cell: its typed value, the test that it cannot be read, and the later checks in their
    order."""

    value: str
    unreadable: str | None
    errors: tuple[str, ...] = ()


def error(code: str, message: str, fields: str = "''") -> str:
    """SQL text that carries an error: code, message and field names; `message` and `fields` are SQL."""
    return f"({literal(code)} || {MARK} || {message} || {MARK} || {fields})"


def trimmed(cell: str, null_marker: str) -> str:
    """SQL: the cell without surrounding white space; null if nothing is left or it is the null marker.

    Trimming costs more than everything else that happens to a clean text, so only cells that need it
    are trimmed.
    """
    ends = " or ".join(f"suffix({cell}, {blank})" for blank in ("' '", "e'\\n'", "e'\\t'", "e'\\r'"))
    return (
        f"case when {cell} = {literal(null_marker)} then null "
        f"when {cell} < '!' or {ends} then nullif(trim({cell}, e' \\t\\r\\n'), '') else {cell} end"
    )


def parse(field: FieldInfo, cell: str) -> Parsed:
    """The expressions for a field; `cell` is the trimmed text column, null where there is no value."""
    name = literal(field.name)
    kind = field.type
    if kind == "boolean":
        value = (
            f"(case when lower({cell}) in ('true', '1', 'yes') then true "
            f"when lower({cell}) in ('false', '0', 'no') then false end)"
        )
        return Parsed(value, f"{cell} is not null and {value} is null")
    if kind == "int":
        whole = f"regexp_full_match({cell}, {INT_PATTERN})"
        value = f"(case when {whole} then try_cast({cell} as double)::bigint end)"
        bad = f"{cell} is not null and ({value} is null or {value} not between -2147483648 and 2147483647)"
        return Parsed(value, bad)
    if kind in ("double", "currency", "percent"):
        return _number(field, cell)
    if kind == "date":
        value = f"(case when regexp_full_match({cell}, {DATE_PATTERN}) then try_cast({cell} as date) end)"
        return Parsed(value, f"{cell} is not null and ({value} is null or {_outside(value)})")
    if kind == "datetime":
        full = rf"regexp_replace({cell}, 'T(\d\d:\d\d)(Z|[+-]|$)', 'T\1:00\2')"
        stamp = f"make_timestamp(epoch_us(try_cast({full} as timestamptz)))"
        value = (
            f"(case when regexp_full_match({cell}, {TIME_PATTERN}) then date_trunc('second', {stamp}) end)"
        )
        return Parsed(value, f"{cell} is not null and ({value} is null or {_outside(value)})")
    if kind == "id" or (kind == "reference" and field.reference_to):
        return Parsed(long_id_sql(cell), None)
    errors = [_too_long(field, cell)] if field.length else []
    if kind == "email":
        message = f"{literal(field.label + ': invalid email address: ')} || {cell}"
        bad = f"{cell} is not null and not regexp_full_match({cell}, {EMAIL})"
        errors.append(f"case when {bad} then {error('INVALID_EMAIL_ADDRESS', message, name)} end")
    if kind == "picklist":
        return _picklist(field, cell, errors)
    if kind == "multipicklist":
        return _multipicklist(field, cell, errors)
    return Parsed(cell, None, tuple(errors))


def _outside(value: str) -> str:
    return f"year({value}) not between 1700 and 4000"


def _number(field: FieldInfo, cell: str) -> Parsed:
    raw = f"(case when regexp_full_match({cell}, {NUMBER_PATTERN}) then try_cast({cell} as double) end)"
    value = f"round({raw}, {field.scale})" if field.precision else raw
    errors: tuple[str, ...] = ()
    if field.precision:
        limit = f"1e{field.precision - field.scale}"
        message = f"{literal(field.label + ': value outside of valid range on numeric field: ')} || {cell}"
        refusal = error("NUMBER_OUTSIDE_VALID_RANGE", message, literal(field.name))
        errors = (f"case when abs({value}) >= {limit} then {refusal} end",)
    return Parsed(value, f"{cell} is not null and ({raw} is null or isinf({raw}))", errors)


def _too_long(field: FieldInfo, cell: str) -> str:
    message = (
        f"{literal(field.label + ': data value too large: ')} || left({cell}, 255) || "
        f"{literal(f' (max length={field.length})')}"
    )
    refusal = error("STRING_TOO_LONG", message, literal(field.name))
    # strlen counts bytes at once; characters are only counted where there are enough bytes.
    return f"case when strlen({cell}) > {field.length} and length({cell}) > {field.length} then {refusal} end"


def _bad_picklist(field: FieldInfo, value: str) -> str:
    message = f"{literal(field.label + ': bad value for restricted picklist field: ')} || {value}"
    return error("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, literal(field.name))


def _picklist(field: FieldInfo, cell: str, errors: list[str]) -> Parsed:
    active = [value for value, _, is_active, _ in field.picklist_values if is_active]
    if not field.restricted_picklist or not active:
        return Parsed(cell, None, tuple(errors))
    lookup = "map {" + ", ".join(f"{literal(v.lower())}: {literal(v)}" for v in active) + "}"
    known = f"({lookup})[lower({cell})]"
    # An unknown value stays a value: it is refused as such and not as a required field that is missing.
    value = f"coalesce({known}, {cell})"
    errors = [f"case when {cell} is not null and {known} is null then {_bad_picklist(field, cell)} end"]
    return Parsed(value, None, tuple(errors))


def _multipicklist(field: FieldInfo, cell: str, errors: list[str]) -> Parsed:
    active = [value for value, _, is_active, _ in field.picklist_values if is_active]
    wanted = f"list_filter(list_transform(string_split({cell}, ';'), lambda x: trim(x)), lambda x: x <> '')"
    if not active:
        return Parsed(f"array_to_string(list_distinct({wanted}), ';')", None, tuple(errors))
    known = "[" + ", ".join(literal(value) for value in active) + "]"
    ordered = (
        f"list_concat(list_filter({known}, lambda k: list_contains({wanted}, k)), "
        f"list_filter(list_sort(list_distinct({wanted})), lambda x: not list_contains({known}, x)))"
    )
    value = f"nullif(array_to_string({ordered}, ';'), '')"
    if field.restricted_picklist:
        unknown = f"list_filter({wanted}, lambda x: not list_contains({known}, x))"
        errors.append(f"case when len({unknown}) > 0 then {_bad_picklist(field, f'({unknown})[1]')} end")
    return Parsed(value, None, tuple(errors))
