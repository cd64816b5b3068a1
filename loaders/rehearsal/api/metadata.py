"""The Metadata API: SOAP (`/services/Soap/m/XX.0`) and the REST resource `/metadata/deployRequest`.

    deploy, checkDeployStatus, cancelDeploy     a package in the Metadata API's zip format
    retrieve, checkRetrieveStatus               the way back; readMetadata answers at once
    listMetadata, describeMetadata, checkStatus
    createMetadata and its sisters              in `metadata_crud`

Deployments run while the request waits; clients that poll find them done at their first look.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.api.metadata_crud import CALLS
from loaders.rehearsal.metadata.components import KINDS, OBJECT_CHILDREN
from loaders.rehearsal.metadata.deploy import DeployOptions, deploy, deployment
from loaders.rehearsal.metadata.package import manifest_of
from loaders.rehearsal.metadata.retrieve import Library, Properties, ordered
from loaders.rehearsal.metadata.soap import Fault, Request, answer, fault, read_answer, read_request
from loaders.rehearsal.metadata.xml import Element
from loaders.rehearsal.org.failures import bad_request, not_found
from loaders.rehearsal.org.ids import make_id

XML = "text/xml;charset=UTF-8"
MAX_READ = 10
TYPES = frozenset([*KINDS, *OBJECT_CHILDREN.values(), "MatchingRule"])
_RETRIEVALS = "create table if not exists meta.retrievals (id varchar primary key, document varchar)"
_USER = "Rehearsal Administrator"


def run_deployment(call: Call, content: bytes, given: Mapping[str, Any]) -> str:
    """Deploys and returns the id of the deployment; the org's catalogue follows at once."""
    options = DeployOptions.of(given)
    deploy_id, changed = deploy(call.org.store, call.catalogue, content, options, call.user.user_id)
    if changed:
        call.org.refresh()
    return deploy_id


@route("POST", "/services/Soap/m/{version}", versioned=False, public=True)
def soap(call: Call) -> Answer:
    """One SOAP call. Refusals are faults with HTTP status 500."""
    try:
        request = read_request(call.body)
        call.version = call.arguments["version"]
        call.session = call.org.session(request.session_id)
        if call.session is None:
            text = "Invalid Session ID found in SessionHeader: Illegal Session"
            raise Fault("INVALID_SESSION_ID", text)
        if call.org.limits.count("DailyApiRequests") > call.org.options.daily_api_requests:
            raise Fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        operation = _OPERATIONS.get(request.operation)
        if operation is None:
            raise Fault("INVALID_OPERATION", f"No operation available for request {request.operation}")
        return Answer(text=operation(call, request), content_type=XML)
    except Fault as error:
        return Answer(500, text=fault(error), content_type=XML)


@route("POST", "/services/Soap/m/{version}/{rest*}", versioned=False, public=True)
def soap_below(call: Call) -> Answer:
    """The same below that address: logins add the org's id, simple-salesforce the operation."""
    return soap(call)


def _deploy(call: Call, request: Request) -> str:
    options = request.arguments.one("DeployOptions") or request.arguments.one("deployOptions")
    given = {child.name: child.text.strip() for child in options.children} if options else {}
    packed = request.arguments.value("ZipFile") or request.arguments.value("zipFile") or ""
    try:
        content = base64.b64decode(packed, validate=False)
    except binascii.Error as error:
        raise Fault("INVALID_ZIP_FILE", f"The zip file is not valid base64: {error}") from None
    deploy_id = run_deployment(call, content, given)
    return answer("deploy", {"done": False, "id": deploy_id, "state": "Queued"})


def _check_deploy_status(call: Call, request: Request) -> str:
    document = deployment(call.org.store, _process_id(request))
    if document is None:
        raise Fault("INVALID_ID_FIELD", f"Invalid id: {_process_id(request)}")
    result = dict(document["result"])
    if not request.arguments.flag("includeDetails"):
        result.pop("details")
    return answer("checkDeployStatus", result)


def _cancel_deploy(call: Call, request: Request) -> str:
    return answer("cancelDeploy", {"done": True, "id": _process_id(request)})


def _check_status(call: Call, request: Request) -> str:
    ids = [element.text.strip() for element in request.arguments.all("asyncProcessId")]
    return answer("checkStatus", [{"done": True, "id": one, "state": "Completed"} for one in ids])


def _process_id(request: Request) -> str:
    return request.arguments.value("asyncProcessId") or request.arguments.value("id") or ""


def _retrieve(call: Call, request: Request) -> str:
    # jsforce, and with it the sf CLI, calls it `request`.
    wanted = request.arguments.one("retrieveRequest") or request.arguments.one("request") or Element("")
    members = manifest_of(wanted.one("unpackaged") or Element(""))
    unknown = [kind for kind in members if kind not in TYPES]
    known = {kind: names for kind, names in members.items() if kind not in unknown}
    library = Library(call.org.store, call.catalogue)
    content, found, missing = library.zip(known, wanted.value("apiVersion") or call.version)
    missing += [f"Entity type: '{kind}' is unknown" for kind in unknown]
    store = call.org.store
    with store.write() as connection:
        connection.execute(_RETRIEVALS)
        retrieve_id = make_id("09S", store.take_numbers("Retrieval", 1))
        document = {
            "fileProperties": [_file_properties(one, call.user.user_id) for one in found],
            "id": retrieve_id,
            "messages": [{"fileName": "unpackaged/package.xml", "problem": text} for text in missing],
            "zipFile": base64.b64encode(content).decode(),
        }
        connection.execute("insert into meta.retrievals values (?, ?)", [retrieve_id, json.dumps(document)])
    return answer("retrieve", {"done": False, "id": retrieve_id, "state": "Queued"})


def _check_retrieve_status(call: Call, request: Request) -> str:
    with call.org.store.write() as connection:
        connection.execute(_RETRIEVALS)
    sql = "select document from meta.retrievals where left(id, 15) = left(?, 15)"
    found = call.org.store.rows(sql, [_process_id(request)])
    if not found:
        raise Fault("INVALID_ID_FIELD", f"Invalid id: {_process_id(request)}")
    document = json.loads(found[0][0])
    if request.arguments.value("includeZip") == "false":
        document.pop("zipFile")
    result = {"done": True, **document, "status": "Succeeded", "success": True}
    return answer("checkRetrieveStatus", result)


def _list_metadata(call: Call, request: Request) -> str:
    library = Library(call.org.store, call.catalogue)
    found: list[dict[str, Any]] = []
    for query in request.arguments.all("queries"):
        kind = query.value("type") or ""
        if kind not in TYPES:
            raise Fault("INVALID_TYPE", f"Unknown type: {kind}")
        found += [_file_properties(one, call.user.user_id) for one in library.properties(kind)]
    return answer("listMetadata", found)


def _file_properties(one: Properties, user_id: str) -> dict[str, Any]:
    return {
        "createdById": user_id, "createdByName": _USER, "createdDate": one.created, "fileName": one.file,
        "fullName": one.full_name, "id": one.id, "lastModifiedById": user_id, "lastModifiedByName": _USER,
        "lastModifiedDate": one.modified, "manageableState": "unmanaged", "type": one.type,
    }  # fmt: skip


def _describe_metadata(call: Call, _: Request) -> str:
    objects = [
        {"childXmlNames": list(kind.children), "directoryName": kind.directory, "inFolder": False,
         "metaFile": False, "suffix": kind.suffix, "xmlName": kind.xml}
        for kind in KINDS.values()
    ]  # fmt: skip
    result = {"metadataObjects": objects, "organizationNamespace": "", "partialSaveAllowed": True,
              "testRequired": False}  # fmt: skip
    return answer("describeMetadata", result)


def _read_metadata(call: Call, request: Request) -> str:
    kind = request.arguments.value("type") or ""
    names = [element.text.strip() for element in request.arguments.all("fullNames")]
    if kind not in TYPES:
        raise Fault("INVALID_TYPE", f"INVALID_TYPE: Unknown type: {kind}")
    if len(names) > MAX_READ:
        text = f"record limit reached. cannot submit more than {MAX_READ} records into this operation"
        raise Fault("EXCEEDED_ID_LIMIT", text)
    library = Library(call.org.store, call.catalogue)
    return read_answer([(kind, _named(library.element(kind, name), name)) for name in names])


def _named(element: Element | None, full_name: str) -> Element | None:
    """A component as readMetadata shows it: with its full name, the object's name before the dot included."""
    if element is None:
        return None
    others = [child for child in element.children if child.name != "fullName"]
    return ordered(Element(element.name, children=[Element("fullName", full_name), *others]))


_OPERATIONS: dict[str, Callable[[Call, Request], str]] = {
    "deploy": _deploy,
    "checkDeployStatus": _check_deploy_status,
    "cancelDeploy": _cancel_deploy,
    "checkStatus": _check_status,
    "retrieve": _retrieve,
    "checkRetrieveStatus": _check_retrieve_status,
    "listMetadata": _list_metadata,
    "describeMetadata": _describe_metadata,
    "readMetadata": _read_metadata,
    **CALLS,
}


@route("POST", "/metadata/deployRequest")
def deploy_request(call: Call) -> Answer:
    """A deployment by REST: a JSON part with deployOptions, a part with the zip file. Answers 201."""
    settings, content = _parts(call)
    given = settings.get("deployOptions")
    if not isinstance(given, dict):
        raise bad_request("JSON_PARSER_ERROR", "The part 'json' needs an object deployOptions")
    deploy_id = run_deployment(call, content, given)
    body = {"deployOptions": DeployOptions.of(given).shown(), "deployResult": None, "id": deploy_id,
            "url": f"{call.base_url}{call.root}/metadata/deployRequest/{deploy_id}",
            "validatedDeployRequestId": None}  # fmt: skip
    return Answer(201, body)


@route("GET PATCH", "/metadata/deployRequest/{id}")
def deploy_status(call: Call) -> Answer:
    """A deployment's options and result, details on request. PATCH asks to cancel, always too late."""
    document = deployment(call.org.store, call.arguments["id"])
    if document is None:
        raise not_found()
    result = dict(document["result"])
    details = dict(result.pop("details"))
    if call.query.get("includeDetails", "").lower() == "true":
        listed = [*details["componentFailures"], *details["componentSuccesses"]]
        result["details"] = {"allComponentMessages": listed, **details}
    body = {
        "deployOptions": document["options"],
        "deployResult": result,
        "id": result["id"],
        "validatedDeployRequestId": None,
    }
    return Answer(202 if call.method == "PATCH" else 200, body)


def _parts(call: Call) -> tuple[dict[str, Any], bytes]:
    """The JSON part and the bytes of the zip part. Raises OrgError."""
    matched = re.search(r'boundary=(?:"([^"]+)"|([^;\s]+))', call.headers.get("content-type", ""))
    boundary = (matched.group(1) or matched.group(2)).encode() if matched else b""
    settings: dict[str, Any] | None = None
    content: bytes | None = None
    # A boundary starts a line; inside a zip the same bytes cannot follow a line break by chance.
    for part in (b"\r\n" + call.body).split(b"\r\n--" + boundary) if matched else ():
        head, gap, data = part.partition(b"\r\n\r\n")
        if not gap:
            continue
        if re.search(rb'name="?json"?', head, re.IGNORECASE):
            settings = _json_part(data)
        elif re.search(rb'name="?file"?', head, re.IGNORECASE):
            content = _decoded(head, data)
    if settings is None or content is None:
        text = "A multipart request with the parts 'json' and 'file' was expected"
        raise bad_request("INVALID_MULTIPART_REQUEST", text)
    return settings, content


def _json_part(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bad_request("JSON_PARSER_ERROR", f"The part 'json' is no JSON: {error}") from None
    return found if isinstance(found, dict) else {}


def _decoded(head: bytes, data: bytes) -> bytes:
    if re.search(rb"content-transfer-encoding:\s*base64", head, re.IGNORECASE):
        return base64.b64decode(data)
    return data
