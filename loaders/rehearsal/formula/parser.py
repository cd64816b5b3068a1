"""Formula text to nodes. Knows the grammar and no org."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

MAX_CHARACTERS = 3_900  # Salesforce help, "Formula Field Limits and Restrictions"
MAX_DEPTH = 60
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class FormulaError(Exception):
    """A formula that cannot be used; the text says why, in the words a deployment reports."""


@dataclass(frozen=True)
class Node:
    """One part of a formula: `kind` number, text, name, call or an operator; `value` its text."""

    kind: str
    value: str
    children: tuple[Node, ...] = ()
    depth: int = 1


def node(kind: str, value: str, children: tuple[Node, ...] = ()) -> Node:
    """A node that knows how deep it is. Raises FormulaError where that is too deep."""
    depth = 1 + max((child.depth for child in children), default=0)
    if depth > MAX_DEPTH:
        raise FormulaError("Formula is too complex: its functions are nested too deeply")
    return Node(kind, value, children, depth)


@v_args(inline=True)
class _Nodes(Transformer):  # type: ignore[misc]  # lark has no usable types
    """The parse tree as nodes; several operators of one rank become one node or a chain from the left."""

    def number(self, token: Token) -> Node:
        return node("number", str(token))

    def text(self, token: Token) -> Node:
        plain = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), str(token)[1:-1], flags=re.S)
        return node("text", plain)

    def name(self, token: Token) -> Node:
        return node("name", str(token))

    def call(self, token: Token, *arguments: Node | None) -> Node:
        return node("call", str(token).upper(), tuple(one for one in arguments if one is not None))

    def any_of(self, *parts: Node) -> Node:
        return node("call", "OR", parts)

    def all_of(self, *parts: Node) -> Node:
        return node("call", "AND", parts)

    def negation(self, part: Node) -> Node:
        return node("call", "NOT", (part,))

    def compare(self, left: Node, operator: Token, right: Node) -> Node:
        return node("compare", {"==": "=", "!=": "<>"}.get(operator, str(operator)), (left, right))

    def join(self, *parts: Node) -> Node:
        return node("join", "&", parts)

    def power(self, left: Node, right: Node) -> Node:
        return node("arithmetic", "^", (left, right))

    def sign(self, operator: Token, part: Node) -> Node:
        return node("arithmetic", str(operator), (node("number", "0"), part))

    def chain(self, first: Node, *rest: Any) -> Node:
        found = first
        for operator, part in zip(rest[::2], rest[1::2], strict=True):
            found = node("arithmetic", str(operator), (found, part))
        return found


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("formula.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=512)
def parse_formula(text: str) -> Node:
    """The formula as a tree. Raises FormulaError."""
    if len(text) > MAX_CHARACTERS:
        raise FormulaError(
            f"Formula is too long ({len(text)} characters). Maximum length is {MAX_CHARACTERS} characters"
        )
    try:
        found: Node = _Nodes().transform(_parser().parse(text))
        return found
    except UnexpectedInput as problem:
        raise FormulaError(_reason(problem, text)) from None
    except Exception as problem:
        cause = getattr(problem, "orig_exc", problem)
        if isinstance(cause, FormulaError):
            raise cause from None
        if isinstance(cause, RecursionError):
            raise FormulaError("Formula is too complex: its functions are nested too deeply") from None
        raise


def _reason(problem: UnexpectedInput, text: str) -> str:
    if isinstance(problem, UnexpectedToken) and problem.token.type != "$END":
        return f"Syntax error. Extra {problem.token}"
    if isinstance(problem, UnexpectedCharacters):
        return f"Syntax error. Unexpected character {text[problem.pos_in_stream or 0]!r}"
    opened = text.count("(") > text.count(")")
    return "Syntax error. Missing ')'" if opened else "Syntax error. Found end of formula"
