"""SOAP messages of the Metadata API: requests read, answers and faults written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from loaders.rehearsal.metadata.xml import INSTANCE, NAMESPACE, Element, XmlError, parse, render, tree

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="{namespace}" xmlns:xsi="{instance}">'
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True)
class Request:
    """One call: the operation, its arguments, and the session id of the header."""

    operation: str
    arguments: Element
    session_id: str


class Fault(Exception):
    """A call that is refused; `code` is Salesforce's exception code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def read_request(body: bytes) -> Request:
    """The call in an envelope. Raises Fault."""
    try:
        envelope = parse(body)
    except XmlError as error:
        raise Fault("MALFORMED_MESSAGE", str(error)) from None
    content = envelope.one("Body")
    if envelope.name != "Envelope" or content is None or not content.children:
        raise Fault("MALFORMED_MESSAGE", "The message is no SOAP envelope with a body")
    header = envelope.one("Header")
    session = header.one("SessionHeader") if header else None
    session_id = session.value("sessionId") if session else None
    return Request(content.children[0].name, content.children[0], session_id or "")


def answer(operation: str, results: list[dict[str, Any]] | dict[str, Any]) -> str:
    """The envelope with the results of an operation."""
    listed = results if isinstance(results, list) else [results]
    inner = "".join(render(element) for result in listed for element in tree("result", result))
    return envelope_of(operation, inner)


def read_answer(records: list[tuple[str, Element | None]]) -> str:
    """The envelope of readMetadata: each record with its type, null for what is not there."""
    parts = []
    for kind, element in records:
        if element is None:
            parts.append('<records xsi:nil="true"/>')
        else:
            inner = "".join(render(child) for child in element.children)
            parts.append(f'<records xsi:type="{escape(kind)}">{inner}</records>')
    return envelope_of("readMetadata", f"<result>{''.join(parts)}</result>")


def envelope_of(operation: str, inner: str) -> str:
    """The envelope around a response's content."""
    body = f'<{operation}Response xmlns="{NAMESPACE}">{inner}</{operation}Response>'
    return _ENVELOPE.format(namespace=NAMESPACE, instance=INSTANCE, body=body)


def fault(error: Fault) -> str:
    """The envelope of a refusal."""
    body = (
        f"<soapenv:Fault><faultcode>sf:{error.code}</faultcode>"
        f"<faultstring>{error.code}: {escape(error.text)}</faultstring></soapenv:Fault>"
    )
    return _ENVELOPE.format(namespace=NAMESPACE, instance=INSTANCE, body=body)
