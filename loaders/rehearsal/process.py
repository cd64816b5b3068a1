"""Starts and stops a rehearsal org in a process of its own, for commands, tests and the demo."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError

START_SECONDS = 60.0


@dataclass
class RunningOrg:
    """An org that answers. `stop` it, or use it as a context manager."""

    url: str
    https_url: str
    ca_file: Path
    org_id: str
    access_token: str
    pid: int
    _process: subprocess.Popen[bytes] = field(repr=False)
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def __enter__(self) -> RunningOrg:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, seconds: float = 20.0) -> None:
        """Ends the process; its state is on disk afterwards."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        if self._folder:
            self._folder.cleanup()

    def login(self) -> str:
        """A new access token."""
        return _login(self.url, {})


def start_org(
    state: Path | None = None,
    declare: Path | None = None,
    users: Path | None = None,
    http_port: int = 0,
    https_port: int = 0,
    **options: Any,
) -> RunningOrg:
    """A running org; further options are the fields of `org.options.Options`. Raises ConfigurationError
    if it fails."""
    folder = None if options.get("ca_file") else tempfile.TemporaryDirectory(prefix="rehearsal-ca-")
    given = {
        "state": state,
        "declare": declare,
        "users": users,
        "http_port": http_port,
        "https_port": https_port,
        **options,
    }
    if folder:
        given["ca_file"] = Path(folder.name) / "ca.pem"
    command = [sys.executable, "-m", "loaders.rehearsal.server", *_arguments(given)]
    root = Path(__file__).resolve().parents[2]
    search = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": search})
    try:
        ready = _ready(process)
        token = _login(ready["url"], given)
    except BaseException:
        process.kill()
        process.wait()
        if folder:
            folder.cleanup()
        raise
    return RunningOrg(
        ready["url"],
        ready["https_url"],
        Path(ready["ca_file"]),
        ready["org_id"],
        token,
        ready["pid"],
        process,
        folder,
    )


def _arguments(given: Mapping[str, Any]) -> list[str]:
    arguments: list[str] = []
    for name, value in given.items():
        flag = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            arguments.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list | tuple):
            arguments += [f"--{flag}", *map(str, value)] if value else []
        else:
            arguments += [f"--{flag}", str(value)]
    return arguments


def _ready(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The line that the process prints when it answers."""
    assert process.stdout is not None  # noqa: S101  it was opened as a pipe above
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if selector.select(timeout=0.5):
            line = process.stdout.readline()
            if not line:
                break
            found: dict[str, Any] = json.loads(line)
            return found
        if process.poll() is not None:
            break
    raise ConfigurationError("The rehearsal org did not start.", "look at its messages above")


def _login(url: str, given: Mapping[str, Any]) -> str:
    body = urllib.parse.urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": given.get("client_id", "rehearsal"),
            "client_secret": given.get("client_secret", "rehearsal"),
        }
    )
    request = urllib.request.Request(f"{url}/services/oauth2/token", data=body.encode())  # noqa: S310  our own loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(json.load(answer)["access_token"])
