"""Installs the real clients that the rehearsal org must please, once per set of pinned versions, outside the checkout.

The pins are in tests/fixtures/clients: `package.json` for the npm clients (with one override, because the sf CLI's own range
for jsforce reaches a release for newer Node versions than the oldest that the CLI supports) and `requirements.txt` for
CumulusCI, which gets an environment of its own.
The folder is SFM_CLIENTS_DIR, or ~/.cache/sf-migration/clients/<hash of the pins>.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loaders.rehearsal.process import RunningOrg

PINS = Path(__file__).resolve().parents[1] / "fixtures" / "clients"
INSTALL_SECONDS = 600
OLDEST_NODE = 20
NPM = ("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--omit=dev",
       "--prefer-offline", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000",
       "--fetch-retry-maxtimeout=5000")  # fmt: skip
UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|"
    r"NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Temporary failure in name resolution"
)


def clients_dir() -> Path:
    """Where the clients are installed."""
    given = os.environ.get("SFM_CLIENTS_DIR")
    if given:
        return Path(given)
    pins = b"".join((PINS / name).read_bytes() for name in ("package.json", "requirements.txt"))
    return Path.home() / ".cache" / "sf-migration" / "clients" / hashlib.sha256(pins).hexdigest()[:12]


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Keeps two test runs from installing into the same folder at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(name: str, commands: Sequence[Sequence[str]], folder: Path) -> None:
    """Runs the commands in the folder. Skips the test if the registry cannot be reached, else a failure fails it in CI."""
    for command in commands:
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"{name} was not installed within {INSTALL_SECONDS} seconds")
        if done.returncode == 0:
            continue
        text = f"{done.stdout}\n{done.stderr}"
        if UNREACHABLE.search(text):
            pytest.skip(f"{name} cannot be installed, its registry cannot be reached")
        reason = f"{name} cannot be installed:\n{text[-2000:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def node_clients() -> Path:
    """The folder whose node_modules holds the sf CLI, jsforce and SFDMU; installs them at the first call."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node {version.strip()} is older than {OLDEST_NODE}")
    folder = clients_dir() / "node"
    with _only_one(folder):
        if not (folder / ".installed").exists():
            shutil.copy(PINS / "package.json", folder)
            _install("npm clients", [NPM], folder)
            (folder / ".installed").touch()
    return folder


def cumulusci() -> Path:
    """The folder with CumulusCI's commands; installs it at the first call."""
    folder = clients_dir() / "cumulusci"
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    with _only_one(folder):
        if not (folder / ".installed").exists():
            environment = [sys.executable, "-m", "venv", "--clear", "."]
            _install("CumulusCI", [environment, [*pip, str(PINS / "requirements.txt")]], folder)
            (folder / ".installed").touch()
    return folder / "bin"


def environment(home: Path, org: RunningOrg) -> dict[str, str]:
    """Variables for a client: a home of its own, trust in the org's authority, and no call to any other host."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "NODE_EXTRA_CA_CERTS": str(org.ca_file),
        "REQUESTS_CA_BUNDLE": str(org.ca_file),
        "NO_PROXY": "127.0.0.1",
        "SF_ACCESS_TOKEN": org.access_token,
        "SF_DISABLE_TELEMETRY": "true",
        "SF_AUTOUPDATE_DISABLE": "true",
        "SF_SKIP_NEW_VERSION_CHECK": "true",
        "SF_DISABLE_LOG_FILE": "true",
        "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
    }


def run(command: Sequence[str | Path], cwd: Path, variables: Mapping[str, str], seconds: float = 90) -> str:
    """What a client printed; fails the test with all of it when the client reports an error."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=dict(variables), capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command[-8:]))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


@dataclass(frozen=True)
class SfCli:
    """The `sf` command, logged in to the org under the alias `rehearsal`."""

    folder: Path
    work: Path
    variables: Mapping[str, str]

    def text(self, *words: str | Path) -> str:
        """A command's output for people."""
        program = self.folder / "node_modules" / "@salesforce" / "cli" / "bin" / "run.js"
        return run(["node", program, *words], self.work, self.variables)

    def json(self, *words: str | Path) -> Any:
        """A command's result."""
        return json.loads(self.text(*words, "--json"))["result"]

    def on_org(self, *words: str | Path) -> Any:
        """The result of a command that takes an org."""
        return self.json(*words, "--target-org", "rehearsal")
