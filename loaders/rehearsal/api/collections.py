"""Many records in one request: `/composite/sobjects`, up to 200, each with its own outcome, in the
order of the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.api.files import BLOBS, store_json_file
from loaders.rehearsal.api.records import delete_rows
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.failures import OrgError, bad_request, not_found
from loaders.rehearsal.org.ids import long_id
from loaders.rehearsal.org.rest_rows import Outcome, write_rows
from loaders.rehearsal.soql import SoqlError, run

MAX_RECORDS = 200
MAX_RUNS = 10
MAX_READ = 2_000
ROLLED_BACK = OrgError(
    400,
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
    [],
)


class _RollBackError(Exception):
    """Leaves the transaction of an all-or-none request."""


def error_item(error: OrgError) -> dict[str, Any]:
    """An error as collections and composite show it: with statusCode instead of errorCode."""
    return {"statusCode": error.code, "message": error.message, "fields": error.fields or []}


def outcome_item(outcome: Outcome, *, created: bool = False) -> dict[str, Any]:
    """One outcome as JSON; `created` adds the flag that upserts have."""
    if outcome.error:
        item: dict[str, Any] = {"success": False, "errors": [error_item(outcome.error)]}
        return {"id": outcome.id, **item} if outcome.id else item
    item = {"id": outcome.id, "success": True, "errors": []}
    return {**item, "created": outcome.created} if created else item


def _records(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    records = body.get("records")
    if not isinstance(records, list) or not records:
        raise bad_request("REQUIRED_FIELD_MISSING", "At least 1 record is required", [])
    if len(records) > MAX_RECORDS:
        raise bad_request(
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MAX_RECORDS} records in this call",
        )
    if not all(isinstance(record, Mapping) for record in records):
        raise bad_request("JSON_PARSER_ERROR", "Every record must be a JSON object")
    return records


def _type(record: Mapping[str, Any]) -> str:
    attributes = record.get("attributes")
    return str(attributes.get("type") or "") if isinstance(attributes, Mapping) else ""


def _all_or_none(call: Call, body: Mapping[str, Any]) -> bool:
    return body.get("allOrNone") is True or call.query.get("allOrNone", "").lower() == "true"


def write_many(
    call: Call,
    operation: str,
    records: Sequence[Mapping[str, Any]],
    all_or_none: bool,
    external_id: FieldInfo | None = None,
) -> list[Outcome]:
    """The outcomes of records of any types, in order. With `all_or_none` one refused record takes all
    others back."""
    outcomes: list[Outcome] = []
    context = call.context
    try:
        with call.org.store.write():
            for name, run_of in groupby(records, key=_type):
                rows = list(run_of)
                if not name or not call.catalogue.has(name):
                    missing = bad_request("INVALID_TYPE", f"sObject type '{name}' is not supported.", [])
                    outcomes += [Outcome(None, False, missing)] * len(rows)
                    continue
                info = call.catalogue.object(name)
                if info.name in BLOBS and operation == "insert":
                    outcomes += [store_json_file(call, info, row) for row in rows]
                    continue
                outcomes += write_rows(call.org.store, context, info, operation, rows, external_id)
            if all_or_none and any(outcome.error for outcome in outcomes):
                raise _RollBackError
    except _RollBackError:
        outcomes = [outcome if outcome.error else Outcome(None, False, ROLLED_BACK) for outcome in outcomes]
    return outcomes


@route("POST PATCH", "/composite/sobjects")
def write(call: Call) -> Answer:
    """Creates (POST) or changes (PATCH) records of up to ten runs of types."""
    body = call.json_object()
    records = _records(body)
    if len(list(groupby(records, key=_type))) > MAX_RUNS:
        raise bad_request(
            "INVALID_FIELD", f"The request has more than {MAX_RUNS} runs of records of different types"
        )
    operation = "insert" if call.method == "POST" else "update"
    if operation == "update":
        records = [
            {("Id" if key.lower() == "id" else key): value for key, value in record.items()}
            for record in records
        ]
    outcomes = write_many(call, operation, records, _all_or_none(call, body))
    return Answer(body=[outcome_item(outcome) for outcome in outcomes])


@route("PATCH", "/composite/sobjects/{object}/{field}")
def upsert(call: Call) -> Answer:
    """Creates or changes records of one type by external id."""
    info, name = call.object(), call.arguments["field"]
    body = call.json_object()
    records = _records(body)
    if not info.has(name) or not (info.field(name).external_id or info.field(name).id_lookup):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    if any(_type(record).lower() != info.name.lower() for record in records):
        raise bad_request("INVALID_INPUT", f"All records must be of type {info.name}")
    outcomes = write_many(call, "upsert", records, _all_or_none(call, body), info.field(name))
    return Answer(body=[outcome_item(outcome, created=True) for outcome in outcomes])


@route("DELETE", "/composite/sobjects")
def delete(call: Call) -> Answer:
    """Deletes records by id."""
    ids = [part.strip() for part in call.query.get("ids", "").split(",") if part.strip()]
    if not ids:
        raise bad_request("REQUIRED_FIELD_MISSING", "At least 1 record is required", [])
    if len(ids) > MAX_RECORDS:
        raise bad_request(
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MAX_RECORDS} records in this call",
        )
    outcomes: list[Outcome] = []
    try:
        with call.org.store.write():
            for prefix, run_of in groupby(ids, key=lambda text: text[:3]):
                outcomes += _delete_run(call, call.catalogue.by_prefix(prefix), list(run_of))
            if _all_or_none(call, {}) and any(outcome.error for outcome in outcomes):
                raise _RollBackError
    except _RollBackError:
        outcomes = [outcome if outcome.error else Outcome(None, False, ROLLED_BACK) for outcome in outcomes]
    return Answer(body=[outcome_item(outcome) for outcome in outcomes])


def _delete_run(call: Call, info: ObjectInfo | None, ids: list[str]) -> list[Outcome]:
    if info is None:
        return [Outcome(None, False, bad_request("MALFORMED_ID", f"malformed id {text}", [])) for text in ids]
    return delete_rows(call, info, ids)


@route("GET POST", "/composite/sobjects/{object}")
def read(call: Call) -> Answer:
    """Records by id, null for those that are not there; ids and fields in the body (POST) or the
    address (GET)."""
    info = call.object()
    if call.method == "POST":
        body = call.json_object()
        ids, fields = body.get("ids") or [], body.get("fields") or []
    else:
        ids = [part for part in call.query.get("ids", "").split(",") if part]
        fields = [part for part in call.query.get("fields", "").split(",") if part]
    if not ids or not fields or len(ids) > MAX_READ:
        raise bad_request("REQUIRED_FIELD_MISSING", "ids and fields are required, at most 2000 ids", [])
    wanted = [long_id(str(text)) for text in ids]
    listed = ", ".join(f"'{identifier}'" for identifier in wanted if identifier)
    for name in fields:
        if not str(name).replace("_", "").replace(".", "").isalnum():
            raise bad_request("INVALID_FIELD", f"No such column '{name}' on sobject of type {info.name}")
    names = list(dict.fromkeys(["Id", *map(str, fields)]))
    found: dict[str, Any] = {}
    if listed:
        try:
            with call.org.store.reader() as cursor:
                result = run(
                    f"SELECT {', '.join(names)} FROM {info.name} WHERE Id IN ({listed})",
                    call.catalogue,
                    cursor,
                )
                found = {record["Id"]: record for record in result.records(0, MAX_READ, call.version)}
        except SoqlError as problem:
            raise bad_request(problem.code, problem.message) from None
    return Answer(body=[found.get(identifier or "") for identifier in wanted])
