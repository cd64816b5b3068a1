"""An object's validation rules as errors of the batch writer: the same SQL for one REST record and a Bulk job.

They run after the general rules and before duplicate rules and unique values (Salesforce Apex guide,
"Triggers and Order of Execution"). A record that breaks several rules is refused by the first of them by name.
"""

from __future__ import annotations

from collections.abc import Mapping

from loaders.rehearsal.formula import FormulaError, Naming, condition, fields_of, parse_formula
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo, ValidationRule
from loaders.rehearsal.org.store import literal, quote
from loaders.rehearsal.org.values import error

CODE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
_ANY = Naming(
    lambda info: quote(info.name), lambda info: quote(info.name), "false", "timestamp '2000-01-01 00:00:00'"
)


def formula_problem(formula: str, owner: ObjectInfo) -> str | None:
    """What is wrong with a rule's formula, in the words of a deployment; None if it can be enforced."""
    try:
        condition(parse_formula(formula), owner, _ANY)
    except FormulaError as problem:
        return str(problem)
    return None


def rule_of(
    name: str, formula: str, message: str, error_field: str | None, owner: ObjectInfo
) -> ValidationRule | None:
    """The rule as the catalogue keeps it; None if the object no longer has what it reads."""
    try:
        fields = tuple(fields_of(parse_formula(formula), owner))
        condition(parse_formula(formula), owner, _ANY)
    except FormulaError:
        return None
    return ValidationRule(name, formula, message, error_field, fields)


def needed_fields(info: ObjectInfo) -> list[FieldInfo]:
    """The fields that the object's validation rules read."""
    return list(dict.fromkeys(field for rule in info.validation_rules for field in rule.fields))


def validation_errors(
    info: ObjectInfo, operation: str, derived: Mapping[str, str], defaults: Mapping[str, str], now: str
) -> list[str]:
    """One expression per rule: its error where its formula is true. Reads `m_`, `d_` and `cur_` columns."""

    def new(field: FieldInfo) -> str:
        if field.name in derived:
            return quote("d_" + field.name)
        column = quote("m_" + field.name)
        return f"coalesce({column}, {defaults[field.name]})" if field.name in defaults else column

    def old(field: FieldInfo) -> str:
        return new(field) if operation == "insert" else quote("cur_" + field.name)

    is_new = "true" if operation == "insert" else "is_new"
    found = []
    for rule in info.validation_rules:
        # Fields that the API hides from this user are still there for a rule.
        fields = {**info.fields, **{field.name.lower(): field for field in rule.fields}}
        owner = ObjectInfo(info.name, fields=fields)
        test = condition(parse_formula(rule.formula), owner, Naming(new, old, is_new, now))
        refusal = error(CODE, literal(rule.message), literal(rule.error_field or ""))
        found.append(f"case when {test} then {refusal} end")
    return found
