"""What a Mautic is like before anything is landed (MAU-19): release, plugins, volumes, custom fields and
objects with their relations, campaigns, segments, users, an earlier Salesforce synchronisation, indexes, and
how many rows each Salesforce object will get.

The questions are SQL in discovery.sql; what a release must have is in tables.csv and columns.csv. Relations of
custom objects are counted in their link tables, never asked of the API (MAU-17). A finding says what is wrong
and what to do; an `error` means that a landing would lack data, such as a half-migrated schema (MAU-18).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from loaders.mautic import connection as reach
from loaders.mautic import live, php, release
from loaders.mautic.settings import LISTED, UPGRADE_NEXT_STEP

INDEX_LIMIT = 64  # secondary indexes of one InnoDB table; Mautic refuses another one there (MAU-16)
INDEX_WARNING = 60
INDEXED_TABLES = 10  # so many lines in the report; the warnings look at those
WARNING, ERROR = "warning", "error"


@dataclass(frozen=True)
class Finding:
    """Something that a person should know: severity (warning or error), what, and the next step."""

    severity: str
    what: str
    next_step: str


@dataclass(frozen=True)
class Discovery:
    """The report: `sections` are tables by name, each a list of rows with the same keys."""

    release: release.Release
    sections: dict[str, list[dict[str, Any]]]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that make a landing incomplete."""
        return tuple(finding for finding in self.findings if finding.severity == ERROR)

    def as_dict(self) -> dict[str, Any]:
        """The report for machines."""
        return {
            "release": self.release.version,
            "complete": self.release.complete,
            "findings": [finding.__dict__ for finding in self.findings],
            **self.sections,
        }


def read(connection: reach.Connection) -> Discovery:
    """Asks the database. Raises ConfigurationError or RemoteError when it cannot be read or is not Mautic's."""
    with reach.open_engine(connection) as engine, engine.connect() as session:
        names = live.table_names(session)
        live.check_prefix(names, connection)
        found = release.of(live.column_names(session, connection))
        present = {
            name.removeprefix(connection.prefix) for name in names if name.startswith(connection.prefix)
        }
        indexes = _indexes(session, connection)
        sections = {
            "instance": [_instance(session, connection, found, present)],
            **_asked(session, connection, present),
            "volumes": _volumes(session, connection, present),
            "indexes": indexes,
        }
    for row in sections.get("segments", []):
        row["filters"] = _filters(row["filters"])
    return Discovery(found, sections, tuple(_findings(found, sections)))


def _instance(
    session: sa.Connection, connection: reach.Connection, found: release.Release, present: set[str]
) -> dict[str, Any]:
    version = sa.text("select sqlite_version()" if session.dialect.name == "sqlite" else "select version()")
    instance: dict[str, Any] = {
        "release": found.version,
        "database": connection.label,
        "server": f"{session.dialect.name} {session.execute(version).scalar_one()}",
        "prefix": connection.prefix,
        "tables": len(present),
        "last_migration": None,
        "last_logged_change": None,
    }
    for key, table, column in (
        ("last_migration", "migrations", "version"),
        ("last_logged_change", "audit_log", "date_added"),
    ):
        if table in present:
            newest: sa.Select[Any] = sa.select(sa.func.max(sa.column(column)))
            instance[key] = session.execute(newest.select_from(sa.table(connection.prefix + table))).scalar()
    return instance


def _questions() -> Iterator[tuple[str, set[str], str]]:
    """Section, tables needed and SQL of each question."""
    text = (Path(__file__).parent / "discovery.sql").read_text(encoding="utf-8")
    for match in re.finditer(r"-- section: (\w+) \| needs: ([\w, ]+)\n(.*?);\n", text, re.DOTALL):
        yield match[1], set(match[2].split(", ")), match[3]


def _asked(
    session: sa.Connection, connection: reach.Connection, present: set[str]
) -> dict[str, list[dict[str, Any]]]:
    sections: dict[str, list[dict[str, Any]]] = {}
    for section, needs, query in _questions():
        rows = sections.setdefault(section, [])
        if needs <= present:
            result = session.exec_driver_sql(query.replace("{p}", connection.prefix).replace("%", "%%"), ())
            # the first question of a section names the columns, the others may leave them unnamed
            names = list(rows[0]) if rows else list(result.keys())
            rows.extend(dict(zip(names, map(_plain, row), strict=True)) for row in result)
    return sections


def _plain(value: Any) -> Any:
    """Decimals that MySQL makes of sums are whole numbers."""
    return int(value) if isinstance(value, Decimal) else value


def _volumes(session: sa.Connection, connection: reach.Connection, present: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "table": table.name,
            "rows": session.execute(
                sa.select(sa.func.count()).select_from(sa.table(connection.prefix + table.name))
            ).scalar_one(),
            "not_landed_because": table.not_landed_because or None,
        }
        for table in LISTED
        if table.name in present
    ]


def _indexes(session: sa.Connection, connection: reach.Connection) -> list[dict[str, Any]]:
    """Secondary indexes of the tables that have the most of them."""
    if connection.is_mysql:
        query = sa.text(
            "select table_name, count(distinct index_name) from information_schema.statistics"
            " where table_schema = database() and index_name <> 'PRIMARY' group by table_name"
        )
    else:
        query = sa.text(
            "select tbl_name, count(*) from sqlite_master where type = 'index' and sql is not null group by tbl_name"
        )
    counts = [(str(row[0]), int(row[1])) for row in session.execute(query)]
    ours = [
        (name.removeprefix(connection.prefix), count)
        for name, count in counts
        if name.startswith(connection.prefix)
    ]
    return [
        {"table": name, "indexes": count, "limit": INDEX_LIMIT}
        for name, count in sorted(ours, key=lambda item: (-item[1], item[0]))[:INDEXED_TABLES]
    ]


def _filters(text: Any) -> int | None:
    """How many conditions a segment has; None if they cannot be read."""
    try:
        return len(orjson.loads(php.to_json(str(text)))) if text else 0
    except (php.UndecodableError, TypeError):
        return None


def _findings(found: release.Release, sections: dict[str, list[dict[str, Any]]]) -> Iterator[Finding]:
    for table in found.missing_tables:
        yield Finding(ERROR, f"A Mautic {found.version} must have the table {table}.", UPGRADE_NEXT_STEP)
    for table, column in found.missing_columns:
        yield Finding(
            ERROR, f"A Mautic {found.version} must have the column {table}.{column}.", UPGRADE_NEXT_STEP
        )
    if found.missing_uuids:
        yield Finding(
            WARNING,
            f"uuid columns are missing in {len(found.missing_uuids)} tables, as on some upgraded instances.",
            "nothing to do: the migration does not read them",
        )
    for part in found.absent_parts:
        yield Finding(WARNING, f"The plugin {part} has no tables.", "nothing to do if it was never used")
    for part, tables in (found.incomplete_parts or {}).items():
        yield Finding(
            WARNING,
            f"The plugin {part} lacks tables: {', '.join(tables)}.",
            "its data land without them; an upgrade may have broken the plugin",
        )
    for row in sections["indexes"]:
        if row["indexes"] >= INDEX_WARNING:
            yield Finding(
                WARNING,
                f"{row['table']} has {row['indexes']} of at most {INDEX_LIMIT} indexes.",
                "add no custom field before the migration; Mautic may fail to create its column",
            )
    for row in sections.get("plugins", []):
        if row["state"] != "installed":
            yield Finding(
                WARNING, f"The plugin {row['name']} is missing on the disk.", "ask what it was used for"
            )
    for row in sections.get("segments", []):
        if row["filters"] is None:
            yield Finding(WARNING, f"The filters of segment {row['id']} cannot be read.", "open it in Mautic")
    if sections.get("salesforce_ids"):
        yield Finding(
            WARNING,
            "An earlier synchronisation has left Salesforce Ids in integration_entity.",
            "match those records with the org before the first load",
        )
