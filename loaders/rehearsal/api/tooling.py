"""The Tooling API as far as migration tools read it: queries over schema and setup, list of objects."""

from __future__ import annotations

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.metadata.registry import Registry
from loaders.rehearsal.metadata.tooling import tooling_catalogue, tooling_query
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.describe import describe, summary
from loaders.rehearsal.org.failures import bad_request, not_found
from loaders.rehearsal.soql import SoqlError


@route("GET", "/tooling")
def resources(call: Call) -> Answer:
    """The resources of the Tooling API."""
    return Answer(body={name: f"{call.root}/tooling/{name}" for name in ("query", "queryAll", "sobjects")})


@route("GET", "/tooling/query")
def query(call: Call) -> Answer:
    """A query over Tooling objects; the whole answer is one page."""
    soql = call.query.get("q", "")
    if not soql.strip():
        raise bad_request("MALFORMED_QUERY", "A query string has to be specified")
    try:
        result = tooling_query(soql, call.catalogue, call.org.store)
    except SoqlError as problem:
        raise bad_request(problem.code, problem.message) from None
    records = result.records(0, max(result.total_size, 1), f"{call.version}/tooling")
    body = {"size": len(records), "totalSize": result.total_size, "done": True, "queryLocator": None,
            "entityTypeName": result.object, "records": records}  # fmt: skip
    return Answer(body=body)


@route("GET", "/tooling/queryAll")
def query_all(call: Call) -> Answer:
    """The same; setup has no recycle bin."""
    return query(call)


@route("GET", "/tooling/sobjects")
def objects(call: Call) -> Answer:
    """All Tooling objects, without fields."""
    listed = sorted(tooling_catalogue().objects.values(), key=lambda info: info.name)
    shown = [summary(info, f"{call.root}/tooling") for info in listed]
    return Answer(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": shown})


@route("GET", "/tooling/sobjects/{object}")
def basic(call: Call) -> Answer:
    """A Tooling object without fields."""
    shown = summary(_object(call), f"{call.root}/tooling")
    return Answer(body={"objectDescribe": shown, "recentItems": []})


@route("GET", "/tooling/sobjects/{object}/describe")
def describe_object(call: Call) -> Answer:
    """The describe of a Tooling object."""
    return Answer(body=describe(_object(call), f"{call.root}/tooling"))


@route("GET", "/tooling/sobjects/ValidationRule/{id}")
def validation_rule(call: Call) -> Answer:
    """One validation rule with its formula, which queries over several do not give."""
    wanted = call.arguments["id"][:15]
    found = next(
        (one for one in Registry(call.org.store).all("ValidationRule") if one.id[:15] == wanted), None
    )
    if found is None:
        raise not_found()
    owner, _, name = found.full_name.partition(".")
    texts = ("description", "errorConditionFormula", "errorDisplayField", "errorMessage")
    metadata = {key: found.element.value(key) for key in texts} | {"active": found.element.flag("active")}
    path = f"{call.root}/tooling/sobjects/ValidationRule/{found.id}"
    return Answer(body={"attributes": {"type": "ValidationRule", "url": path}, "Id": found.id,
                        "ValidationName": name, "FullName": found.full_name, "EntityDefinitionId": owner,
                        "Active": found.element.flag("active"), "Metadata": metadata})  # fmt: skip


def _object(call: Call) -> ObjectInfo:
    name = call.arguments["object"]
    if not tooling_catalogue().has(name):
        raise not_found()
    return tooling_catalogue().object(name)
