"""Where the project's files are. The only module that knows folder names; all paths are absolute."""

from __future__ import annotations

import os
from pathlib import Path

from loaders.errors import ConfigurationError


def project_dir() -> Path:
    """The folder with dbt_project.yml: the working directory or the nearest one above it.

    Raises ConfigurationError when there is none.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "dbt_project.yml").is_file():
            return folder
    raise ConfigurationError(
        f"No dbt_project.yml in {Path.cwd()} or above it.", "change into a checkout of the project"
    )


def data_dir() -> Path:
    """Folder of all generated data: SFM_DATA_DIR if set, else data/ in the project."""
    return (project_dir() / os.environ.get("SFM_DATA_DIR", "data")).resolve()


def warehouse_path() -> Path:
    """The DuckDB file that holds raw data, models and marts."""
    return data_dir() / "warehouse.duckdb"


def ledger_path() -> Path:
    """The DuckDB file that remembers every write to every org."""
    return data_dir() / "ledger.duckdb"


def outbox_dir() -> Path:
    """Folder of the Bulk CSV parts, one folder a run."""
    return data_dir() / "outbox"


def files_dir() -> Path:
    """Folder of the files that were downloaded from the sources."""
    return data_dir() / "files"


def twin_dir() -> Path:
    """Folder of the synthetic twin."""
    return data_dir() / "twin"


def rehearsal_dir() -> Path:
    """Folder of the rehearsal org: state, certificate."""
    return data_dir() / "rehearsal"


def manifest_path() -> Path:
    """dbt's manifest, the home of the contracts; DBT_TARGET_PATH moves it as it moves dbt's own output."""
    return project_dir() / os.environ.get("DBT_TARGET_PATH", "target") / "manifest.json"


def field_map_paths() -> list[Path]:
    """The seeds with customer-defined fields, one a source."""
    return sorted((project_dir() / "seeds" / "maps").glob("*_fields.csv"))


def value_map_paths() -> list[Path]:
    """The seeds with decisions about values, one a source."""
    return sorted((project_dir() / "seeds" / "maps").glob("*_values.csv"))


def custom_objects_path() -> Path:
    """The seed with the objects that the customer defined in the sources."""
    return project_dir() / "seeds" / "salesforce" / "custom_objects.csv"
