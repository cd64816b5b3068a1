"""Describe and contract -> SQL conditions that say which mart rows the org would refuse. Pure: values in, SQL
out.

The conditions read the cells as `export.formatted_sql` writes them, trimmed as Salesforce trims them (a cell
of white space only is no value), so what is checked is what would be sent. Codes are Salesforce's where the
org would answer with one (error codes: SOAP API guide, "StatusCode"); codes of our own say why the loader
would hold a row back.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.describe import DescribedField, DescribedObject
from loaders.salesforce.export import NULL_MARK, literal, quoted
from loaders.salesforce.findings import BLOCKER, WARNING
from loaders.salesforce.parents import parents_of
from loaders.salesforce.structure import TEXT, kind_of_contract, kind_of_describe

MOST_SELECTED = 100  # values that a multi-select picklist takes at once
FIRST_YEAR, LAST_YEAR = 1700, 4000
LARGEST_INT = 2_147_483_647
ATOM = r"[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+"  # with the quote doubled for SQL
EMAIL = rf"{ATOM}(\.{ATOM})*@([A-Za-z0-9]([A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{{2,}}"
DATE = r"\d{4}-\d{2}-\d{2}"
DATE_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?"
WHOLE = r"[+-]?\d{1,15}(\.0*)?"
DECIMAL = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?"


@dataclass(frozen=True)
class RowCheck:
    """A condition over one row that must not hold; `field` is the API name that it is about."""

    code: str
    field: str
    condition: str
    message: str
    severity: str = BLOCKER


def parent_table(mart: str) -> str:
    """The temporary table with the keys of a mart that others may refer to: match_key, copies, refused."""
    return quoted(f"preflight_parent_{mart}")


def parent_alias(field: Field, mart: str) -> str:
    """Alias of the join of one lookup to one parent mart."""
    return quoted(f"parent:{field.name}:{mart}")


def row_checks(
    contract: Contract, contracts: Mapping[str, Contract], described: DescribedObject
) -> list[RowCheck]:
    """All conditions for the rows of a mart. Fields that the org lacks have none: structure.py names them."""
    checks = [RowCheck("MISSING_OR_EMPTY_RECORD_KEY", "", "_record_key is null", "the row has no record_key")]
    for field in contract.fields:
        found = described.field(field.name)
        if found is None:
            continue
        if field.is_lookup:
            checks.extend(_lookup_checks(contract, field, contracts))
        elif kind_of_contract(field) == kind_of_describe(found):
            checks.extend(_value_checks(field.name, found))
            checks.append(_null_mark(field.name))
        if found.required_on_create and contract.mode != "update" and field not in contract.later_fields:
            checks.append(
                RowCheck(
                    "REQUIRED_FIELD_MISSING", field.name, f"{quoted(field.name)} is null", "has no value"
                )
            )
    checks.extend(_object_checks(contract))
    return checks


def extra_columns(contract: Contract) -> list[str]:
    """Fields that an object rule reads although the contract does not fill them; their cells are empty."""
    filled = {field.name for field in contract.fields}
    wanted = [name for rule in _rules_of(contract) for name in rule["fields"].split()]
    return [name for name in dict.fromkeys(wanted) if name not in filled]


def object_columns(contract: Contract, contracts: Mapping[str, Contract]) -> list[str]:
    """SQL columns `<field>:object`: the object that a lookup points to, as far as marts and ledger tell."""
    columns = []
    for field in contract.fields:
        if not field.references:
            continue
        whens = " ".join(
            f"when {parent_alias(field, mart)}.match_key is not null then {literal(contracts[mart].object)}"
            for mart in field.references
        )
        columns.append(f"case {whens} end as {quoted(field.name + ':object')}")
    return columns


def _null_mark(name: str) -> RowCheck:
    """The text that the Bulk API reads as an order to empty the field."""
    return RowCheck(
        "NULL_LITERAL", name, f"{quoted(name)} = {literal(NULL_MARK)}", f"is literally {NULL_MARK}"
    )


def _lookup_checks(contract: Contract, field: Field, contracts: Mapping[str, Contract]) -> Iterator[RowCheck]:
    """Whether what a lookup names is, or will be, in the org."""
    cell = quoted(field.name)
    aliases = [parent_alias(field, parent) for parent in parents_of(contract, field)]
    nowhere = " and ".join(f"{alias}.match_key is null" for alias in aliases)
    if field.record_type:
        text = "is no record type that the user may give to records"
        yield RowCheck("RECORD_TYPE_MISSING", field.name, f"{cell} is not null and {nowhere}", text)
        return
    matched = [mart for mart in field.references if contracts[mart].mode == "match"]
    if len(matched) == len(aliases):
        people = contracts[matched[0]].object == "User"
        code, text = (
            ("OWNER_UNRESOLVED", "is no active user of the org")
            if people
            else ("MATCH_MISSING", f"is no {contracts[matched[0]].object} of the org")
        )
        yield RowCheck(code, field.name, f"{cell} is not null and {nowhere}", text)
        several = f"{parent_alias(field, matched[0])}.copies > 1"
        yield RowCheck(
            "OWNER_AMBIGUOUS" if people else "MATCH_AMBIGUOUS", field.name, several, "is there several times"
        )
        return
    names = " or ".join(f"sf_{mart}" for mart in field.references)
    yield RowCheck(
        "PARENT_MISSING",
        field.name,
        f"{cell} is not null and {nowhere}",
        f"is neither in {names} nor in the org",
    )
    refused = " or ".join(f"{alias}.refused" for alias in aliases)
    yield RowCheck("PARENT_REFUSED", field.name, f"({refused})", "would be refused itself")


def _value_checks(name: str, found: DescribedField) -> Iterator[RowCheck]:
    """What the org's type says about a cell."""
    cell = quoted(name)
    given = f"{cell} is not null"
    if found.type == "boolean":
        words = "'true', '1', 'yes', 'false', '0', 'no'"
        yield _unreadable(name, f"{given} and lower({cell}) not in ({words})", "is neither true nor false")
    elif found.type == "date":
        value = f"try_cast(case when {_full(cell, DATE)} then {cell} end as date)"
        yield _unreadable(name, f"{given} and {_no_moment(value)}", "is no date between 1700 and 4000")
    elif found.type == "datetime":
        whole = rf"regexp_replace({cell}, 'T(\d\d:\d\d)(Z|[+-]|$)', 'T\1:00\2')"
        value = f"try_cast(case when {_full(cell, DATE_TIME)} then {whole} end as timestamptz)"
        yield _unreadable(name, f"{given} and {_no_moment(value)}", "is no time between 1700 and 4000")
    elif found.type == "int":
        value = f"try_cast(case when {_full(cell, WHOLE)} then {cell} end as double)"
        bad = f"({value} is null or abs({value} + 0.5) > {LARGEST_INT}.5)"
        yield _unreadable(name, f"{given} and {bad}", f"is no whole number up to {LARGEST_INT:,}")
    elif found.type in ("double", "currency", "percent"):
        yield from _number_checks(name, found)
    elif found.type in TEXT:
        yield from _text_checks(name, found)


def _number_checks(name: str, found: DescribedField) -> Iterator[RowCheck]:
    """Readable, and no more digits before the point than the field has."""
    cell = quoted(name)
    value = f"try_cast(case when {_full(cell, DECIMAL)} then {cell} end as double)"
    yield _unreadable(name, f"{cell} is not null and ({value} is null or isinf({value}))", "is no number")
    if found.precision:
        digits = found.precision - found.scale
        yield RowCheck(
            "NUMBER_OUTSIDE_VALID_RANGE",
            name,
            f"abs(round({value}, {found.scale})) >= 1e{digits}",
            f"has more than {digits} digits before the point",
        )


def _text_checks(name: str, found: DescribedField) -> Iterator[RowCheck]:
    """Length in characters, the shape of an e-mail address, and values that a picklist has."""
    cell = quoted(name)
    if found.length and not (found.type == "picklist" and found.restricted and found.values):
        yield RowCheck(
            "STRING_TOO_LONG",
            name,
            f"length({cell}) > {found.length}",
            f"is longer than {found.length} characters",
        )
    if found.type == "email":
        yield RowCheck(
            "INVALID_EMAIL_ADDRESS",
            name,
            f"{cell} is not null and not {_full(cell, EMAIL)}",
            "is no e-mail address that Salesforce accepts",
        )
    if found.type == "multipicklist":
        yield RowCheck(
            "TOO_MANY_ENUM_VALUE",
            name,
            f"len({_selected(cell)}) > {MOST_SELECTED}",
            f"selects more than {MOST_SELECTED} values",
        )
    if found.type in ("picklist", "multipicklist") and found.values:
        yield _picklist_check(name, found)


def _picklist_check(name: str, found: DescribedField) -> RowCheck:
    """A value that the picklist lacks: refused if restricted, else stored as it is, which nobody wants."""
    cell = quoted(name)
    if found.type == "multipicklist":
        known = "[" + ", ".join(literal(value) for value in found.values) + "]"
        unknown = f"not list_has_all({known}, {_selected(cell)})"
    else:
        unknown = (
            f"lower({cell}) not in ({', '.join(sorted({literal(value.lower()) for value in found.values}))})"
        )
    condition = f"{cell} is not null and {unknown}"
    if found.restricted:
        return RowCheck(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", name, condition, "is not in the restricted picklist"
        )
    return RowCheck(
        "PICKLIST_VALUE_UNKNOWN",
        name,
        condition,
        "is not in the picklist; the org would store it all the same",
        WARNING,
    )


def _selected(cell: str) -> str:
    """SQL: the values of a multi-select cell."""
    split = f"list_transform(string_split({cell}, ';'), lambda one: trim(one))"
    return f"list_filter({split}, lambda one: one <> '')"


def _unreadable(name: str, condition: str, message: str) -> RowCheck:
    """A cell that the org cannot read as its type: INVALID_FIELD, "Failed to deserialize field"."""
    return RowCheck("INVALID_FIELD", name, condition, message)


def _full(cell: str, pattern: str) -> str:
    """SQL: the whole cell matches."""
    return f"regexp_full_match({cell}, '{pattern}')"


def _no_moment(value: str) -> str:
    """SQL: not a date, or outside of the years that Salesforce stores."""
    return f"({value} is null or year({value}) not between {FIRST_YEAR} and {LAST_YEAR})"


def _object_checks(contract: Contract) -> Iterator[RowCheck]:
    """Rules of single objects that describe does not tell (row_rules.csv)."""
    for rule in _rules_of(contract):
        yield RowCheck(rule["code"], rule["fields"].split()[0], f"({rule['condition']})", rule["message"])


def _rules_of(contract: Contract) -> Sequence[Mapping[str, str]]:
    """The object's rules that read at least one field of the contract, or that ask for one of several."""
    names = {field.name for field in contract.fields}
    lookups = {field.name for field in contract.fields if field.references}
    return [
        rule
        for rule in _rules()
        if rule["sf_object"] == contract.object
        and (":object" not in rule["condition"] or lookups.issuperset(rule["fields"].split()[:1]))
        and (rule["code"] == "REQUIRED_FIELD_MISSING" or names.intersection(rule["fields"].split()))
    ]


@cache
def _rules() -> tuple[Mapping[str, str], ...]:
    """row_rules.csv."""
    document = files("loaders.salesforce").joinpath("row_rules.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(document.splitlines()))
