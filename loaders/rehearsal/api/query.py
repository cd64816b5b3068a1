"""Queries: `/query`, `/queryAll`, the further pages of a long answer, and `/search`."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Any

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.metadata.tooling import schema_query
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.ids import make_id
from loaders.rehearsal.soql import QueryResult, SoqlError, run, search, translate

PAGE = 2_000
KEPT = 50

_lock = threading.Lock()
_open: OrderedDict[str, tuple[int, QueryResult, str]] = OrderedDict()
_numbers = iter(range(1, 1 << 60))


def answer_query(call: Call, soql: str, *, include_deleted: bool) -> dict[str, Any]:
    """The first page of a query as JSON. Raises OrgError."""
    try:
        with call.org.store.reader() as cursor:
            schema = schema_query(soql, call.catalogue, call.org.store)
            result = schema or run(soql, call.catalogue, cursor, include_deleted=include_deleted)
    except SoqlError as problem:
        raise bad_request(problem.code, problem.message) from None
    return _page(call, result, None, 0, _page_size(call), "queryAll" if include_deleted else "query")


def _page_size(call: Call) -> int:
    found = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""), re.I)
    return min(max(int(found.group(1)), 200), PAGE) if found else PAGE


def _page(
    call: Call, result: QueryResult, key: str | None, start: int, size: int, resource: str
) -> dict[str, Any]:
    records = result.records(start, size, call.version)
    body: dict[str, Any] = {"totalSize": result.total_size, "done": True, "records": records}
    end = start + len(records)
    if records and end < result.total_size:
        with _lock:
            if key is None:
                key = make_id("01g", next(_numbers))
                _open[key] = (id(call.org), result, resource)
                while len(_open) > KEPT:
                    _open.popitem(last=False)
            else:
                _open.move_to_end(key)
        body = {
            "totalSize": result.total_size,
            "done": False,
            "nextRecordsUrl": f"{call.root}/{resource}/{key}-{end}",
            "records": records,
        }
    return body


def _soql(call: Call) -> str:
    soql = call.query.get("q", "")
    if not soql.strip():
        raise bad_request("MALFORMED_QUERY", "A query string has to be specified")
    return soql


def _explain_or_columns(call: Call, soql: str) -> Answer | None:
    """What the sf CLI asks for beside the records: the columns of the answer."""
    if call.query.get("columns") == "true":
        try:
            header = translate(soql, call.catalogue).header
        except SoqlError as problem:
            raise bad_request(problem.code, problem.message) from None
        metadata: list[dict[str, Any]] = [
            {
                "aggregate": False,
                "apexType": "String",
                "booleanType": False,
                "columnName": name,
                "custom": name.endswith("__c"),
                "displayName": name,
                "foreignKeyName": None,
                "insertable": False,
                "joinColumns": [],
                "numberType": False,
                "textType": True,
                "updatable": False,
            }
            for name in header
        ]
        return Answer(
            body={
                "columnMetadata": metadata,
                "entityName": "",
                "groupBy": False,
                "idSelected": True,
                "keyPrefix": None,
            }
        )
    if "explain" in call.query:
        return Answer(
            body={
                "plans": [
                    {
                        "cardinality": 1,
                        "fields": [],
                        "leadingOperationType": "TableScan",
                        "notes": [],
                        "relativeCost": 1.0,
                        "sobjectCardinality": 1,
                        "sobjectType": "",
                    }
                ]
            }
        )
    return None


@route("GET", "/query")
def query(call: Call) -> Answer:
    """Live records that match."""
    if "explain" in call.query:
        return _explain_or_columns(call, call.query["explain"]) or Answer(body={})
    soql = _soql(call)
    return _explain_or_columns(call, soql) or Answer(body=answer_query(call, soql, include_deleted=False))


@route("GET", "/queryAll")
def query_all(call: Call) -> Answer:
    """Matching records, deleted and archived ones too."""
    soql = _soql(call)
    return _explain_or_columns(call, soql) or Answer(body=answer_query(call, soql, include_deleted=True))


@route("GET", "/(?P<resource>query|queryAll)/{cursor}")
def query_more(call: Call) -> Answer:
    """A further page."""
    return Answer(body=next_page(call, call.arguments["cursor"]))


def next_page(call: Call, cursor: str) -> dict[str, Any]:
    """The page behind a locator. Raises OrgError for one that is unknown or too old."""
    key, _, place = cursor.rpartition("-")
    with _lock:
        found = _open.get(key)
    if found is None or found[0] != id(call.org) or not place.isdigit():
        raise bad_request("INVALID_QUERY_LOCATOR", "invalid query locator")
    _, result, resource = found
    return _page(call, result, key, int(place), _page_size(call), resource)


@route("GET", "/search")
def search_records(call: Call) -> Answer:
    """Records that contain words (SOSL)."""
    try:
        with call.org.store.reader() as cursor:
            return Answer(
                body={"searchRecords": search(call.query.get("q", ""), call.catalogue, cursor, call.version)}
            )
    except SoqlError as problem:
        raise OrgError(400, problem.code, problem.message) from None
