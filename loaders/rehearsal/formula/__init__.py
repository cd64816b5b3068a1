"""Formulas of validation rules: text in, a DuckDB condition out.

A subset of Salesforce's formula language (help, "Formula Operators and Functions"); what lies outside of
it is refused by name when the rule is deployed, so that a rule that is stored is a rule that is enforced.
"""

from __future__ import annotations

from loaders.rehearsal.formula.compiler import Naming, condition, fields_of
from loaders.rehearsal.formula.parser import FormulaError, parse_formula

__all__ = ["FormulaError", "Naming", "condition", "fields_of", "parse_formula"]
