"""What is known of Actimo's exports: tables and columns, header aliases, file names, and the settings of a landing.

`columns.csv` lists what models may rely on, a line a column. `family` is its type; `key` marks the columns that
together name a record; `needed` says `always`, or the name of a group of columns of which one must be there;
`past` marks moments that cannot lie after the export. Headers and file names in other words are in the seeds
`seeds/maps/actimo_columns.csv` and `actimo_files.csv`, so that a new wording is a line in a pull request.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import dlt

from loaders import project
from loaders.errors import ConfigurationError

Family = Literal["id", "text", "html", "json", "moment", "day", "number", "whole", "flag"]
PLAIN: tuple[Family, ...] = ("id", "text", "html", "json")  # land as they are; the others are read as a type
TYPES: Mapping[Family, str] = {
    "moment": "timestamp",
    "day": "date",
    "number": "double",
    "whole": "bigint",
    "flag": "boolean",
}
PROVENANCE = ("workspace", "source_file", "source_row")  # leading columns of every table
ANY_TABLE = "*"


@dataclass(frozen=True)
class Column:
    """One column that models rely on; see the module's text."""

    name: str
    family: Family
    key: bool = False
    needed: str = ""
    past: bool = False

    @property
    def sql_type(self) -> str:
        """The type in which it lands."""
        return TYPES.get(self.family, "varchar")


@dataclass(frozen=True)
class Table:
    """One raw table and its columns in landing order."""

    name: str
    columns: tuple[Column, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that name a record within its workspace."""
        return tuple(column.name for column in self.columns if column.key)

    def missing(self, present: Iterable[str]) -> list[str]:
        """What is lacking of the needed columns, each group as `a or b`; empty if the table can be read."""
        there, groups = set(present), dict[str, list[str]]()
        for column in self.columns:
            if column.needed:
                group = column.name if column.needed == "always" else column.needed
                groups.setdefault(group, []).append(column.name)
        return [" or ".join(names) for names in groups.values() if not there & set(names)]


@dataclass(frozen=True)
class Aliases:
    """Header wordings by table: folded wording to column."""

    by_table: Mapping[str, Mapping[str, str]]

    def column(self, table: Table, header: str) -> str | None:
        """The known column that a header means, whatever its case, blanks and accents; None for an unknown one."""
        folded = fold(header)
        for known in (self.by_table.get(table.name, {}), self.by_table.get(ANY_TABLE, {})):
            if known.get(folded) in {column.name for column in table.columns}:
                return known[folded]
        return next((column.name for column in table.columns if fold(column.name) == folded), None)


@dataclass(frozen=True)
class FileName:
    """A file name that means a table; `<id>` in it is the value of `id_column` for all of the file's rows."""

    pattern: re.Pattern[str]
    table: str
    id_column: str = ""


@dataclass(frozen=True)
class Settings:
    """How a landing is to be done; `configured` reads it."""

    drop_folder: Path
    mode: str = "files"
    workspace: str = ""
    timezone: str = "Europe/Copenhagen"
    max_unpacked_bytes: int = 4 * 2**30
    max_file_bytes: int = 2 * 2**30
    memory_limit: str = "1GB"
    download_hosts: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = ()
    api: Mapping[str, Any] = field(default_factory=dict, repr=False)


@cache
def tables() -> Mapping[str, Table]:
    """The tables of columns.csv by name."""
    found: dict[str, list[Column]] = {}
    with (Path(__file__).parent / "columns.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["family"] not in get_args(Family):
                raise ConfigurationError(f"columns.csv: unknown family {line['family']!r}.", "correct it")
            found.setdefault(line["table_name"], []).append(
                Column(
                    line["column_name"],
                    line["family"],  # type: ignore[arg-type]
                    line["key"] == "yes",
                    line["needed"],
                    line["past"] == "yes",
                )
            )
    return {name: Table(name, tuple(columns)) for name, columns in found.items()}


def aliases() -> Aliases:
    """The header wordings of seeds/maps/actimo_columns.csv.

    Raises ConfigurationError for a line about a table or column that is not in columns.csv.
    """
    by_table: dict[str, dict[str, str]] = {}
    for line in _seed("actimo_columns.csv"):
        name, column = line["source_table"], line["source_column"]
        known = tables().values() if name == ANY_TABLE else [tables()[name]] if name in tables() else []
        if not any(column == one.name for table in known for one in table.columns):
            raise ConfigurationError(
                f"seeds/maps/actimo_columns.csv: there is no column {name}.{column}.",
                "correct the line, or add the column to loaders/actimo/columns.csv",
            )
        by_table.setdefault(name, {})[fold(line["alias"])] = column
    return Aliases(by_table)


def file_names() -> list[FileName]:
    """What file names mean: the tables' own names and the lines of seeds/maps/actimo_files.csv, longest first.

    Raises ConfigurationError for a line about an unknown table.
    """
    lines = [{"file_name": name, "source_table": name, "id_column": ""} for name in tables()]
    lines += _seed("actimo_files.csv")
    for line in lines:
        if line["source_table"] not in tables():
            raise ConfigurationError(
                f"seeds/maps/actimo_files.csv: there is no table {line['source_table']!r}.",
                f"choose from: {', '.join(tables())}",
            )
    lines.sort(key=lambda line: -len(line["file_name"]))
    return [_file_name(line["file_name"], line["source_table"], line["id_column"]) for line in lines]


def fold(text: str) -> str:
    """Text for comparison: without accents, case, blanks and signs (`E-mail ` is `email`, `Åbnet` is `abnet`)."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def slug(text: str) -> str:
    """A name as lower-case words joined by underscores, for columns and workspaces."""
    plain = unicodedata.normalize("NFKC", text.casefold())
    for letter, spelt in (("æ", "ae"), ("ø", "oe"), ("å", "aa")):
        plain = plain.replace(letter, spelt)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def configured() -> Settings:
    """The settings under [sources.actimo], from .dlt/config.toml or the environment, and secrets the same way.

    Raises ConfigurationError for a mode, a time zone or a number that cannot be.
    """
    given = {name: dlt.config.get(f"sources.actimo.{name}") for name in _OPTIONS}
    mode = str(given["mode"] or "files")
    if mode not in ("files", "api"):
        raise ConfigurationError(f"sources.actimo.mode is {mode!r}.", "set it to files or to api")
    zone = checked_zone(str(given["timezone"] or Settings.timezone), "sources.actimo.timezone")
    folder = Path(str(given["drop_folder"] or project.twin_dir() / "actimo")).expanduser()
    return Settings(
        drop_folder=folder if folder.is_absolute() else project.project_dir() / folder,
        mode=mode,
        workspace=slug(str(given["workspace"] or "")),
        timezone=zone,
        max_unpacked_bytes=_whole(
            given["max_unpacked_bytes"], "max_unpacked_bytes", Settings.max_unpacked_bytes
        ),
        max_file_bytes=_whole(given["max_file_bytes"], "max_file_bytes", Settings.max_file_bytes),
        memory_limit=str(given["memory_limit"] or Settings.memory_limit),
        download_hosts=_names(given["download_hosts"]),
        private_hosts=_names(given["private_hosts"]),
        api={name.removeprefix("api_"): value for name, value in given.items() if name.startswith("api_")}
        | {"key": dlt.secrets.get("sources.actimo.api_key")},
    )


_OPTIONS = [
    "mode",
    "drop_folder",
    "workspace",
    "timezone",
    "max_unpacked_bytes",
    "max_file_bytes",
    "memory_limit",
    "download_hosts",
    "private_hosts",
    "api_url",
    "api_paging",
    "api_page_size",
    "api_requests_per_second",
    "api_paths",
]


def checked_zone(name: str, where: str) -> str:
    """The name of a time zone that exists. Raises ConfigurationError, naming `where` it stood."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise ConfigurationError(
            f"{where}: there is no time zone {name!r}.", "give an IANA name such as Europe/Copenhagen"
        ) from error
    return name


def _whole(value: Any, name: str, default: int) -> int:
    if value is None or value == "":
        return default
    if not str(value).isdigit() or int(value) < 1:
        raise ConfigurationError(f"sources.actimo.{name} is {value!r}.", "set it to a whole number of bytes")
    return int(value)


def _names(value: Any) -> tuple[str, ...]:
    """A list, or a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value or ()
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _seed(name: str) -> list[dict[str, str]]:
    with (project.project_dir() / "seeds" / "maps" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _file_name(text: str, table: str, id_column: str) -> FileName:
    parts = [re.escape(fold_name(part)) for part in text.split("<id>")]
    pattern = r"(?P<id>[0-9]+)".join(parts) if id_column else parts[0]
    return FileName(re.compile(rf"{pattern}(?![a-z])"), table, id_column)


def fold_name(stem: str) -> str:
    """The stem of a file's name for comparison: no accents, case, blanks or dashes."""
    plain = unicodedata.normalize("NFKD", stem.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.sub(r"[\s_-]+", "_", plain)
