"""The orgs that a load can go to, from profiles/salesforce.yml. Secrets come from the environment only.

`${NAME}` in the file is a variable of the environment, `${NAME:-default}` one with a default. There is no
password flow: Salesforce has switched it off for new orgs, and a password in a script outlives its reason.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from loaders.errors import ConfigurationError
from loaders.project import project_dir

AUTH_NEEDS: Mapping[str, tuple[str, ...]] = {
    "client_credentials": ("instance_url", "client_id", "client_secret"),
    "jwt": ("instance_url", "client_id", "username", "private_key_file"),
    "sf_cli": ("alias",),
    "session": ("instance_url", "access_token"),
}
API_VERSION = "62.0"
_PLACEHOLDER = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


@dataclass(frozen=True)
class Target:
    """One org and the way to log in to it. `settings` may hold secrets: never print it."""

    name: str
    auth: str
    instance_url: str | None
    ca_file: Path | None = None
    production: bool = False
    api_version: str = API_VERSION
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


def default_target(path: Path | None = None) -> str:
    """The name of the target that is used when none is given."""
    return str(_document(path).get("default", "rehearsal"))


def read_target(name: str | None = None, path: Path | None = None) -> Target:
    """The named target (or the default one), complete and ready to log in.

    Raises ConfigurationError for an unknown name, a missing setting or variable, and the password flow.
    """
    document = _document(path)
    targets = document.get("targets") or {}
    name = name or str(document.get("default", "rehearsal"))
    if name not in targets:
        raise ConfigurationError(
            f"profiles/salesforce.yml has no target {name}.", f"choose from: {', '.join(targets) or 'none'}"
        )
    raw = targets[name]
    auth = str(raw.get("auth", ""))
    if auth == "password" or "password" in raw:
        raise ConfigurationError(
            f"Target {name}: the password flow is not supported.",
            f"use one of: {', '.join(AUTH_NEEDS)}",
        )
    if auth not in AUTH_NEEDS:
        raise ConfigurationError(
            f"Target {name}: auth {auth!r} is unknown.", f"use one of: {', '.join(AUTH_NEEDS)}"
        )
    settings = {key: _filled(name, key, value) for key, value in raw.items() if isinstance(value, str)}
    missing = [key for key in AUTH_NEEDS[auth] if not settings.get(key)]
    if missing:
        raise ConfigurationError(
            f"Target {name}: {', '.join(missing)} is not set.", "add it in profiles/salesforce.yml"
        )
    return Target(
        name=name,
        auth=auth,
        instance_url=(settings.get("instance_url") or "").rstrip("/") or None,
        ca_file=_absolute(settings.get("ca_file")),
        production=bool(raw.get("production", False)),
        api_version=str(raw.get("api_version", API_VERSION)).removeprefix("v"),
        settings=settings,
    )


def _document(path: Path | None) -> dict[str, Any]:
    """The parsed file."""
    path = path or project_dir() / "profiles" / "salesforce.yml"
    if not path.is_file():
        raise ConfigurationError(f"{path} is not there.", "copy it from the repository")
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else {}


def _filled(target: str, key: str, value: str) -> str:
    """The setting with its placeholders replaced; ConfigurationError for a variable that is not set."""

    def replaced(match: re.Match[str]) -> str:
        found = os.environ.get(match["name"]) or match["default"]
        if found is None:
            raise ConfigurationError(
                f"Target {target}: {key} needs the environment variable {match['name']}.",
                f"export {match['name']}=… or choose another target with --target",
            )
        return found

    return _PLACEHOLDER.sub(replaced, value)


def _absolute(path: str | None) -> Path | None:
    """A path of the file, relative to the project."""
    return (project_dir() / path).resolve() if path else None
