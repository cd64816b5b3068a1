"""The Metadata API over HTTP: read components (SOAP), deploy a package (REST) and wait for the outcome.

Reading is `readMetadata`, ten components a call, because it answers at once and tells everything, inactive
values included. Deploying is `metadata/deployRequest`: one multipart request, then polls until the org is
done. Either goes through the session, so time limits, retries and a fresh login are the session's business.
"""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from urllib3 import encode_multipart_formdata
from urllib3.fields import RequestField

from loaders.errors import RemoteError
from loaders.salesforce.describe import Session
from loaders.salesforce.metadata_xml import NAMESPACE, Tree, local, parse, text, tree_of

READ_AT_ONCE = 10  # components that readMetadata takes in one call
FIRST_POLL, LONGEST_POLL = 0.2, 5.0  # seconds
PATIENCE = 3600.0  # seconds that a deployment may take
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:met="{namespace}">'
    "<soapenv:Header><met:SessionHeader><met:sessionId>{session}</met:sessionId></met:SessionHeader></soapenv:Header>"
    "<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True)
class Problem:
    """One component that the org refused, with its own words."""

    type: str
    name: str
    message: str

    def line(self) -> str:
        """`CustomField Lead.stage__c: …`."""
        return f"{self.type} {self.name}: {self.message}".strip()


@dataclass(frozen=True)
class Deployment:
    """How a deployment ended; `deployed` and `total` count components."""

    deploy_id: str
    status: str
    success: bool
    check_only: bool
    deployed: int
    total: int
    problems: tuple[Problem, ...] = ()
    message: str = ""


def read_metadata(
    session: Session, names: Iterable[tuple[str, str]], version: str
) -> dict[tuple[str, str], Tree]:
    """Those of the (type, full name) components that the org has. Raises RemoteError."""
    by_type: dict[str, list[str]] = {}
    for kind, name in sorted(set(names)):
        by_type.setdefault(kind, []).append(name)
    found: dict[tuple[str, str], Tree] = {}
    for kind, listed in by_type.items():
        for start in range(0, len(listed), READ_AT_ONCE):
            for tree in _read(session, kind, listed[start : start + READ_AT_ONCE], version):
                name = text(tree, "fullName")
                if name:
                    found[kind, _asked_for(name, listed)] = tree
    return {key: _short_name(key[0], tree) for key, tree in found.items()}


def _asked_for(name: str, listed: Iterable[str]) -> str:
    """The name as we spell it; the org may spell its case differently."""
    return next((one for one in listed if one.lower() == name.lower()), name)


def _short_name(kind: str, tree: Tree) -> Tree:
    """`Lead.stage__c` is `stage__c` inside of its object's file; other types carry no name inside."""
    if kind not in ("CustomField", "RecordType", "BusinessProcess"):
        return tree
    return tuple(
        (tag, value.partition(".")[2] if tag == "fullName" else value)  # type: ignore[union-attr]
        for tag, value in tree
    )


def _read(session: Session, kind: str, names: Iterable[str], version: str) -> list[Tree]:
    """One readMetadata call."""
    asked = "".join(f"<met:fullNames>{escape(name)}</met:fullNames>" for name in names)
    body = f"<met:readMetadata><met:type>{kind}</met:type>{asked}</met:readMetadata>"
    response = session.request(
        "POST",
        f"/services/Soap/m/{version}",
        once=True,  # SOAP says everything with status 500, also what no second try can cure
        headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'},
        data=ENVELOPE.format(
            namespace=NAMESPACE, session=escape(str(session.client.session_id)), body=body
        ).encode(),
    )
    try:
        root = parse(response.content)
    except ElementTree.ParseError as error:
        raise RemoteError(f"The Metadata API's answer about {kind} is no XML.") from error
    return [tree_of(element) for element in root.iter() if local(element.tag) == "records"]


def deploy(
    session: Session,
    package: bytes,
    *,
    check_only: bool,
    report: Callable[[str], None] = lambda _: None,
    patience: float = PATIENCE,
) -> Deployment:
    """Deploys a zipped package, all or nothing, and waits.

    Raises RemoteError when the org does not finish in time.
    """
    options = {
        "allowMissingFiles": False,
        "checkOnly": check_only,
        "ignoreWarnings": True,
        "rollbackOnError": True,
        "singlePackage": True,
    }
    choice = RequestField("json", json.dumps({"deployOptions": options}))
    choice.make_multipart(content_type="application/json")
    archive = RequestField("file", package, filename="package.zip")
    archive.make_multipart(content_type="application/zip")
    body, content_type = encode_multipart_formdata([choice, archive])
    started = session.request(
        "POST", "metadata/deployRequest", once=True, data=body, headers={"Content-Type": content_type}
    ).json()
    deploy_id = str(started.get("id") or started["deployResult"]["id"])
    report(f"Deployment {deploy_id} has begun.")
    end, pause = time.monotonic() + patience, FIRST_POLL
    while time.monotonic() < end:
        answer = session.request(
            "GET", f"metadata/deployRequest/{deploy_id}", params={"includeDetails": "true"}
        ).json()
        result = answer["deployResult"]
        if result.get("done"):
            return _deployment(deploy_id, result, check_only)
        report(
            f"{result.get('status')}: {result.get('numberComponentsDeployed', 0)} of "
            f"{result.get('numberComponentsTotal', 0)} components"
        )
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL)
    raise RemoteError(
        f"Deployment {deploy_id} did not end within {patience:.0f} seconds.",
        "look at Setup > Deployment Status, then run `load-sf schema check`",
    )


def _deployment(deploy_id: str, result: Mapping[str, Any], check_only: bool) -> Deployment:
    """The outcome from the JSON of the API."""
    details = result.get("details") or {}
    failures = details.get("componentFailures") or []
    listed = failures if isinstance(failures, list) else [failures]
    return Deployment(
        deploy_id=deploy_id,
        status=str(result.get("status")),
        success=bool(result.get("success")),
        check_only=check_only,
        deployed=int(result.get("numberComponentsDeployed") or 0),
        total=int(result.get("numberComponentsTotal") or 0),
        problems=tuple(
            Problem(
                str(one.get("componentType") or ""),
                str(one.get("fullName") or ""),
                str(one.get("problem") or ""),
            )
            for one in listed
        ),
        message=str(result.get("errorMessage") or ""),
    )


def assign(session: Session, names: Iterable[str]) -> tuple[str, list[str]]:
    """(user name, permission sets that are now assigned to the user of the session). Raises RemoteError."""
    me = session.request("GET", "/services/oauth2/userinfo").json()
    quoted = ", ".join(f"'{name}'" for name in names)
    sets = list(session.query(f"SELECT Id, Name FROM PermissionSet WHERE Name IN ({quoted})"))
    held = session.query(
        f"SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{me['user_id']}'"
    )
    there = {row["PermissionSetId"] for row in held}
    for row in sets:
        if row["Id"] not in there:
            body = {"AssigneeId": me["user_id"], "PermissionSetId": row["Id"]}
            session.request("POST", "sobjects/PermissionSetAssignment", json=body)
    return str(me.get("preferred_username") or me["user_id"]), sorted(row["Name"] for row in sets)
