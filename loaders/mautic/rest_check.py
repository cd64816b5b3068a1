"""Whether the API can be trusted before anything is read: is it on, who asks, does that role see everything?

Mautic shows a user without the right "view others" only the own records and says nothing about it. So the
role is read first and a lack of rights stops the landing (MAU-14).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from requests.auth import HTTPBasicAuth

from loaders.errors import ConfigurationError
from loaders.mautic.rest_pages import NotThereError, refuse_errors
from loaders.mautic.rest_settings import ENDPOINTS, SETTING, Connection
from loaders.mautic.settings import OLDEST
from loaders.rest_client import Login, RestClient
from loaders.rest_limiter import limiter_of

SELF = "/api/users/self"
SEES_ALL = frozenset({"full", "view", "viewother"})
ROLE_UNKNOWN = (
    "the API does not tell the role of the log-in; rows that it may not see would be missing without a trace"
)


@dataclass(frozen=True)
class Caller:
    """What the API says about itself and about us: Mautic's version, and whether the role was told."""

    version: str
    role_is_known: bool


def client_of(connection: Connection) -> RestClient:
    """A client that logs in as configured; nothing is sent yet."""
    auth = (
        Login(f"{connection.base_url}/oauth/v2/token", connection.client_id, connection.client_secret)
        if connection.client_id
        else HTTPBasicAuth(connection.username.encode(), connection.password.encode())
    )
    limiter = limiter_of(connection.host, connection.requests_at_once)
    return RestClient(connection.base_url, auth, limiter, "mautic")


def check(client: RestClient, connection: Connection) -> Caller:
    """Who we are. Raises ConfigurationError if there is no API, the log-in fails or the role is limited."""
    reply = client.get(SELF)
    version = reply.headers.get("Mautic-Version", "")
    try:
        refuse_errors(reply, SELF, client.host)
        role = reply.body.get("role") or (reply.body.get("user") or {}).get("role")
    except NotThereError:
        if not version and not isinstance(reply.body, dict):
            raise ConfigurationError(
                f"There is no Mautic API at {client.host}.", f"check {SETTING}; it is the address of Mautic"
            ) from None
        role = None  # a client has no user of its own in some releases
    if lacking := _lacking(role):
        raise ConfigurationError(
            f"The role of {connection.caller} on {client.host} may not see all records: {', '.join(lacking)}.",
            "give that role the permission to view others' records there; Mautic would leave them out silently",
        )
    return Caller(_release(version), isinstance(role, dict))


def _lacking(role: Any) -> list[str]:
    """The permissions that the role lacks to see all records, among those that a table needs."""
    if not isinstance(role, Mapping) or role.get("isAdmin") in (True, 1, "1"):
        return []
    granted = role.get("rawPermissions")
    held: Mapping[str, Any] = granted if isinstance(granted, Mapping) else {}
    wanted = sorted({endpoint.permission for endpoint in ENDPOINTS.values() if endpoint.permission})
    return [name for name in wanted if not SEES_ALL & set(held.get(name) or ())]


def _release(version: str) -> str:
    """5.2 of 5.2.1-dev; the newest is assumed where the API does not tell."""
    parts = version.split(".")
    if len(parts) < 2 or not parts[0].isdigit() or not parts[1][:1].isdigit():
        return "9.9"
    return max(OLDEST, f"{parts[0]}.{parts[1][:1]}")
