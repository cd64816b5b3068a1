"""SOSL as far as data tools use it: FIND {words} IN ... FIELDS RETURNING objects and fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.soql.compiler import Settings, compile_query
from loaders.rehearsal.soql.errors import SoqlError
from loaders.rehearsal.soql.nodes import Item, Path, Query, Search
from loaders.rehearsal.soql.scope import Scope, is_text, quoted
from loaders.rehearsal.soql.shape import Translation

_MAX_RESULTS = 2_000
_WORD = re.compile(r'"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>(?:[^\s"()\\]|\\.)+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# Letters and digits of any script; RE2 has no \w for them.
_LETTER = r"[\pL\pN_]"


@dataclass(frozen=True)
class _Term:
    """One searched word or phrase as a regular expression; `negative` for AND NOT."""

    pattern: str
    negative: bool = False


def compile_search(search: Search, settings: Settings) -> Iterator[Translation]:
    """One translation per object to return. Raises SoqlError MALFORMED_SEARCH or a query's own error."""
    alternatives = _terms(search.text)
    limit = min(search.limit if search.limit is not None else _MAX_RESULTS, _MAX_RESULTS)
    for target in search.targets or _everything(settings, search.at):
        wanted = limit if target.limit is None else min(limit, target.limit)
        words = _Words(alternatives, search.group)
        yield compile_query(replace(target, limit=wanted), replace(settings, narrowed_by=words))


def _everything(settings: Settings, at: int) -> tuple[Query, ...]:
    names = [info.name for info in settings.catalogue.objects.values() if "searchable" in info.flags]
    return tuple(Query((Item(Path("Id", at)),), ((Path(name, at), None),), at) for name in names)


@dataclass(frozen=True)
class _Words:
    """The condition that a record holds the words in the searched fields."""

    alternatives: tuple[tuple[_Term, ...], ...]
    group: str

    def __call__(self, scope: Scope, parameters: list[Any]) -> str:
        columns = [info for info in scope.root.fields.values() if _searched(info, scope.root, self.group)]
        if not columns:
            return "false"
        text = ", ".join(f"{scope.base}.{quoted(info.name)}" for info in columns)
        parts = []
        for terms in self.alternatives:
            parameters += [term.pattern for term in terms]
            one = f"regexp_matches(lower(concat_ws(' ', {text})), ?)"
            parts.append(" and ".join(f"not {one}" if term.negative else one for term in terms))
        return "(" + " or ".join(f"({part})" for part in parts) + ")"


def _searched(info: FieldInfo, owner: ObjectInfo, group: str) -> bool:
    if info.storage_type != "VARCHAR":
        return False
    if group in ("email", "phone"):
        return info.type == group
    if group == "name":
        return info.name_field or info.name in ("Name", "FirstName", "LastName")
    return is_text(info.type) and info.type not in ("picklist", "multipicklist")


def _terms(text: str) -> tuple[tuple[_Term, ...], ...]:
    """Alternatives (OR) of words that must all be there."""
    alternatives: list[list[_Term]] = [[]]
    negative = False
    for match in _WORD.finditer(text):
        phrase, word = match.group("phrase"), match.group("word")
        if word is not None and word.upper() in ("AND", "OR", "NOT"):
            negative = word.upper() == "NOT"
            if word.upper() == "OR":
                alternatives.append([])
            continue
        plain = _ESCAPED.sub(r"\1", phrase if phrase is not None else word or "").lower()
        alternatives[-1].append(_Term(_pattern(plain, wild=phrase is None), negative))
        negative = False
    if len(text.strip()) < 2 or not all(alternatives):
        raise SoqlError("MALFORMED_SEARCH", f"search term must be longer than one character: {text}")
    return tuple(map(tuple, alternatives))


def _pattern(plain: str, *, wild: bool) -> str:
    body = "".join(
        f"{_LETTER}*" if wild and letter == "*" else _LETTER if wild and letter == "?" else re.escape(letter)
        for letter in plain
    )
    return f"(?s)(^|[^\\pL\\pN_]){body}($|[^\\pL\\pN_])"
