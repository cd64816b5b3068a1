"""The whole org as text: every record of every object, without ids and times that differ from run to
run.

Two orgs that hold the same data give the same bytes. A lookup is shown by what identifies its target:
the external id if it has one, else the user name, else the name.
"""

from __future__ import annotations

import duckdb

from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.org.store import literal, quote, table

VOLATILE = frozenset(
    {
        "Id",
        "SystemModstamp",
        "LastModifiedDate",
        "LastModifiedById",
        "LastViewedDate",
        "LastReferencedDate",
        "CaseNumber",
    }
)
CREATED = frozenset({"CreatedDate", "CreatedById"})


def dump(connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, *, created: bool = False) -> str:
    """One line a record, `Object {field: value, …}`, sorted; empty fields are left out.

    `created` keeps CreatedDate and CreatedById, for migrations that set them.
    """
    lines: list[str] = []
    for info in sorted(catalogue.objects.values(), key=lambda item: item.name):
        if connection.execute(f"select 1 from {table(info.name)} limit 1").fetchone() is None:
            continue
        rows = connection.execute(_object_sql(connection, catalogue, info, created)).fetchall()
        lines += [f"{info.name} {row[0]}" for row in rows]
    return "\n".join(lines) + ("\n" if lines else "")


def _object_sql(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, info: ObjectInfo, created: bool
) -> str:
    left_out = VOLATILE if created else VOLATILE | CREATED
    fields = [field for field in sorted(info.columns(), key=lambda f: f.name) if field.name not in left_out]
    joins, parts = [], []
    for place, field in enumerate(fields):
        value = f"r.{quote(field.name)}"
        if field.type == "reference" and field.reference_to:
            sources = _identities(connection, catalogue, info, field)
            if sources:
                joins.append(f"left join ({' union all '.join(sources)}) t{place} on t{place}.id = {value}")
                value = f"coalesce(t{place}.name, case when {value} is not null then 'unknown' end)"
        parts.append(
            f"case when {value} is not null then {literal(field.name + ': ')} || "
            f"to_json({value})::varchar end"
        )
    return (
        f"select '{{' || concat_ws(', ', {', '.join(parts)}) || '}}' as line from {table(info.name)} r "
        f"{' '.join(joins)} order by line"
    )


def _identities(
    connection: duckdb.DuckDBPyConnection, catalogue: Catalogue, info: ObjectInfo, field: FieldInfo
) -> list[str]:
    """Queries id → identifying text, one per object that the field really points to."""
    prefixes = connection.execute(
        f"select distinct left({quote(field.name)}, 3) from {table(info.name)} where "
        f"{quote(field.name)} is not null"
    ).fetchall()
    queries = []
    for (prefix,) in sorted(prefixes):
        target = catalogue.by_prefix(prefix)
        if target:
            queries.append(f'select "Id" as id, {_identity(target)} as name from {table(target.name)}')
    return queries


def _identity(info: ObjectInfo) -> str:
    keys = [field.name for field in info.fields.values() if field.external_id and field.unique]
    names = [name for name in ("Username", "DeveloperName", "Name", "Subject", "Title") if info.has(name)]
    parts = [f"{quote(name)}::varchar" for name in (*keys, *names)]
    return f"{literal(info.name + ':')} || coalesce({', '.join(parts)}, '')" if parts else literal(info.name)
