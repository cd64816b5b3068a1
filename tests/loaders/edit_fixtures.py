"""A person at work in the rehearsal org, beside the loads of the tests."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
import urllib.request
from typing import Any

from load_fixtures import Bench

PERSON = "owner@example.com.rehearsal"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def token_of(bench: Bench, username: str = PERSON) -> str:
    """An access token of a user of the org; the rehearsal org believes whoever signs."""
    claims = {"iss": "rehearsal", "sub": username, "aud": bench.org.url, "exp": int(time.time()) + 300}
    parts = [json.dumps(each).encode() for each in ({"alg": "RS256"}, claims)] + [b"signed"]
    assertion = b".".join(base64.urlsafe_b64encode(each).rstrip(b"=") for each in parts)
    form = urllib.parse.urlencode({"grant_type": GRANT, "assertion": assertion.decode()}).encode()
    with urllib.request.urlopen(f"{bench.org.url}/services/oauth2/token", form, timeout=10) as answer:
        return str(json.load(answer)["access_token"])


def call(bench: Bench, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
    """One REST call of a person."""
    request = urllib.request.Request(
        f"{bench.org.url}/services/data/v62.0/sobjects/{path}",
        data=json.dumps(body).encode() if body is not None else None,
        method=method,
        headers={
            "Authorization": f"Bearer {token or token_of(bench)}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def edit(bench: Bench, sobject: str, number: int, token: str | None = None, **values: Any) -> str:
    """A person changes one of the bench's records; returns its Id."""
    sf_id = str(bench.records(sobject, "Id")[str(number)]["Id"])
    call(bench, "PATCH", f"{sobject}/{sf_id}", values, token)
    return sf_id


def whole_dump(bench: Bench, *, with_bin: bool = False) -> list[str]:
    """Every record of the org, as sorted lines of text; what lies in the recycle bin is left out."""
    with urllib.request.urlopen(f"{bench.org.url}/rehearsal/dump", timeout=30) as answer:
        lines = answer.read().decode("utf-8").splitlines()
    return sorted(line for line in lines if with_bin or "IsDeleted: true" not in line)
