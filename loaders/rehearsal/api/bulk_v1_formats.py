"""The three content types of Bulk API v1, CSV, JSON and XML, in both directions. Plain values only, no org.

Rows come in as any of the three and leave as CSV with the header that Bulk understands (`Account.Key__c` for a parent named
by a key, `#N/A` for null); results and query answers leave in the job's own content type.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from loaders.rehearsal.metadata.xml import Element, XmlError, parse
from loaders.rehearsal.org.bulk_v1 import NULL_TEXT, BatchError, RowResult

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")


# -- requests ----------------------------------------------------------------------------------------------------------


def settings_of(body: bytes, is_json: bool) -> dict[str, str]:
    """The settings in a jobInfo. Raises ValueError for what is neither JSON nor XML."""
    if is_json:
        found = json.loads(body or b"{}")
        if not isinstance(found, dict):
            raise ValueError("a JSON object was expected")
        return {str(name): str(value) for name, value in found.items() if value is not None}
    return {child.name: child.text.strip() for child in parse(body).children}


def rows_as_csv(body: bytes, content_type: str) -> bytes:
    """The rows of a batch as CSV. Raises BatchError for JSON or XML that is none."""
    if content_type == "CSV":
        return body
    try:
        rows = _json_rows(body) if content_type == "JSON" else _xml_rows(body)
    except (ValueError, XmlError, RecursionError) as problem:
        raise BatchError(f"InvalidBatch : Failed to parse {content_type}: {problem}") from None
    header = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[row.get(name, "") for name in header] for row in rows])
    return text.getvalue().encode("utf-8", "replace")


def _json_rows(body: bytes) -> list[dict[str, str]]:
    found = json.loads(body)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError("a list of records was expected")
    return [_flat(item) for item in found]


def _flat(record: Mapping[str, Any]) -> dict[str, str]:
    row: dict[str, str] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, Mapping):
            target = value.get("attributes")
            prefix = f"{target['type']}:" if isinstance(target, Mapping) and "type" in target else ""
            row |= {
                f"{prefix}{name}.{key}": _cell(inner) for key, inner in value.items() if key != "attributes"
            }
        else:
            row[name] = _cell(value)
    return row


def _cell(value: object) -> str:
    if value is None:
        return NULL_TEXT
    return str(value).lower() if isinstance(value, bool) else str(value)


def _xml_rows(body: bytes) -> list[dict[str, str]]:
    return [_xml_row(item) for item in parse(body).all("sObject")]


def _xml_row(record: Element) -> dict[str, str]:
    row: dict[str, str] = {}
    for child in record.children:
        parent = child.one("sObject")
        if parent is not None:
            kind = parent.value("type")
            prefix = f"{kind}:" if kind else ""
            row |= {
                f"{prefix}{child.name}.{key.name}": key.text for key in parent.children if key.name != "type"
            }
        elif child.name != "type":
            row[child.name] = NULL_TEXT if child.nil else child.text
    return row


# -- answers -----------------------------------------------------------------------------------------------------------


def as_xml(name: str, body: Mapping[str, Any]) -> str:
    """Plain values as one XML document in the namespace of Bulk v1."""
    return f'{HEAD}<{name} xmlns="{NAMESPACE}">{_inner(body)}</{name}>'


def list_as_xml(name: str, item: str, bodies: Iterable[Mapping[str, Any]]) -> str:
    """A list of such values."""
    inner = "".join(f"<{item}>{_inner(body)}</{item}>" for body in bodies)
    return f'{HEAD}<{name} xmlns="{NAMESPACE}">{inner}</{name}>'


def _inner(body: Mapping[str, Any]) -> str:
    return "".join(f"<{key}>{escape(str(value))}</{key}>" for key, value in body.items() if value is not None)


def results_as(content_type: str, results: Sequence[RowResult]) -> str:
    """The results of a batch in its content type, in the order of its rows."""
    if content_type == "JSON":
        return json.dumps([_json_result(result) for result in results], ensure_ascii=False)
    if content_type == "XML":
        return f'{HEAD}<results xmlns="{NAMESPACE}">{"".join(map(_xml_result, results))}</results>'
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["Id", "Success", "Created", "Error"])
    for result in results:
        done = "false" if result.error else "true"
        writer.writerow([result.id or "", done, str(result.created).lower(), _error_text(result)])
    return text.getvalue()


def _parts(error: str) -> tuple[str, str, list[str]]:
    code, _, rest = error.partition("\x1f")
    message, _, names = rest.rpartition("\x1f")
    return code, message, [name for name in names.split(", ") if name]


def _error_text(result: RowResult) -> str:
    if not result.error:
        return ""
    code, message, fields = _parts(result.error)
    return f"{code}:{message}:{' '.join([*fields, '--'])}"


def _json_result(result: RowResult) -> dict[str, Any]:
    errors: list[dict[str, Any]] = []
    if result.error:
        code, message, fields = _parts(result.error)
        errors = [{"statusCode": code, "message": message, "fields": fields, "extendedErrorDetails": None}]
    return {"success": not errors, "created": result.created, "id": result.id, "errors": errors}


def _xml_result(result: RowResult) -> str:
    if not result.error:
        created = str(result.created).lower()
        return f"<result><id>{result.id}</id><success>true</success><created>{created}</created></result>"
    code, message, fields = _parts(result.error)
    named = "".join(f"<fields>{escape(name)}</fields>" for name in fields)
    return (
        f"<result><errors>{named}<message>{escape(message)}</message><statusCode>{code}</statusCode></errors>"
        "<success>false</success><created>false</created></result>"
    )


def records_as_json(records: Sequence[Mapping[str, Any]]) -> str:
    """A query's answer as JSON; Bulk v1 writes points in time as milliseconds since 1970 there."""
    return json.dumps([_with_milliseconds(record) for record in records], ensure_ascii=False)


def _with_milliseconds(record: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            changed[name] = _with_milliseconds(value)
        elif isinstance(value, str) and TIME.fullmatch(value):
            moment = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f+0000").replace(tzinfo=UTC)
            changed[name] = int(moment.timestamp() * 1000)
        else:
            changed[name] = value
    return changed


def records_as_xml(records: Sequence[Mapping[str, Any]]) -> str:
    """A query's answer as XML."""
    inner = "".join(f'<records xsi:type="sObject">{_xml_record(record)}</records>' for record in records)
    return f'{HEAD}<queryResult xmlns="{NAMESPACE}" {XSI}>{inner}</queryResult>'


def _xml_record(record: Mapping[str, Any]) -> str:
    text = ""
    for name, value in record.items():
        if name == "attributes":
            text += f"<type>{value['type']}</type>"
        elif isinstance(value, Mapping):
            text += f'<{name} xsi:type="sObject">{_xml_record(value)}</{name}>'
        elif value is None:
            text += f'<{name} xsi:nil="true"/>'
        else:
            text += (
                f"<{name}>{escape(str(value).lower() if isinstance(value, bool) else str(value))}</{name}>"
            )
    return text
