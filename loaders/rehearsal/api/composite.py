"""Several requests in one: `/composite` with references, `/composite/batch`, `/composite/tree`,
`/composite/graph`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from loaders.rehearsal.api.call import Answer, Call, error_body, find_route, route
from loaders.rehearsal.api.collections import MAX_RECORDS, error_item
from loaders.rehearsal.org.failures import OrgError, bad_request
from loaders.rehearsal.org.rest_rows import write_rows

MAX_SUBREQUESTS = 25
MAX_QUERIES = 5
MAX_LEVELS = 5
MAX_GRAPHS = 75
MAX_NODES = 500
REFERENCE = re.compile(r"@\{([^}]+)\}")


class _RollBackError(Exception):
    """Leaves the transaction of an all-or-none request."""


def dispatch(call: Call) -> Answer:
    """The answer to a call inside another one: same session, no second count against the allowance."""
    try:
        found, arguments, version = find_route(call.method, call.path)
        return found.handler(replace(call, arguments=arguments, version=version or call.version))
    except OrgError as error:
        return Answer(error.status, error_body(error))


def _sub_call(call: Call, method: str, url: str, body: Any, headers: Mapping[str, Any]) -> Call:
    parts = urlsplit(url)
    return replace(
        call,
        method=method.upper(),
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={
            **call.headers,
            "content-type": "application/json",
            **{str(k).lower(): str(v) for k, v in headers.items()},
        },
        body=b"" if body is None else json.dumps(body).encode(),
        file=None,
    )


def _resolve(value: Any, results: Mapping[str, Any]) -> Any:
    """The value with every `@{reference.path}` replaced. Raises OrgError for one that leads nowhere."""
    if isinstance(value, Mapping):
        return {key: _resolve(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, results) for item in value]
    if isinstance(value, str):
        whole = REFERENCE.fullmatch(value)
        if whole:
            return _lookup(whole.group(1), results)
        return REFERENCE.sub(lambda match: str(_lookup(match.group(1), results)), value)
    return value


def _lookup(expression: str, results: Mapping[str, Any]) -> Any:
    name, _, path = expression.partition(".")
    found: Any = results.get(name)
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            found = None
    if found is None:
        raise bad_request(
            "PROCESSING_HALTED", f"Invalid reference specified. No value for {expression} found in {name}"
        )
    return found


def _run_all(call: Call, requests: list[Any], all_or_none: bool) -> list[dict[str, Any]]:
    """The answers to all subrequests, in order."""
    results: dict[str, Any] = {}
    answers: list[dict[str, Any]] = []
    failed = False

    def one(item: Mapping[str, Any]) -> Answer:
        try:
            url, body = _resolve(str(item.get("url") or ""), results), _resolve(item.get("body"), results)
        except OrgError as problem:
            return Answer(400, error_body(problem))
        headers = item.get("httpHeaders") or {}
        return dispatch(_sub_call(call, str(item.get("method") or "GET"), url, body, headers))

    try:
        with call.org.store.write():
            for item in requests:
                answer = one(item)
                failed = failed or answer.status >= 400
                name = str(item.get("referenceId") or "")
                results[name] = answer.body if answer.status < 400 else None
                answers.append(
                    {
                        "body": answer.body,
                        "httpHeaders": dict(answer.headers),
                        "httpStatusCode": answer.status,
                        "referenceId": name,
                    }
                )
            if failed and all_or_none:
                raise _RollBackError
    except _RollBackError:
        halted = [
            {
                "errorCode": "PROCESSING_HALTED",
                "message": "The transaction was rolled back since another operation in the "
                "same transaction failed.",
            }
        ]
        answers = [
            answer
            if answer["httpStatusCode"] >= 400
            else {**answer, "body": halted, "httpStatusCode": 400, "httpHeaders": {}}
            for answer in answers
        ]
    return answers


@route("POST", "/composite")
def composite(call: Call) -> Answer:
    """Up to 25 requests, later ones may refer to the answers of earlier ones."""
    body = call.json_object()
    requests = body.get("compositeRequest")
    if (
        not isinstance(requests, list)
        or not requests
        or not all(isinstance(item, Mapping) for item in requests)
    ):
        raise bad_request("JSON_PARSER_ERROR", "compositeRequest must be a list of requests")
    if len(requests) > MAX_SUBREQUESTS:
        raise bad_request("LIMIT_EXCEEDED", f"Limit of {MAX_SUBREQUESTS} operations exceeded")
    heavy = [
        item
        for item in requests
        if re.search(r"/(query|queryAll|composite/sobjects)\b", str(item.get("url") or ""))
    ]
    if len(heavy) > MAX_QUERIES:
        raise bad_request("LIMIT_EXCEEDED", f"Limit of {MAX_QUERIES} queries and collections exceeded")
    names = [item.get("referenceId") for item in requests]
    if len(set(names)) != len(names) or not all(names):
        raise bad_request("INVALID_INPUT", "Every subrequest needs a referenceId of its own")
    return Answer(body={"compositeResponse": _run_all(call, requests, body.get("allOrNone") is True)})


@route("POST", "/composite/graph")
def graph(call: Call) -> Answer:
    """Several composite requests, each all or none."""
    graphs = call.json_object().get("graphs")
    if not isinstance(graphs, list) or not graphs or len(graphs) > MAX_GRAPHS:
        raise bad_request("INVALID_INPUT", f"Between 1 and {MAX_GRAPHS} graphs are required")
    answers = []
    for item in graphs:
        requests = item.get("compositeRequest") or []
        if len(requests) > MAX_NODES:
            raise bad_request("LIMIT_EXCEEDED", f"A graph has more than {MAX_NODES} nodes")
        found = _run_all(call, requests, True)
        answers.append(
            {
                "graphId": item.get("graphId"),
                "graphResponse": {"compositeResponse": found},
                "isSuccessful": all(answer["httpStatusCode"] < 400 for answer in found),
            }
        )
    return Answer(body={"graphs": answers})


@route("POST", "/composite/batch")
def batch(call: Call) -> Answer:
    """Up to 25 independent requests."""
    body = call.json_object()
    requests = body.get("batchRequests")
    if not isinstance(requests, list) or not requests or len(requests) > MAX_SUBREQUESTS:
        raise bad_request("INVALID_INPUT", f"Between 1 and {MAX_SUBREQUESTS} batchRequests are required")
    results, failed = [], False
    for item in requests:
        if failed and body.get("haltOnError") is True:
            halted = [
                {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}
            ]
            results.append({"statusCode": 412, "result": halted})
            continue
        url = str(item.get("url") or "")
        path = url if url.startswith("/services/") else f"/services/data/{url.lstrip('/')}"
        answer = dispatch(_sub_call(call, str(item.get("method") or "GET"), path, item.get("richInput"), {}))
        failed = failed or answer.status >= 400
        results.append({"statusCode": answer.status, "result": answer.body})
    return Answer(body={"hasErrors": failed, "results": results})


@route("POST", "/composite/tree/{object}")
def tree(call: Call) -> Answer:
    """New records with their children, up to 200 and five levels, all or none."""
    info = call.object()
    records = call.json_object().get("records")
    if not isinstance(records, list) or not records:
        raise bad_request("REQUIRED_FIELD_MISSING", "At least 1 record is required", [])
    results: list[dict[str, Any]] = []
    try:
        with call.org.store.write():
            _plant(call, info.name, records, {}, 1, results)
            if any("errors" in result for result in results):
                raise _RollBackError
    except _RollBackError:
        failures = [result for result in results if "errors" in result]
        return Answer(400, {"hasErrors": True, "results": failures})
    return Answer(201, {"hasErrors": False, "results": results})


def _plant(
    call: Call,
    name: str,
    records: list[Any],
    link: Mapping[str, str],
    level: int,
    results: list[dict[str, Any]],
) -> None:
    if level > MAX_LEVELS or len(results) + len(records) > MAX_RECORDS:
        raise bad_request(
            "LIMIT_EXCEEDED", f"At most {MAX_RECORDS} records in {MAX_LEVELS} levels are allowed"
        )
    info = call.object(name)
    context = call.context
    children = {
        relation.lower(): (child, field) for child, field, relation in info.child_relationships if relation
    }
    for record in records:
        if not isinstance(record, Mapping):
            raise bad_request("JSON_PARSER_ERROR", "Every record must be a JSON object")
        below = {k: v for k, v in record.items() if isinstance(v, Mapping) and "records" in v}
        plain = {k: v for k, v in record.items() if k not in below}
        attributes = record.get("attributes")
        reference = attributes.get("referenceId") if isinstance(attributes, Mapping) else None
        outcome = write_rows(call.org.store, context, info, "insert", [{**plain, **link}])[0]
        if outcome.error:
            results.append({"referenceId": reference, "errors": [error_item(outcome.error)]})
            continue
        results.append({"referenceId": reference, "id": outcome.id})
        for relation, nested in below.items():
            if relation.lower() not in children:
                raise bad_request(
                    "INVALID_FIELD", f"No such relationship '{relation}' on sobject of type {info.name}"
                )
            child, field = children[relation.lower()]
            _plant(call, child, list(nested["records"]), {field: str(outcome.id)}, level + 1, results)
