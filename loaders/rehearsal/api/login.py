"""Logging in: OAuth token endpoint, identity and user info. SOAP login is in `soap`.

Grants: client_credentials (key and secret in the body or as Basic), refresh_token, JWT bearer, device
and web flows not. The user-name-password grant is refused, as in every org created since 2023.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from loaders.rehearsal.api.call import Answer, Call, route
from loaders.rehearsal.org.failures import OrgError
from loaders.rehearsal.org.seeding import user_by_name

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def _refused(error: str, description: str) -> Answer:
    return Answer(400, {"error": error, "error_description": description})


@route("POST", "/services/oauth2/token", versioned=False, public=True)
def token(call: Call) -> Answer:
    """A session for whoever proves who they are."""
    form = {key: values[0] for key, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    form = {**call.query, **form}
    grant = form.get("grant_type", "")
    if call.org.revoked:
        return _refused("invalid_grant", "expired access/refresh token")
    if grant == "client_credentials":
        return _client_credentials(call, form)
    if grant == "refresh_token":
        session = call.org.session(form.get("refresh_token", ""))
        return (
            _granted(call, session.user_id)
            if session
            else _refused("invalid_grant", "expired access/refresh token")
        )
    if grant == JWT_GRANT:
        return _jwt(call, form.get("assertion", ""))
    if grant == "password":
        return _refused("invalid_grant", "authentication failure")
    return _refused("unsupported_grant_type", "grant type not supported")


def _client_credentials(call: Call, form: dict[str, str]) -> Answer:
    key, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (ValueError, UnicodeDecodeError):
            return _refused("invalid_client", "invalid client credentials")
    if key != call.org.options.client_id:
        return _refused("invalid_client_id", "client identifier invalid")
    if secret != call.org.options.client_secret:
        return _refused("invalid_client", "invalid client credentials")
    return _granted(call, call.org.admin_id)


def _jwt(call: Call, assertion: str) -> Answer:
    try:
        head, body, signature = assertion.split(".")
        header, claims = _part(head), _part(body)
        if header.get("alg") != "RS256" or not signature:
            raise ValueError
        if call.org.options.jwt_key:
            key = serialization.load_pem_public_key(call.org.options.jwt_key.read_bytes())
            if not isinstance(key, rsa.RSAPublicKey):
                raise ValueError
            key.verify(_bytes(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        if not claims.get("iss") or not claims.get("aud") or not isinstance(claims.get("exp"), int | float):
            raise ValueError
    except InvalidSignature:
        return _refused("invalid_grant", "invalid assertion")
    except (ValueError, TypeError, AttributeError):
        return _refused("invalid_grant", "invalid assertion")
    if claims["exp"] < time.time():
        return _refused("invalid_grant", "expired authorization code")
    found = user_by_name(call.org.store, str(claims.get("sub") or claims.get("prn") or ""))
    if found is None or not found[1]:
        return _refused("invalid_grant", "user hasn't approved this consumer")
    return _granted(call, found[0])


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _part(text: str) -> dict[str, Any]:
    found = json.loads(_bytes(text))
    if not isinstance(found, dict):
        raise ValueError
    return found


def _granted(call: Call, user_id: str) -> Answer:
    session = call.org.login(user_id)
    issued = str(int(time.time() * 1000))
    identity = f"{call.base_url}/id/{call.org.org_id}/{user_id}"
    signature = base64.b64encode(hashlib.sha256(f"{identity}{issued}".encode()).digest()).decode()
    return Answer(
        body={
            "access_token": session.token,
            "refresh_token": session.token,
            "signature": signature,
            "scope": "api refresh_token",
            "instance_url": call.base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
        }
    )


@route("POST GET", "/services/oauth2/revoke", versioned=False, public=True)
def revoke(call: Call) -> Answer:
    """Ends a session."""
    form = {key: values[0] for key, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    call.org.logout({**call.query, **form}.get("token", ""))
    return Answer(text="", content_type="text/plain")


def user_details(call: Call, user_id: str) -> dict[str, Any]:
    """Name, e-mail and locale of a user. Raises OrgError 404."""
    names = (
        "Username",
        "Email",
        "FirstName",
        "LastName",
        "Name",
        "IsActive",
        "TimeZoneSidKey",
        "LocaleSidKey",
        "ProfileId",
    )
    columns = ", ".join(f'"{name}"' for name in names)
    found = call.org.store.rows(f'select {columns} from org."User" where "Id" = ?', [user_id])
    if not found:
        raise OrgError(404, "NOT_FOUND", "The requested resource does not exist")
    return dict(zip(names, found[0], strict=True))


@route("GET POST", "/id/{org}/{user}", versioned=False)
def identity(call: Call) -> Answer:
    """Who a session belongs to, in the form that older clients expect."""
    user = user_details(call, call.arguments["user"])
    urls = {
        "enterprise": f"{call.base_url}/services/Soap/c/{{version}}/{call.org.org_id}",
        "partner": f"{call.base_url}/services/Soap/u/{{version}}/{call.org.org_id}",
        "metadata": f"{call.base_url}/services/Soap/m/{{version}}/{call.org.org_id}",
        "rest": f"{call.base_url}/services/data/v{{version}}/",
        "sobjects": f"{call.base_url}/services/data/v{{version}}/sobjects/",
        "search": f"{call.base_url}/services/data/v{{version}}/search/",
        "query": f"{call.base_url}/services/data/v{{version}}/query/",
        "recent": f"{call.base_url}/services/data/v{{version}}/recent/",
        "tooling_rest": f"{call.base_url}/services/data/v{{version}}/tooling/",
        "profile": f"{call.base_url}/{call.arguments['user']}",
    }
    return Answer(
        body={
            "id": f"{call.base_url}/id/{call.org.org_id}/{call.arguments['user']}",
            "asserted_user": True,
            "user_id": call.arguments["user"],
            "organization_id": call.org.org_id,
            "username": user["Username"],
            "nick_name": user["Username"].split("@")[0],
            "display_name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "first_name": user["FirstName"],
            "last_name": user["LastName"],
            "timezone": user["TimeZoneSidKey"],
            "photos": {},
            "addr_street": None,
            "mobile_phone": None,
            "is_app_installed": True,
            "urls": urls,
            "active": user["IsActive"],
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": user["LocaleSidKey"],
            "utcOffset": 0,
            "is_lightning_login_user": False,
        }
    )


@route("GET POST", "/services/oauth2/userinfo", versioned=False)
def userinfo(call: Call) -> Answer:
    """OpenID's view of the user."""
    user_id = call.user.user_id
    user = user_details(call, user_id)
    return Answer(
        body={
            "sub": f"{call.base_url}/id/{call.org.org_id}/{user_id}",
            "user_id": user_id,
            "organization_id": call.org.org_id,
            "preferred_username": user["Username"],
            "nickname": user["Username"].split("@")[0],
            "name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "given_name": user["FirstName"],
            "family_name": user["LastName"],
            "zoneinfo": user["TimeZoneSidKey"],
            "active": user["IsActive"],
            "user_type": "STANDARD",
            "language": "en_US",
            "locale": user["LocaleSidKey"],
            "urls": {"rest": f"{call.base_url}/services/data/v{{version}}/"},
        }
    )
