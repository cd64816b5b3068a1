"""Single records: create, read, update, delete, and upsert by external id (`/sobjects/…`)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from loaders.rehearsal.api.call import Answer, Call, error_body, route
from loaders.rehearsal.org.catalogue import FieldInfo, ObjectInfo
from loaders.rehearsal.org.checks import comparable
from loaders.rehearsal.org.deletes import delete_batch, delete_single
from loaders.rehearsal.org.failures import OrgError, bad_request, not_found
from loaders.rehearsal.org.ids import long_id
from loaders.rehearsal.org.rest_rows import Outcome, decode_error, write_rows
from loaders.rehearsal.org.store import literal, quote, table
from loaders.rehearsal.soql import QueryResult, SoqlError, Translation, translate

PLACEHOLDER = "000000000000000AAA"
KEPT_TRANSLATIONS = 200
_translations: dict[tuple[int, tuple[str, ...]], tuple[ObjectInfo, Translation, str]] = {}


@route("POST", "/sobjects/{object}")
def create(call: Call) -> Answer:
    """A new record."""
    info = call.object()
    outcome = write_one(call, info, "insert", call.json_object())
    return Answer(201, {"id": outcome.id, "success": True, "errors": []})


@route("GET", "/sobjects/{object}/{id}")
def read(call: Call) -> Answer:
    """A record with all its fields, or those of `fields=`."""
    info = call.object()
    return Answer(
        body=fetch(call, info, record_id(call, info, call.arguments["id"]), call.query.get("fields"))
    )


@route("PATCH", "/sobjects/{object}/{id}")
def update(call: Call) -> Answer:
    """Changes a record."""
    info = call.object()
    wanted = record_id(call, info, call.arguments["id"])
    body = call.json_object()
    if any(key.lower() == "id" for key in body):
        raise bad_request("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    write_one(call, info, "update", {"Id": wanted, **body})
    return Answer(204)


@route("DELETE", "/sobjects/{object}/{id}")
def delete(call: Call) -> Answer:
    """Puts a record into the recycle bin."""
    info = call.object()
    outcome = delete_rows(call, info, [record_id(call, info, call.arguments["id"])])[0]
    if outcome.error:
        raise outcome.error
    return Answer(204)


@route("GET", "/sobjects/{object}/{field}/{value*}")
def read_by_key(call: Call) -> Answer:
    """A record by external id."""
    info, field = call.object(), key_field(call)
    found = holders(call, info, field, call.arguments["value"])
    if len(found) > 1:
        return several(call, info, found)
    if not found:
        raise not_found()
    return Answer(body=fetch(call, info, found[0], call.query.get("fields")))


@route("PATCH POST", "/sobjects/{object}/{field}/{value*}")
def upsert(call: Call) -> Answer:
    """Creates or changes the record with that external id."""
    info, field = call.object(), key_field(call)
    body = call.json_object()
    if any(key.lower() == field.name.lower() for key in body):
        raise bad_request(
            "INVALID_FIELD", f"The {field.name} field should not be specified in the sobject data."
        )
    found = holders(call, info, field, call.arguments["value"])
    if len(found) > 1:
        return several(call, info, found)
    outcome = write_one(call, info, "upsert", {field.name: call.arguments["value"], **body}, field)
    if float(call.version) < 46 and not outcome.created:
        return Answer(204)
    answer: dict[str, Any] = {"id": outcome.id, "success": True, "errors": [], "created": outcome.created}
    return Answer(201 if outcome.created else 200, answer)


@route("DELETE", "/sobjects/{object}/{field}/{value*}")
def delete_by_key(call: Call) -> Answer:
    """Deletes the record with that external id."""
    info, field = call.object(), key_field(call)
    found = holders(call, info, field, call.arguments["value"])
    if len(found) > 1:
        return several(call, info, found)
    if not found:
        raise not_found()
    outcome = delete_rows(call, info, found)[0]
    if outcome.error:
        raise outcome.error
    return Answer(204)


def write_one(
    call: Call, info: ObjectInfo, operation: str, record: dict[str, Any], external_id: FieldInfo | None = None
) -> Outcome:
    """Writes one record. Raises OrgError when it is refused."""
    if not (info.createable if operation == "insert" else info.updateable):
        raise OrgError(
            405, "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are HEAD,GET"
        )
    context = call.context
    outcome = write_rows(call.org.store, context, info, operation, [record], external_id)[0]
    if outcome.error:
        if (
            outcome.error.code in ("INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED")
            and not outcome.error.fields
        ):
            status_code = outcome.error.code if outcome.error.code == "ENTITY_IS_DELETED" else "NOT_FOUND"
            text = (
                outcome.error.message
                if status_code == "ENTITY_IS_DELETED"
                else "The requested resource does not exist"
            )
            raise OrgError(404, status_code, text, [])
        raise outcome.error
    return outcome


def delete_rows(call: Call, info: ObjectInfo, ids: list[str], *, hard: bool = False) -> list[Outcome]:
    """Deletes records by id; one outcome each, in order."""
    store, context = call.org.store, call.org.context(call.user)
    with store.write() as connection:
        if len(ids) == 1 and not hard:
            found = [delete_single(store, context, info, ids[0])]
        else:
            rows = " union all ".join(
                f"select {n} as row_no, {literal(i)} as id" for n, i in enumerate(ids, 1)
            )
            delete_batch(store, context, info, rows, hard=hard)
            found = connection.execute("select id, error from outcome order by row_no").fetchall()
    outcomes = []
    for identifier, error in found:
        problem = decode_error(error) if error else None
        if problem and problem.code in ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY"):
            problem = OrgError(404, problem.code, problem.message, [])
        outcomes.append(Outcome(identifier, False, problem))
    return outcomes


def record_id(call: Call, info: ObjectInfo, text: str) -> str:
    """The 18-character id. Raises OrgError for text that is none or that belongs to another object."""
    found = long_id(text)
    if found is None or (info.key_prefix and not found.startswith(info.key_prefix)):
        if call.method in ("PATCH", "DELETE") and found is None:
            raise OrgError(400, "MALFORMED_ID", f"malformed id {text}", [])
        raise OrgError(
            404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {text}"
        )
    return found


def key_field(call: Call) -> FieldInfo:
    """The external id field in the path. Raises OrgError 404."""
    info, name = call.object(), call.arguments["field"]
    if info.has(name):
        field = info.field(name)
        if field.external_id or field.id_lookup:
            return field
    raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")


def holders(call: Call, info: ObjectInfo, field: FieldInfo, value: str) -> list[str]:
    """Ids of the live records with that value."""
    if field.name == "Id":
        value = long_id(value) or ""
    cast = f"try_cast(? as {field.storage_type})"
    sql = (
        f'select "Id" from {table(info.name)} where not "IsDeleted" '
        f"and {comparable(field, quote(field.name))} = {comparable(field, cast)} order by 1 limit 100"
    )
    return [row[0] for row in call.org.store.rows(sql, [value.strip()])]


def several(call: Call, info: ObjectInfo, ids: list[str]) -> Answer:
    """The answer 300 with the address of every match."""
    return Answer(300, [f"{call.root}/sobjects/{info.name}/{identifier}" for identifier in ids])


def fetch(call: Call, info: ObjectInfo, identifier: str, names: str | None) -> dict[str, Any]:
    """One record as JSON. Raises OrgError 404 for a deleted or unknown one, 400 for an unknown field."""
    wanted = [name.strip() for name in (names or "").split(",") if name.strip()]
    for name in wanted:
        if not all(part.replace("_", "").isalnum() for part in name.split(".")):
            raise bad_request("INVALID_FIELD", f"No such column '{name}' on sobject of type {info.name}")
    try:
        with call.org.store.reading() as statements:
            reading, text = _reading(call, info, tuple(wanted), identifier)
            result = QueryResult(
                reading, statements.connection, lambda: statements.run(text, {"id": identifier})
            )
            records = result.records(0, 1, call.version)
            if records and not records[0].get("IsDeleted", True):
                return dict(records[0])
            deleted = statements.connection.execute(
                f'select "IsDeleted" from {table(info.name)} where "Id" = {literal(identifier)}'
            ).fetchone()
    except SoqlError as problem:
        raise bad_request(problem.code, problem.message) from None
    if not records or deleted is None:
        raise not_found()
    if deleted[0]:
        raise OrgError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
    return dict(records[0])


def _reading(
    call: Call, info: ObjectInfo, wanted: tuple[str, ...], identifier: str
) -> tuple[Translation, str]:
    """The query for one record, and its SQL with the id as parameter; translated once for an object and a list
    of fields."""
    key = (id(info), wanted)
    known = _translations.get(key)
    if known is None or known[0] is not info:
        columns = wanted or tuple(field.name for field in info.fields.values())
        soql = f"SELECT {', '.join(columns)} FROM {info.name} WHERE Id = '{PLACEHOLDER}'"
        if len(_translations) >= KEPT_TRANSLATIONS:
            _translations.clear()
        translation = translate(soql, call.catalogue, include_deleted=True)
        values = iter(translation.parameters)
        text = re.sub(r"\?", lambda _: _parameter(next(values)), translation.sql)
        known = _translations[key] = (info, translation, text)
    parameters = tuple(identifier if one == PLACEHOLDER else one for one in known[1].parameters)
    return replace(known[1], parameters=parameters), known[2]


def _parameter(value: Any) -> str:
    return "($id::varchar || '')" if value == PLACEHOLDER else f"{literal(str(value))}"


__all__ = ["delete_rows", "error_body", "fetch", "write_one"]
