"""Tells dlt where this project keeps its pipelines, so that `dlt pipeline mautic info` needs no flags.

dlt finds this module through the entry point group `dlt` (see pyproject.toml). Its default is one folder in
the user's home for all projects, where two checkouts would overwrite each other's state; here the state
lives beside the warehouse that it describes, in `<data folder>/dlt`, and moves with SFM_DATA_DIR. Other
projects in the same environment are left alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dlt.common.configuration import plugins
from dlt.common.runtime.run_context import RunContext

from loaders import project
from loaders.errors import ConfigurationError


class ProjectContext(RunContext):  # type: ignore[misc]
    """dlt's run context with settings from the checkout's .dlt and working files in its data folder."""

    @property
    def data_dir(self) -> str:
        """Folder that holds `pipelines/`; DLT_DATA_DIR wins, as everywhere in dlt."""
        return os.environ.get("DLT_DATA_DIR") or str(project.data_dir() / "dlt")


@plugins.hookimpl(specname="plug_run_context")  # type: ignore[untyped-decorator]
def plug_run_context(run_dir: str | None, runtime_kwargs: dict[str, Any] | None) -> RunContext | None:
    """The context of the checkout around `run_dir` or the working directory; None outside of one."""
    folder = Path(run_dir or ".").resolve()
    try:
        checkout = project.project_dir()
    except ConfigurationError:
        return None
    inside = folder == checkout or checkout in folder.parents
    return ProjectContext(str(checkout)) if inside and (checkout / ".dlt").is_dir() else None
