"""Query text to nodes. Knows the grammar and nothing about any org."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any, NoReturn, cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from loaders.rehearsal.soql.errors import SoqlError, malformed
from loaders.rehearsal.soql.nodes import (
    Call,
    Comparison,
    Condition,
    Expression,
    Item,
    Junction,
    Literal,
    Negation,
    Order,
    Path,
    Query,
    Search,
    TypeOf,
)

# Limits of the platform; they also bound the recursion of the compiler.
MAX_CHARACTERS = 100_000
MAX_DEPTH = 60
MAX_PATH = 6
_CACHEABLE = 4_000
_CLAUSE_ORDER = (
    "scope",
    "where",
    "with",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "for",
    "update",
    "rows",
)


def parse_query(soql: str) -> Query:
    """The query. Raises SoqlError MALFORMED_QUERY (or QUERY_TOO_COMPLICATED for absurd nesting)."""
    return cast(Query, _cached(soql, "soql") if len(soql) < _CACHEABLE else _parse(soql, "soql"))


def parse_search(sosl: str) -> Search:
    """The search. Raises SoqlError MALFORMED_SEARCH."""
    try:
        return cast(Search, _parse(sosl, "sosl"))
    except SoqlError as error:
        raise SoqlError("MALFORMED_SEARCH", error.message) from None


@lru_cache(maxsize=512)
def _cached(text: str, start: str) -> Query | Search:
    return _parse(text, start)


def _parse(text: str, start: str) -> Query | Search:
    if len(text) > MAX_CHARACTERS:
        raise SoqlError(
            "MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_CHARACTERS} characters."
        )
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise malformed(text, 0, "the query is not valid Unicode text")
    try:
        result: Query | Search = _lark().parse(text, start=start)
        return result
    except SoqlError:
        raise
    except VisitError as error:
        if isinstance(error.orig_exc, _Refused):
            _refuse(text, error.orig_exc)
        raise
    except _Refused as error:
        _refuse(text, error)
    except UnexpectedInput as error:
        _unexpected(text, error)


def _refuse(text: str, error: _Refused) -> NoReturn:
    raise malformed(text, error.at, error.text) from None


def _unexpected(text: str, error: UnexpectedInput) -> NoReturn:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        raise malformed(text, len(text), "unexpected token: '<EOF>'") from None
    at = error.pos_in_stream or 0
    rest = text[at:]
    if isinstance(error, UnexpectedCharacters) and rest.startswith("'"):
        raise malformed(
            text, at, "line breaks or the end of the query inside a string: expecting '''"
        ) from None
    shown = str(error.token) if isinstance(error, UnexpectedToken) else (rest.split() or ["<EOF>"])[0]
    raise malformed(text, at, f"unexpected token: '{shown[:80]}'") from None


@lru_cache(maxsize=1)
def _lark() -> Lark:
    grammar = resources.files(__package__).joinpath("soql.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", start=["soql", "sosl"], transformer=_Builder(), maybe_placeholders=True
    )


class _Refused(Exception):
    """A rule that the grammar cannot say; becomes MALFORMED_QUERY at its place."""

    def __init__(self, at: int, text: str) -> None:
        super().__init__(text)
        self.at = at
        self.text = text


def _at(token: Token) -> int:
    return token.start_pos or 0


def _path(token: Token) -> Path:
    if token.count(".") >= MAX_PATH:
        raise _Refused(
            _at(token),
            "SOQL relationships may not traverse more than 5 levels of child-to-parent relationships",
        )
    return Path(str(token), _at(token))


def _depth(*nodes: Any) -> int:
    depth = 1 + max((getattr(node, "depth", 1) for node in nodes), default=0)
    if depth > MAX_DEPTH:
        raise SoqlError(
            "QUERY_TOO_COMPLICATED", "Query is too complicated: conditions are nested too deeply."
        )
    return depth


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):  # type: ignore[misc]  # lark is untyped here
    """Called by the parser while it parses, so nesting costs no recursion."""

    def soql(self, query: Query) -> Query:
        return query

    def path(self, token: Token) -> Path:
        return _path(token)

    def call(self, token: Token, argument: Expression | None) -> Call:
        levels, inner = 1, argument
        while isinstance(inner, Call):
            levels, inner = levels + 1, inner.argument
        if "." in token or levels > 3:
            raise _Refused(_at(token), f"unexpected token: '{token}'")
        return Call(str(token), argument, _at(token))

    def item(self, expression: Expression, alias: Token | None = None) -> Item:
        return Item(expression, _alias(alias))

    def child(self, query: Query) -> Item:
        return Item(query)

    def branch(self, _when: Token, name: Token, _then: Token, fields: tuple[Path, ...]) -> Any:
        return (_path(name), fields)

    def otherwise(self, _else: Token, fields: tuple[Path, ...]) -> Any:
        return (None, fields)

    def paths(self, *tokens: Token) -> tuple[Path, ...]:
        return tuple(map(_path, tokens))

    def typeof(self, _typeof: Token, relationship: Token, *rest: Any) -> Item:
        branches = [branch for branch in rest if isinstance(branch, tuple)]
        otherwise = next((fields for name, fields in branches if name is None), ())
        chosen = tuple((name, fields) for name, fields in branches if name is not None)
        return Item(TypeOf(_path(relationship), chosen, otherwise))

    def items(self, *items: Item) -> tuple[Item, ...]:
        return items

    def source(self, path: Token, *rest: Token) -> tuple[Path, Path | None]:
        return _path(path), _alias(rest[-1] if rest else None)

    def sources(self, *sources: Any) -> tuple[Any, ...]:
        return sources

    def scope(self, using: Token, _scope: Token, _name: Token) -> Any:
        return ("scope", None, _at(using))

    def where(self, word: Token, condition: Condition) -> Any:
        return ("where", condition, _at(word))

    def with_mode(self, word: Token, mode: Token) -> Any:
        if mode.upper() not in ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"):
            raise _Refused(_at(mode), f"unexpected token: '{mode}'")
        return ("with", None, _at(word))

    def groups(self, *expressions: Expression) -> Any:
        return ("", expressions)

    def subtotals(self, word: Token, *expressions: Expression) -> Any:
        return (word.lower(), expressions)

    def group(self, word: Token, _by: Token, groups: Any) -> Any:
        return ("group", groups, _at(word))

    def having(self, word: Token, condition: Condition) -> Any:
        return ("having", condition, _at(word))

    def order(self, expression: Expression, *words: Token) -> Order:
        said = {word.type for word in words}
        return Order(expression, "DESC" in said, "LAST" in said)

    def order_by(self, word: Token, _by: Token, *orders: Order) -> Any:
        return ("order", orders, _at(word))

    def limit(self, word: Token, number: Token) -> Any:
        return ("limit", _whole(number), _at(word))

    def offset(self, word: Token, number: Token) -> Any:
        return ("offset", _whole(number), _at(word))

    def for_use(self, word: Token, *uses: Token) -> Any:
        return _statistics("for", ("VIEW", "REFERENCE", "UPDATE"), word, uses)

    def update_statistics(self, word: Token, *uses: Token) -> Any:
        return _statistics("update", ("TRACKING", "VIEWSTAT"), word, uses)

    def all_rows(self, word: Token, _rows: Token) -> Any:
        return ("rows", True, _at(word))

    def query(self, word: Token, items: tuple[Item, ...], _from: Token, sources: Any, *clauses: Any) -> Query:
        return _query(items, sources, _clauses(clauses), _at(word))

    def all_of(self, *terms: Any) -> Junction:
        return _junction("and", terms)

    def any_of(self, *terms: Any) -> Junction:
        return _junction("or", terms)

    def negation(self, _not: Token, operand: Condition) -> Negation:
        return Negation(operand, _depth(operand))

    def comparison(self, left: Expression, operator: Token, value: Literal) -> Comparison:
        said = "!=" if operator == "<>" else operator.lower()
        return Comparison(left, said, value, left.at)

    def membership(self, left: Expression, *rest: Any) -> Comparison:
        if isinstance(rest[-1], Query):
            _depth(rest[-1])
        return Comparison(left, "not in" if len(rest) == 3 else "in", rest[-1], left.at)

    def set_comparison(self, left: Expression, word: Token, values: tuple[Literal, ...]) -> Comparison:
        return Comparison(left, word.lower(), values, left.at)

    def subquery(self, query: Query) -> Query:
        return query

    def values(self, *values: Literal) -> tuple[Literal, ...]:
        return values

    def value(self, token: Token) -> Literal:
        return Literal(token.type.lower(), str(token), _at(token))

    def search_group(self, _in: Token, group: Token, fields: Token) -> Any:
        if fields.upper() != "FIELDS" or group.upper() not in ("ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR"):
            raise _Refused(_at(group), f"unexpected token: '{group}'")
        return ("group", group.lower(), _at(group))

    def target(self, name: Token, fields: tuple[Path, ...] | None = None, *clauses: Any) -> Query:
        items = tuple(map(Item, fields or (Path("Id", _at(name)),)))
        return _query(items, ((_path(name), None),), _clauses(clauses), _at(name))

    def returning(self, word: Token, *targets: Query) -> Any:
        return ("targets", targets, _at(word))

    def sosl(self, find: Token, term: Token, *clauses: Any) -> Search:
        said = {name: value for name, value, _ in clauses}
        return Search(
            text=term[1:-1],
            group=said.get("group", "all"),
            targets=said.get("targets", ()),
            limit=said.get("limit"),
            at=_at(find),
        )


def _alias(token: Token | None) -> Path | None:
    if token is not None and "." in token:
        raise _Refused(_at(token), f"unexpected token: '{token}'")
    return None if token is None else Path(str(token), _at(token))


def _whole(number: Token) -> int:
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise _Refused(_at(number), f"unexpected token: '{number}'")
    return int(number)


def _statistics(name: str, allowed: tuple[str, ...], word: Token, uses: tuple[Token, ...]) -> Any:
    for use in uses:
        if use.upper() not in allowed:
            raise _Refused(_at(use), f"unexpected token: '{use}'")
    return (name, None, _at(word))


def _junction(word: str, terms: tuple[Any, ...]) -> Junction:
    operands = tuple(term for term in terms if not isinstance(term, Token))
    return Junction(word, operands, _depth(*operands))


def _clauses(clauses: tuple[Any, ...]) -> dict[str, Any]:
    """The clauses by name, refused when one is doubled or out of SOQL's order."""
    last = -1
    for name, _, at in clauses:
        place = _CLAUSE_ORDER.index(name)
        if place < last or (place == last and name not in ("for",)):
            raise _Refused(at, f"unexpected token: '{name.upper()}'")
        last = place
    return {name: value for name, value, _ in clauses}


def _query(items: tuple[Item, ...], sources: Any, said: dict[str, Any], at: int) -> Query:
    grouping, groups = said.get("group", ("", ()))
    inner = [item.expression for item in items if isinstance(item.expression, Query)]
    return Query(
        items=items,
        sources=sources,
        at=at,
        where=said.get("where"),
        groups=groups,
        grouping=grouping,
        having=said.get("having"),
        order=said.get("order", ()),
        limit=said.get("limit"),
        offset=said.get("offset"),
        all_rows=bool(said.get("rows")),
        depth=_depth(*inner, said.get("where"), said.get("having")),
    )
