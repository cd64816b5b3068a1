"""Salesforce's refusals as Python exceptions. The API modules turn them into the shape each API uses."""

from __future__ import annotations


class OrgError(Exception):
    """A request that Salesforce would refuse: HTTP status, error code, text and the fields it is about."""

    def __init__(self, status: int, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields


class HeaderError(Exception):
    """A column that the object does not have; the text is what Bulk API reports for the whole job."""


def not_found(message: str = "The requested resource does not exist") -> OrgError:
    """The answer for an unknown path, object or record."""
    return OrgError(404, "NOT_FOUND", message)


def bad_request(code: str, message: str, fields: list[str] | None = None) -> OrgError:
    """A refused request with HTTP status 400."""
    return OrgError(400, code, message, fields)
