"""The two things that only SOAP can do: convert Leads, and take records out of the recycle bin.

A call that met an expired session is sent once more with a new one; both operations say per record what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from loaders.errors import RemoteError
from loaders.salesforce.metadata_xml import local, parse
from loaders.salesforce.session import Org, RequestFailedError

Value = TypeVar("Value")
CONVERT_AT_ONCE, UNDELETE_AT_ONCE = 100, 200
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com">'
    "<soapenv:Header><urn:SessionHeader><urn:sessionId>{session}</urn:sessionId></urn:SessionHeader></soapenv:Header>"
    "<soapenv:Body><urn:{operation}>{body}</urn:{operation}></soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True)
class SoapResult:
    """What became of one record; `values` are the plain elements of the answer."""

    success: bool
    values: Mapping[str, str]
    code: str = ""
    text: str = ""


def convert_leads(org: Org, leads: Sequence[tuple[str, str | None]], status: str) -> Iterator[SoapResult]:
    """The outcome of converting each (Lead Id, Account Id or None), in order, without an Opportunity.

    Raises RemoteError.
    """
    for chunk in _chunks(leads, CONVERT_AT_ONCE):
        body = "".join(
            "<urn:leadConverts>"
            + (f"<urn:accountId>{escape(account)}</urn:accountId>" if account else "")
            + f"<urn:convertedStatus>{escape(status)}</urn:convertedStatus>"
            "<urn:doNotCreateOpportunity>true</urn:doNotCreateOpportunity>"
            f"<urn:leadId>{escape(lead)}</urn:leadId>"
            "<urn:overwriteLeadSource>false</urn:overwriteLeadSource>"
            "<urn:sendNotificationEmail>false</urn:sendNotificationEmail>"
            "</urn:leadConverts>"
            for lead, account in chunk
        )
        yield from _call(org, "convertLead", body, len(chunk))


def undelete(org: Org, ids: Sequence[str]) -> Iterator[SoapResult]:
    """The outcome of taking each record out of the recycle bin, in order. Raises RemoteError."""
    for chunk in _chunks(ids, UNDELETE_AT_ONCE):
        body = "".join(f"<urn:ids>{escape(one)}</urn:ids>" for one in chunk)
        yield from _call(org, "undelete", body, len(chunk))


def _chunks(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    """The values in pieces of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _call(org: Org, operation: str, body: str, expected: int) -> list[SoapResult]:
    """The results of one call, one a record. Raises RemoteError."""
    token = str(org.client.session_id)
    try:
        content = _post(org, operation, body)
    except RequestFailedError as error:
        if error.code != "INVALID_SESSION_ID" or not org.renew(token):
            raise
        content = _post(org, operation, body)
    try:
        root = parse(content)
    except ParseError as error:
        raise RemoteError(f"The org's answer to {operation} is no XML.") from error
    found = [_result(element) for element in root.iter() if local(element.tag) == "result"]
    if len(found) != expected:
        raise RemoteError(f"The org told {len(found)} results of {operation} for {expected} records.")
    return found


def _post(org: Org, operation: str, body: str) -> bytes:
    """The answer to one call. SOAP says every failure with status 500, so none is repeated blindly."""
    text = ENVELOPE.format(session=escape(str(org.client.session_id)), operation=operation, body=body)
    return org.request(
        "POST",
        f"/services/Soap/u/{org.target.api_version}",
        once=True,
        headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'},
        data=text.encode(),
    ).content


def _result(element: Element) -> SoapResult:
    """One `result` element."""
    values = {local(child.tag): (child.text or "").strip() for child in element}
    errors: Iterable[Element] = (child for child in element if local(child.tag) == "errors")
    first = next(iter(errors), None)
    told = {local(child.tag): (child.text or "") for child in first} if first is not None else {}
    return SoapResult(
        values.get("success") == "true", values, told.get("statusCode", ""), told.get("message", "")
    )
