"""The switches of a migration: the vars of dbt_project.yml, read as dbt reads them."""

from __future__ import annotations

from typing import Any

import yaml

from loaders.project import project_dir


def project_vars() -> dict[str, Any]:
    """The vars of the project; those under the project's own name win."""
    document = yaml.safe_load((project_dir() / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    variables = document.get("vars") or {}
    own = variables.get(document.get("name"))
    return {**variables, **(own if isinstance(own, dict) else {})}
