"""SOAP's calls on records: create, update, upsert, retrieve, query, convertLead, merge.

Partner and enterprise messages are read alike; a record's type is its `type` element or its xsi:type. What a
call does is what the REST call of the same purpose does; only the messages are XML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

from loaders.rehearsal.api.call import Call
from loaders.rehearsal.api.collections import write_many
from loaders.rehearsal.api.query import answer_query, next_page
from loaders.rehearsal.api.records import fetch
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.convert import Conversion, convert_lead
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.ids import long_id
from loaders.rehearsal.org.merge import merge
from loaders.rehearsal.org.rest_rows import Outcome

MOST = 200
MOST_CONVERSIONS = 100
MOST_READ = 2_000


def record_of(element: Element) -> dict[str, Any]:
    """An sObject element as the JSON record of REST: attributes, values as text, null for fieldsToNull."""
    kind = element.value("type") or element.kind
    record: dict[str, Any] = {"attributes": {"type": kind}}
    for child in element.children:
        if child.name == "fieldsToNull":
            record[child.text.strip()] = None
        elif child.name == "Id" and not child.text.strip():
            continue
        elif child.name != "type" or child.children:
            record[child.name] = record_of(child) if child.children else None if child.nil else child.text
    return record


def _many(call: Call, request: Element, header: Element | None) -> str:
    records = [record_of(one) for one in request.all("sObjects")]
    if len(records) > MOST:
        raise bad_request(
            "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MOST} records"
        )
    operation = {"create": "insert"}.get(request.name, request.name)
    external = _external_id(call, request, records) if operation == "upsert" else None
    all_or_none = header is not None and any(one.flag("allOrNone") for one in header.all("AllOrNoneHeader"))
    outcomes = write_many(_insisting(call, header), operation, records, all_or_none, external)
    return "".join(_outcome(one, created=operation == "upsert") for one in outcomes)


def _external_id(call: Call, request: Element, records: list[dict[str, Any]]) -> FieldInfo:
    """The field by which an upsert finds its records; all of them are of one type."""
    name = request.value("externalIDFieldName") or request.value("externalIdFieldName") or "Id"
    info = _object(call, records[0]["attributes"]["type"] if records else None)
    field = info.fields.get(name.lower())
    if field is None or not (field.external_id or field.id_lookup or field.type == "id"):
        text = f"Field name provided, {name} does not match an External ID for {info.name}"
        raise bad_request("INVALID_FIELD", text)
    return field


def _insisting(call: Call, header: Element | None) -> Call:
    """The call with SOAP's duplicate rule header as REST's."""
    insists = header is not None and any(one.flag("allowSave") for one in header.all("DuplicateRuleHeader"))
    extra = {"sforce-duplicate-rule-header": "allowSave=true"} if insists else {}
    return replace(call, headers={**call.headers, **extra})


def _outcome(one: Outcome, *, created: bool) -> str:
    if one.error:
        return failed(one.id, one.error, created=created)
    extra = f"<created>{str(one.created).lower()}</created>" if created else ""
    return f"<result>{extra}<id>{one.id}</id><success>true</success></result>"


def failed(identifier: str | None, error: OrgError, *, created: bool = False) -> str:
    """One refused record."""
    fields = "".join(f"<fields>{escape(name)}</fields>" for name in error.fields or ())
    extra = "<created>false</created>" if created else ""
    shown = f"<id>{escape(identifier)}</id>" if identifier else '<id xsi:nil="true"/>'
    return (
        f"<result>{extra}<errors>{fields}<message>{escape(error.message)}</message>"
        f"<statusCode>{error.code}</statusCode></errors>{shown}<success>false</success></result>"
    )


def _retrieve(call: Call, request: Element, _: Element | None) -> str:
    info, names = _object(call, request.value("sObjectType")), request.value("fieldList") or "Id"
    parts = []
    for element in request.all("ids")[:MOST_READ]:
        try:
            parts.append(_record(fetch(call, info, long_id(element.text.strip()) or "", names), "result"))
        except OrgError as problem:
            if problem.status != 404:
                raise
            parts.append('<result xsi:nil="true"/>')
    return "".join(parts)


def _object(call: Call, name: str | None) -> ObjectInfo:
    if not name or not call.catalogue.has(name):
        raise bad_request("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return call.catalogue.object(name)


def _query(call: Call, request: Element, header: Element | None) -> str:
    options = header.one("QueryOptions") if header else None
    size = options.value("batchSize") if options else None
    sized = replace(call, headers={**call.headers, "sforce-query-options": f"batchSize={size or MOST_READ}"})
    if request.name == "queryMore":
        page = next_page(sized, request.value("queryLocator") or "")
    else:
        soql = request.value("queryString") or ""
        page = answer_query(sized, soql, include_deleted=request.name == "queryAll")
    return f"<result>{_page(page)}</result>"


def _page(page: Mapping[str, Any]) -> str:
    locator = str(page.get("nextRecordsUrl") or "").rpartition("/")[2]
    shown = f"<queryLocator>{locator}</queryLocator>" if locator else '<queryLocator xsi:nil="true"/>'
    records = "".join(_record(record, "records") for record in page["records"])
    done = str(page["done"]).lower()
    return f"<done>{done}</done>{shown}{records}<size>{page['totalSize']}</size>"


def _record(record: Mapping[str, Any], tag: str) -> str:
    kind = escape(str(record["attributes"]["type"]))
    fields = {name: value for name, value in record.items() if name != "attributes"}
    inner = "".join(_values(fields))
    return f'<{tag} xsi:type="sf:sObject"><sf:type>{kind}</sf:type>{inner}</{tag}>'


def _values(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        if value is None:
            yield f'<sf:{name} xsi:nil="true"/>'
        elif isinstance(value, Mapping) and "records" in value:
            yield f'<sf:{name} xsi:type="QueryResult">{_page(value)}</sf:{name}>'
        elif isinstance(value, Mapping) and "attributes" in value:
            yield _record(value, f"sf:{name}")
        elif isinstance(value, Mapping):
            yield f"<sf:{name}>{''.join(_values(value))}</sf:{name}>"
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield f"<sf:{name}>{escape(text)}</sf:{name}>"


def _convert(call: Call, request: Element, header: Element | None) -> str:
    wanted = request.all("leadConverts")
    if len(wanted) > MOST_CONVERSIONS:
        text = f"record limit reached. cannot convert more than {MOST_CONVERSIONS} leads"
        raise bad_request("EXCEEDED_ID_LIMIT", text)
    context = _insisting(call, header).context
    parts = []
    for one in wanted:
        lead = one.value("leadId") or ""
        conversion = Conversion(
            lead,
            one.value("convertedStatus") or "",
            one.value("accountId") or "",
            one.value("contactId") or "",
            one.value("opportunityId") or "",
            one.value("opportunityName") or "",
            one.value("ownerId") or "",
            one.flag("doNotCreateOpportunity"),
            one.flag("overwriteLeadSource"),
        )
        try:
            made = convert_lead(call.org.store, context, conversion)
        except OrgError as problem:
            parts.append(_unconverted(lead, problem))
            continue
        opportunity = made.opportunity_id
        shown = (
            f"<opportunityId>{opportunity}</opportunityId>"
            if opportunity
            else '<opportunityId xsi:nil="true"/>'
        )
        parts.append(
            f"<result><accountId>{made.account_id}</accountId><contactId>{made.contact_id}</contactId>"
            f"<leadId>{made.lead_id}</leadId>{shown}<success>true</success></result>"
        )
    return "".join(parts)


def _unconverted(lead: str, problem: OrgError) -> str:
    return (
        f'<result><accountId xsi:nil="true"/><contactId xsi:nil="true"/><errors><message>'
        f"{escape(problem.message)}</message><statusCode>{problem.code}</statusCode></errors>"
        f'<leadId>{escape(lead)}</leadId><opportunityId xsi:nil="true"/><success>false</success></result>'
    )


def _merge(call: Call, request: Element, header: Element | None) -> str:
    parts = []
    for one in request.all("request"):
        master = record_of(one.one("masterRecord") or Element(""))
        losers = [long_id(item.text.strip()) or item.text.strip() for item in one.all("recordToMergeIds")]
        identifier = str(master.get("Id") or "")
        try:
            info = _object(call, master["attributes"]["type"])
            moved = merge(call.org.store, _insisting(call, header).context, info, master, losers)
        except OrgError as problem:
            parts.append(failed(identifier, problem))
            continue
        gone = "".join(f"<mergedRecordIds>{loser}</mergedRecordIds>" for loser in losers)
        updated = "".join(f"<updatedRelatedIds>{child}</updatedRelatedIds>" for child in moved)
        parts.append(f"<result><id>{escape(identifier)}</id>{gone}<success>true</success>{updated}</result>")
    return "".join(parts)


CALLS: dict[str, Callable[[Call, Element, Element | None], str]] = {
    "create": _many,
    "update": _many,
    "upsert": _many,
    "retrieve": _retrieve,
    "query": _query,
    "queryAll": _query,
    "queryMore": _query,
    "convertLead": _convert,
    "merge": _merge,
}
