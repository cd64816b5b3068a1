"""What the tables of this Mautic instance really look like: live columns, type families, prefix (SRC-04)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from loaders.errors import ConfigurationError
from loaders.mautic.connection import PREFIX_SETTING, SETTING, Connection
from loaders.mautic.settings import TABLES, Family, Table

_FAMILIES: dict[str, Family] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year", "bit"), "int"),
    **dict.fromkeys(("bool", "boolean"), "int"),
    **dict.fromkeys(("double", "float", "real"), "float"),
    **dict.fromkeys(("decimal", "numeric", "dec", "fixed"), "decimal"),
    **dict.fromkeys(("datetime", "timestamp"), "timestamp"),
    **dict.fromkeys(("blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary", "bytea"), "binary"),
    "date": "date",
    "time": "time",
}


@dataclass(frozen=True)
class Column:
    """A column as it will land: `declared` is the database's own type text, empty when the instance lacks
    the column.
    """

    name: str
    declared: str
    family: Family

    @property
    def base_type(self) -> str:
        """The declared type without length and sign: `tinyint` of `tinyint(1) unsigned`."""
        return re.split(r"[ (]", self.declared.lower(), maxsplit=1)[0]

    @property
    def scale(self) -> int:
        """Decimals of a declared decimal(p,s), else 0."""
        found = re.search(r"\(\s*\d+\s*,\s*(\d+)\s*\)", self.declared)
        return int(found.group(1)) if found else 0

    @property
    def exists(self) -> bool:
        """Whether the instance has this column."""
        return bool(self.declared)


def family_of(declared: str) -> Family:
    """The family of a declared SQL type; everything unknown is text."""
    return _FAMILIES.get(re.split(r"[ (]", declared.lower(), maxsplit=1)[0], "text")


def table_names(session: sa.Connection) -> set[str]:
    """The tables of the database at hand, and views, which some owners hand out instead."""
    inspector = sa.inspect(session)
    return {*inspector.get_table_names(), *inspector.get_view_names()}


def check_prefix(names: Iterable[str], connection: Connection) -> None:
    """Raises ConfigurationError unless `<prefix>leads` is there, naming the prefix that would fit."""
    found = set(names)
    if f"{connection.prefix}leads" in found:
        return
    if not found:
        raise ConfigurationError(
            f"{connection.label} has no tables at all.", f"check the database name in {SETTING}"
        )
    fitting = sorted(
        name.removesuffix("lead_fields")
        for name in found
        if name.endswith("lead_fields") and name.removesuffix("lead_fields") + "leads" in found
    )
    missing = f"{connection.label} has no table {connection.prefix}leads"
    if not fitting:
        raise ConfigurationError(f"{missing}, nor another pair of Mautic tables.", f"check {SETTING}")
    choices = " or ".join(f'"{prefix}"' for prefix in fitting)
    raise ConfigurationError(
        f"{missing}; the table prefix looks like {choices}.", f"set {PREFIX_SETTING} to {choices}"
    )


def missing_tables(names: set[str], connection: Connection) -> list[Table]:
    """Landed tables that the instance lacks. Raises ConfigurationError for one that is not optional."""
    missing = [table for table in TABLES if connection.prefix + table.name not in names]
    for table in missing:
        if not table.optional:
            raise ConfigurationError(
                f"{connection.label} has no table {connection.prefix}{table.name}.",
                "restore the database from a complete dump, or finish Mautic's own upgrade, and run again",
            )
    return missing


def columns(session: sa.Connection, connection: Connection, table: Table) -> list[Column]:
    """The columns that land, in the source's order, then declared ones that the instance lacks.

    Raises ConfigurationError when a primary key column is missing.
    """
    present = present_columns(session, connection, table)
    names = {column.name for column in present}
    for key in table.primary_key:
        if key not in names:
            raise ConfigurationError(
                f"{connection.prefix}{table.name} in {connection.label} has no column {key}.",
                "this is not Mautic's table of that name; check the table prefix",
            )
    return present + [column for column in absent_columns(table) if column.name not in names]


def present_columns(session: sa.Connection, connection: Connection, table: Table) -> list[Column]:
    """The columns of a table that land, as they are, in the source's order; none for a missing table."""
    return [
        Column(name, declared, table.columns.get(name) or family_of(declared))
        for name, declared in _live_types(session, connection.prefix + table.name).items()
        if name not in table.excluded
    ]


def column_names(session: sa.Connection, connection: Connection) -> dict[str, set[str]]:
    """Every table of the instance, without prefix, and the names of its columns."""
    found: dict[str, set[str]] = {}
    if connection.is_mysql:
        query = sa.text(
            "select table_name, column_name from information_schema.columns where table_schema = database()"
        )
        for table, column in session.execute(query):
            found.setdefault(str(table), set()).add(str(column))
    else:
        found = {name: set(_live_types(session, name)) for name in table_names(session)}
    prefix = connection.prefix
    return {name.removeprefix(prefix): names for name, names in found.items() if name.startswith(prefix)}


def absent_columns(table: Table) -> list[Column]:
    """The declared columns as those of an instance that lacks the table."""
    return [Column(name, "", family) for name, family in table.columns.items()]


def _live_types(session: sa.Connection, table: str) -> dict[str, str]:
    """Column name to declared type, generated columns included, in table order."""
    if session.dialect.name in ("mysql", "mariadb"):
        query = sa.text(
            "select column_name, column_type from information_schema.columns"
            " where table_schema = database() and table_name = :name order by ordinal_position"
        )
        return {str(name): str(declared) for name, declared in session.execute(query, {"name": table})}
    if session.dialect.name == "sqlite":
        query = sa.text("select name, type from pragma_table_xinfo(:name) order by cid")
        return {
            str(name): re.sub(r"(?i)\s*generated always.*", "", str(declared)) or "text"
            for name, declared in session.execute(query, {"name": table})
        }
    return {column["name"]: str(column["type"]) for column in sa.inspect(session).get_columns(table)}
