"""XML in and out, for metadata files and SOAP messages.

Reading refuses every document type declaration, so there are no entities to expand or fetch, and bounds
depth and size. The expat parser of the standard library does the work; no further package is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

MAX_DEPTH = 100
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


class XmlError(ValueError):
    """Text that is not acceptable XML; says where."""


@dataclass
class Element:
    """One element: name without namespace, own text, children in order, line and column (from 1), whether
    xsi:nil, and xsi:type without its prefix."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)
    line: int = 1
    column: int = 1
    nil: bool = False
    kind: str = ""

    def all(self, name: str) -> list[Element]:
        """The children of that name."""
        return [child for child in self.children if child.name == name]

    def one(self, name: str) -> Element | None:
        """The first child of that name, or None."""
        return next((child for child in self.children if child.name == name), None)

    def value(self, name: str) -> str | None:
        """The trimmed text of a child; None when it is absent or empty."""
        child = self.one(name)
        return (child.text.strip() or None) if child else None

    def flag(self, name: str) -> bool:
        """True when the child says true."""
        return (self.value(name) or "").lower() == "true"

    def walk(self) -> Iterator[Element]:
        """This element and all below it, in document order."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.children))


def parse(content: bytes) -> Element:
    """The root element. Raises XmlError for malformed XML, document type declarations and absurd nesting."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    root = Element("")
    stack = [root]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise XmlError("Error parsing file: elements are nested too deeply")
        element = Element(
            name.rpartition("}")[2],
            line=parser.CurrentLineNumber,
            column=parser.CurrentColumnNumber + 1,
            nil=attributes.get(f"{INSTANCE}}}nil") in ("true", "1"),
            kind=attributes.get(f"{INSTANCE}}}type", "").rpartition(":")[2],
        )
        stack[-1].children.append(element)
        stack.append(element)

    def text(data: str) -> None:
        stack[-1].text += data

    def doctype(*_: object) -> None:
        raise XmlError("Error parsing file: document type declarations are not allowed")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, ValueError) as error:
        raise error if isinstance(error, XmlError) else XmlError(f"Error parsing file: {error}") from None
    return root.children[0]


def render(element: Element, indent: int = 0) -> str:
    """The element as XML text, one line per element."""
    pad = "    " * indent
    if not element.children:
        return f"{pad}<{element.name}>{escape(element.text)}</{element.name}>"
    inner = "\n".join(render(child, indent + 1) for child in element.children)
    return f"{pad}<{element.name}>\n{inner}\n{pad}</{element.name}>"


def document(element: Element) -> bytes:
    """A metadata file with this root."""
    body = render(element).replace(f"<{element.name}>", f'<{element.name} xmlns="{NAMESPACE}">', 1)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def tree(name: str, content: object) -> Iterator[Element]:
    """Elements of plain values: a mapping becomes children, a list repeats the element, None is left out."""
    if content is None:
        return
    if isinstance(content, list | tuple):
        for one in content:
            yield from tree(name, one)
    elif isinstance(content, dict):
        yield Element(name, children=[child for key, value in content.items() for child in tree(key, value)])
    else:
        text = str(content).lower() if isinstance(content, bool) else str(content)
        yield Element(name, text=text)
