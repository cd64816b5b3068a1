"""Files: ContentVersion and Attachment with their content, as multipart upload, as base64 in JSON, and
on the way out.

Content lies beside the store, named by SHA-256, so equal files are kept once. A new ContentVersion
makes its ContentDocument and, with FirstPublishLocationId, the link to a record.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.api.records import record_id, write_one
from loaders.rehearsal.org.catalogue import ObjectInfo
from loaders.rehearsal.org.failures import OrgError, bad_request, not_found
from loaders.rehearsal.org.files import add_document, mark_content
from loaders.rehearsal.org.rest_rows import Outcome
from loaders.rehearsal.org.store import quote, table

BLOBS = {"ContentVersion": "VersionData", "Attachment": "Body", "Document": "Body"}
MAX_BASE64 = 37_500_000
OBJECTS = "(?P<object>ContentVersion|Attachment)"


@route("POST", f"/sobjects/{OBJECTS}")
def create(call: Call) -> Answer:
    """A new record with its content."""
    info = call.object()
    outcome = store_file(call, info, *_content(call, BLOBS[info.name]))
    return Answer(201, {"id": outcome.id, "success": True, "errors": []})


def store_json_file(call: Call, info: ObjectInfo, record: Mapping[str, Any]) -> Outcome:
    """The outcome of a record that carries its content as base64 in JSON."""
    try:
        return store_file(call, info, *_decoded(dict(record), BLOBS[info.name]))
    except OrgError as problem:
        return Outcome(None, False, problem)


def store_file(call: Call, info: ObjectInfo, fields: dict[str, Any], content: bytes | None) -> Outcome:
    """The outcome of a new record with this content. Raises OrgError when it is refused."""
    blob = BLOBS[info.name]
    if info.name == "ContentVersion":
        if not fields.get("PathOnClient") and not fields.get("ContentUrl"):
            raise bad_request(
                "REQUIRED_FIELD_MISSING", "Required fields are missing: [PathOnClient]", ["PathOnClient"]
            )
        fields.setdefault("Title", Path(str(fields.get("PathOnClient") or "")).stem or "Untitled")
    if content is None:
        raise bad_request("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{blob}]", [blob])
    used, maximum = call.org.limits.file_storage_mb(), call.org.options.file_storage_mb
    if used + len(content) / 1024 / 1024 > maximum:
        raise bad_request("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", [])
    digest = hashlib.sha256(content).hexdigest()
    path = call.org.store.files / "content" / digest
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_bytes(content)
    with call.org.store.write() as connection:
        document = add_document(call.org, call.user, fields) if info.name == "ContentVersion" else None
        given = {key: value for key, value in fields.items() if key != "ContentDocumentId"}
        outcome = write_one(call, info, "insert", {**given, blob: digest})
        mark_content(connection, info, str(outcome.id), document, content, fields)
    return outcome


@route("GET", f"/sobjects/{OBJECTS}/{{id}}/(?P<blob>VersionData|Body)")
def download(call: Call) -> Answer:
    """The content of a file."""
    info = call.object()
    return _file(call, info, record_id(call, info, call.arguments["id"]))


def _file(call: Call, info: ObjectInfo, identifier: str) -> Answer:
    blob = BLOBS[info.name]
    found = call.org.store.rows(
        f'select {quote(blob)} from {table(info.name)} where "Id" = ? and not "IsDeleted"', [identifier]
    )
    path = call.org.store.files / "content" / str(found[0][0] if found else "")
    if not found or not path.is_file():
        raise not_found()
    return Answer(file=path, content_type="application/octet-stream")


def _content(call: Call, blob: str) -> tuple[dict[str, Any], bytes | None]:
    """Fields and content of a multipart or JSON request. Raises OrgError."""
    if "multipart" in call.headers.get("content-type", ""):
        return _multipart(call)
    return _decoded(call.json_object(), blob)


def _decoded(fields: dict[str, Any], blob: str) -> tuple[dict[str, Any], bytes | None]:
    name = next((key for key in fields if key.lower() == blob.lower()), None)
    if name is None:
        return fields, None
    text = fields.pop(name)
    if not isinstance(text, str) or len(text) > MAX_BASE64 * 4 // 3:
        raise bad_request("JSON_PARSER_ERROR", f"{blob} must be base64 text of at most {MAX_BASE64} bytes")
    try:
        return fields, base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise bad_request(
            "JSON_PARSER_ERROR", f"Cannot deserialize instance of base64 from VALUE_STRING value {text[:40]}"
        ) from None


def _multipart(call: Call) -> tuple[dict[str, Any], bytes | None]:
    """The JSON part and the other part, in whichever order they come."""
    matched = re.search(r'boundary="?([^";]+)', call.headers["content-type"])
    if matched is None:
        raise bad_request("UNKNOWN_EXCEPTION", "The multipart request has no boundary")
    mark = b"--" + matched.group(1).encode()
    fields: dict[str, Any] = {}
    content: bytes | None = None
    for part in call.body.split(b"\r\n" + mark if call.body.startswith(mark) else mark):
        head, separator, payload = part.removeprefix(mark).removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not separator:
            continue
        lowered = head.lower()
        if b"application/json" in lowered and b"filename=" not in lowered:
            try:
                fields = json.loads(payload)
            except ValueError:
                raise bad_request("JSON_PARSER_ERROR", "The entity part is no JSON") from None
        elif b"filename=" in lowered:
            content = payload if call.body.startswith(mark) else payload.removesuffix(b"\r\n")
    if not isinstance(fields, dict):
        raise OrgError(400, "JSON_PARSER_ERROR", "The entity part is no JSON object")
    return fields, content
