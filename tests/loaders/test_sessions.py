"""Every way to log in, what happens when a session ends in the middle, and the way that is refused."""

from __future__ import annotations

import json
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from load_fixtures import FAST, Bench

from loaders.commands.load_sf import load_sf
from loaders.errors import ConfigurationError, RemoteError
from loaders.rehearsal.process import RunningOrg, start_org
from loaders.salesforce.load import load
from loaders.salesforce.session import Org
from loaders.salesforce.targets import Target, read_target


def _key() -> tuple[bytes, bytes]:
    """A private and a public key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningOrg, Path]]:
    """An org that checks the signature of a login, and the private key that it accepts."""
    folder = tmp_path_factory.mktemp("keys")
    private, public = _key()
    (folder / "private.pem").write_bytes(private)
    (folder / "public.pem").write_bytes(public)
    (folder / "users.csv").write_text(
        "username,email,first_name,last_name,is_active\nloader@org.example,loader@org.example,L,Loader,true\n"
    )
    with start_org(users=folder / "users.csv", jwt_key=folder / "public.pem") as org:
        yield org, folder / "private.pem"


def _jwt(org: RunningOrg, key: Path, **settings: str) -> Target:
    wanted = {
        "client_id": "rehearsal", "username": "loader@org.example", "private_key_file": str(key), **settings,
    }  # fmt: skip
    return Target("jwt", "jwt", org.url, settings=wanted)


def test_jwt_bearer_logs_in_with_the_right_key_and_user_only(
    signed: tuple[RunningOrg, Path], tmp_path: Path
) -> None:
    org, key = signed
    audience = {"audience": org.url}
    assert Org(_jwt(org, key, **audience), FAST).identity().org_id == org.org_id
    wrong = tmp_path / "wrong.pem"
    wrong.write_bytes(_key()[0])
    with pytest.raises(ConfigurationError, match="refused the login") as caught:
        Org(_jwt(org, wrong, **audience), FAST)
    assert "PRIVATE KEY" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="refused the login"):
        Org(_jwt(org, key, username="nobody@org.example", **audience), FAST)
    wrong.write_text("no key")
    with pytest.raises(ConfigurationError, match="is no RSA private key"):
        Org(_jwt(org, wrong), FAST)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Org(_jwt(org, tmp_path / "nowhere.pem"), FAST)


def _command_line(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A `sf` that knows the alias `mine` and logs in anew each time it is asked."""
    sf, login = folder / "sf", f"{bench.org.url}/services/oauth2/token"
    sf.write_text(
        "#!/usr/bin/env python3\nimport json, sys, urllib.parse, urllib.request\n"
        "if 'mine' not in sys.argv:\n    sys.exit(print(json.dumps({'status': 1, 'name': 'NoOrg'})))\n"
        "form = {'grant_type': 'client_credentials', 'client_id': 'rehearsal', 'client_secret': 'rehearsal'}\n"
        f"answer = urllib.request.urlopen({login!r}, urllib.parse.urlencode(form).encode())\n"
        "token = json.load(answer)['access_token']\n"
        f"print(json.dumps({{'result': {{'accessToken': token, 'instanceUrl': {bench.org.url!r}}}}}))\n"
    )
    sf.chmod(sf.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}:/usr/local/bin:/usr/bin:/bin")
    return Target("cli", "sf_cli", None, settings={"alias": "mine"})


def _target(kind: str, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    if kind == "sf_cli":
        return _command_line(bench, tmp_path, monkeypatch)
    if kind == "jwt":
        key = tmp_path / "key.pem"
        key.write_bytes(_key()[0])
        return _jwt(bench.org, key, username="owner@example.com.rehearsal", audience=bench.org.url)
    if kind == "session":
        return Target("token", "session", bench.org.url, settings={"access_token": bench.org.login()})
    return read_target()


@pytest.mark.parametrize("kind", ["client_credentials", "jwt", "sf_cli"])
def test_load_survives_sessions_that_end_in_the_middle(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    target = _target(kind, bench, tmp_path, monkeypatch)
    rules = [
        {"match": "PUT /jobs/ingest/*/batches", "action": "expire_session", "nth": [1, 3]},
        {"match": "GET /jobs/ingest/*/successfulResults", "action": "expire_session", "nth": [1, 3]},
    ]
    faults = f"{bench.org.url}/rehearsal/faults"
    requests.put(faults, json=rules, timeout=10)
    try:
        result = load(None, target, pace=FAST, preflight=False, report=bench.lines.append)
        struck = sum(rule["hits"] for rule in requests.get(faults, timeout=10).json())
    finally:
        requests.put(faults, json=[], timeout=10)
    assert (result.exit_code, struck) == (0, 4)
    assert sum("logging in again" in line for line in bench.lines) >= 3
    assert len(bench.records("Contact")) == 12
    first = next(number for number, line in enumerate(bench.lines) if "sent (" in line)
    named = [n for n, line in enumerate(bench.lines) if bench.org.org_id in line and "sandbox" in line]
    assert named and named[0] < first, "org, edition and kind are shown before anything is written"


def test_token_that_was_given_by_hand_ends_with_what_to_do(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _target("session", bench, tmp_path, monkeypatch)
    assert load(["accounts"], target, pace=FAST, preflight=False).exit_code == 0
    request = urllib.request.Request(f"{bench.org.url}/rehearsal/expire-sessions", method="POST")
    urllib.request.urlopen(request, timeout=10).close()
    with pytest.raises(RemoteError, match="session token of target token has expired") as caught:
        load(["contacts"], target, pace=FAST, preflight=False)
    assert "profiles/salesforce.yml" in str(caught.value)


def test_unknown_alias_says_how_to_log_in(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _command_line(bench, tmp_path, monkeypatch)
    with pytest.raises(ConfigurationError, match="no usable org other") as caught:
        Org(Target("cli", "sf_cli", None, settings={"alias": "other"}), FAST)
    assert "sf org login web --alias other" in str(caught.value)


@pytest.mark.parametrize("lines", [{"auth": "password"}, {"auth": "client_credentials", "password": "x"}])
def test_password_flow_is_refused_before_any_call(bench: Bench, lines: dict[str, Any]) -> None:
    profile = bench.workspace.path / "profiles" / "salesforce.yml"
    profile.write_text(json.dumps({"targets": {"old": {"instance_url": bench.org.url, **lines}}}))
    told = CliRunner().invoke(load_sf, ["--all", "--target", "old"])
    assert told.exit_code == 2
    assert "password flow is not supported" in told.stderr and "jwt" in told.stderr
