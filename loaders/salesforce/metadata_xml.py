"""Metadata XML as plain values: a tree is a tuple of (tag, text or tree). Pure.

Tags keep their order, so the same tree always gives the same bytes.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import TypeAlias
from xml.sax.saxutils import escape

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
Tree: TypeAlias = "tuple[tuple[str, str | Tree], ...]"


def render(root: str, tree: Tree) -> bytes:
    """The document, UTF-8, with four blanks an indent, as Salesforce's own tools write it."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="{NAMESPACE}">']
    lines.extend(_lines(tree, 1))
    lines.append(f"</{root}>\n")
    return "\n".join(lines).encode()


def _lines(tree: Tree, depth: int) -> Iterable[str]:
    """The lines inside an element."""
    indent = "    " * depth
    for tag, value in tree:
        if isinstance(value, str):
            yield f"{indent}<{tag}>{escape(value)}</{tag}>"
        else:
            yield f"{indent}<{tag}>"
            yield from _lines(value, depth + 1)
            yield f"{indent}</{tag}>"


def parse(document: bytes | str) -> ElementTree.Element:
    """The root of a document. Raises ElementTree.ParseError; expat resolves no external entities."""
    return ElementTree.fromstring(document)  # noqa: S314


def tree_of(element: ElementTree.Element) -> Tree:
    """What is inside an element, without namespaces; elements marked as nil are left out."""
    found: list[tuple[str, str | Tree]] = []
    for child in element:
        if any(name.endswith("}nil") and value in ("true", "1") for name, value in child.attrib.items()):
            continue
        found.append((local(child.tag), tree_of(child) if len(child) else (child.text or "")))
    return tuple(found)


def local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


def text(tree: Tree, tag: str, default: str = "") -> str:
    """The text of the first element with this tag."""
    for name, value in tree:
        if name == tag and isinstance(value, str):
            return value
    return default


def child(tree: Tree, tag: str) -> Tree | None:
    """The first element with this tag that has elements inside."""
    for name, value in tree:
        if name == tag and not isinstance(value, str):
            return value
    return None


def children(tree: Tree, tag: str) -> list[Tree]:
    """All elements with this tag that have elements inside."""
    return [value for name, value in tree if name == tag and not isinstance(value, str)]


def with_value(tree: Tree, tag: str, value: str | Tree) -> Tree:
    """The tree with this element replaced, or added at its place in the alphabet behind fullName."""
    if any(name == tag for name, _ in tree):
        return tuple((name, value if name == tag else old) for name, old in tree)
    place = next(
        (number for number, (name, _) in enumerate(tree) if name != "fullName" and name > tag), len(tree)
    )
    return (*tree[:place], (tag, value), *tree[place:])
