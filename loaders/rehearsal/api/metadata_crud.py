"""The Metadata API's synchronous calls: createMetadata, updateMetadata, upsertMetadata, deleteMetadata,
renameMetadata. Each component is a deployment of its own, so checks and texts are those of a deployment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from loaders.rehearsal.api.call import Call
from loaders.rehearsal.metadata.components import KINDS, OBJECT_CHILDREN
from loaders.rehearsal.metadata.deploy import DeployOptions, deploy, deployment
from loaders.rehearsal.metadata.retrieve import Library, package_of
from loaders.rehearsal.metadata.soap import Fault, Request, answer
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.store import quote, table

MOST = 10
Problem = tuple[str, str] | None


def save(call: Call, request: Request) -> str:
    """create, update and upsert: one result per component, in order."""
    elements = request.arguments.all("metadata")
    _check_count(len(elements))
    return answer(request.operation, [_saved(call, request.operation, one) for one in elements])


def _check_count(count: int) -> None:
    if count > MOST:
        text = f"record limit reached. cannot submit more than {MOST} records into this operation"
        raise Fault("EXCEEDED_ID_LIMIT", text)


def _saved(call: Call, operation: str, element: Element) -> dict[str, Any]:
    kind, name = element.kind, element.value("fullName") or ""
    exists = _exists(call, kind, name)
    problem: Problem = None
    if kind not in KINDS and kind not in OBJECT_CHILDREN.values():
        problem = ("INVALID_TYPE", f"Unknown type: {kind}")
    elif not name:
        problem = ("REQUIRED_FIELD_MISSING", "Required field is missing: fullName")
    elif operation == "createMetadata" and exists:
        problem = ("DUPLICATE_DEVELOPER_NAME", f"There is already a {kind} named {name}")
    elif operation == "updateMetadata" and not exists:
        problem = ("INVALID_CROSS_REFERENCE_KEY", f"In field: fullName - no {kind} named {name} found")
    else:
        problem = _deployed(call, kind, name, _short(kind, name, element))
    created = {"created": not exists and problem is None} if operation == "upsertMetadata" else {}
    return {**created, **_result(name, problem)}


def _exists(call: Call, kind: str, name: str) -> bool:
    known = kind in KINDS or kind in OBJECT_CHILDREN.values()
    return known and bool(name) and Library(call.org.store, call.catalogue).element(kind, name) is not None


def _short(kind: str, name: str, element: Element) -> Element:
    """`Account.Score__c` is `Score__c` inside of the object's file; other files carry no name."""
    inside = [Element("fullName", name.partition(".")[2])] if kind in OBJECT_CHILDREN.values() else []
    return Element(kind, children=[*inside, *(one for one in element.children if one.name != "fullName")])


def _deployed(call: Call, kind: str, name: str, element: Element) -> Problem:
    """Deploys one component; the first problem as status code and text."""
    return _run(call, package_of({(kind, name): element}, call.version))


def _run(call: Call, package: bytes) -> Problem:
    org = call.org
    deploy_id, changed = deploy(org.store, call.catalogue, package, DeployOptions(), call.user.user_id)
    if changed:
        org.refresh()
    document = deployment(org.store, deploy_id) or {"result": {"details": {"componentFailures": []}}}
    details = document["result"]["details"]
    warnings = [one for one in details.get("componentSuccesses", ()) if one["warning"]]
    for one in [*details["componentFailures"], *warnings]:
        missing = re.search(r"\bfound$", one["problem"])
        code = "INVALID_CROSS_REFERENCE_KEY" if missing else "FIELD_INTEGRITY_EXCEPTION"
        return code, str(one["problem"])
    return None


def _result(name: str, problem: Problem) -> dict[str, Any]:
    if problem is None:
        return {"fullName": name, "success": True}
    return {"errors": {"message": problem[1], "statusCode": problem[0]}, "fullName": name, "success": False}


def delete(call: Call, request: Request) -> str:
    """One result per name."""
    kind = request.arguments.value("type") or ""
    names = [one.text.strip() for one in request.arguments.all("fullNames")]
    _check_count(len(names))
    return answer(
        "deleteMetadata",
        [_result(name, _run(call, package_of({}, call.version, {kind: [name]}))) for name in names],
    )


def rename(call: Call, request: Request) -> str:
    """A component under a new name; a custom field keeps its data."""
    kind = request.arguments.value("type") or ""
    old, new = (request.arguments.value(name) or "" for name in ("oldFullName", "newFullName"))
    element = Library(call.org.store, call.catalogue).element(kind, old) if _exists(call, kind, old) else None
    problem: Problem = ("INVALID_CROSS_REFERENCE_KEY", f"In field: fullName - no {kind} named {old} found")
    if element is not None and _exists(call, kind, new):
        problem = ("DUPLICATE_DEVELOPER_NAME", f"There is already a {kind} named {new}")
    elif element is not None:
        problem = _deployed(call, kind, new, _short(kind, new, element))
        if problem is None and kind == "CustomField":
            _copy(call, old, new)
        problem = problem or _run(call, package_of({}, call.version, {kind: [old]}))
    return answer("renameMetadata", _result(new, problem))


def _copy(call: Call, old: str, new: str) -> None:
    owner, _, before = old.partition(".")
    _, _, after = new.partition(".")
    info = call.catalogue.object(owner)
    if info.has(before) and info.has(after):
        with call.org.store.write() as connection:
            connection.execute(f"update {table(info.name)} set {quote(after)} = {quote(before)}")


CALLS: dict[str, Callable[[Call, Request], str]] = {
    "createMetadata": save,
    "updateMetadata": save,
    "upsertMetadata": save,
    "deleteMetadata": delete,
    "renameMetadata": rename,
}
