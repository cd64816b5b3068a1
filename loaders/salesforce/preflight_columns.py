"""Marts whose columns cannot be read at all, and customer's fields that nobody declared: preflight stops there."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from loaders.salesforce.contract import RECORD_KEY, Contract
from loaders.salesforce.export import cell_sql, quoted
from loaders.salesforce.findings import BLOCKER, SAMPLES, Finding
from loaders.salesforce.plan import strange_objects_sql


def unreadable_findings(
    contract: Contract, connection: duckdb.DuckDBPyConnection, database: str
) -> list[Finding]:
    """Columns of the mart whose values cannot be written as their type at all, and broken JSON."""
    relation = contract.source(database)
    columns = {field.column: field for field in contract.fields if field.column}
    conditions = {
        column: f"{quoted(column)} is not null and try({cell_sql(field, quoted(column))}) is null "
        f"and cast({quoted(column)} as varchar) <> ''"
        for column, field in columns.items()
    }
    if contract.has_custom_fields:
        used = dict.fromkeys(field.json for field in contract.fields if field.column is None)
        conditions |= {
            name: f"{quoted(name)} is not null and not json_valid({quoted(name)})" for name in used
        }
    if not conditions:
        return []
    counted = ", ".join(f"count(*) filter ({condition})" for condition in conditions.values())
    counts = connection.execute(f"select {counted} from {relation}").fetchall()[0]
    found = []
    for (column, condition), count in zip(conditions.items(), counts, strict=True):
        if count:
            keys = connection.execute(
                f"select min({RECORD_KEY}, {SAMPLES}) from {relation} where {condition}"
            ).fetchall()[0][0]
            found.append(
                Finding(
                    BLOCKER,
                    "MART_UNREADABLE",
                    f"sf_{contract.mart}.{column} holds values that are not of its type.",
                    "correct the mart; nothing else in its rows was checked",
                    contract.mart,
                    column,
                    count,
                    tuple(keys or ()),
                )
            )
    return found


def undeclared_findings(
    contract: Contract, connection: duckdb.DuckDBPyConnection, database: str, next_step: str
) -> list[Finding]:
    """Values in the JSON columns that no confirmed map line declares: nobody would send them."""
    found = []
    for column in contract.json_columns:
        declared = [field.name for field in contract.fields if field.column is None and field.json == column]
        rows = connection.execute(
            f"select name, count(*), min({RECORD_KEY}, {SAMPLES}) from (\n"
            f"    select {RECORD_KEY}, unnest(json_keys({quoted(column)})) as name\n"
            f"    from {contract.source(database)} where json_valid({quoted(column)})\n"
            ") as named where not list_contains(?::varchar[], name) group by 1 order by 1",
            [declared],
        ).fetchall()
        found += [
            Finding(
                BLOCKER,
                "UNDECLARED_CUSTOM_FIELD",
                f"sf_{contract.mart} fills {contract.object}.{name}, which no confirmed map line declares.",
                next_step,
                contract.mart,
                name,
                count,
                tuple(keys),
            )
            for name, count, keys in rows
        ]
    return found


def strange_object_findings(
    mart: Contract, objects: Sequence[str], connection: duckdb.DuckDBPyConnection
) -> list[Finding]:
    """Objects that rows of a mart of many objects name and no confirmed line has: no contract would load them."""
    try:
        rows = connection.execute(strange_objects_sql(mart, objects)).fetchall()
    except duckdb.CatalogException:
        return []  # not built: said elsewhere
    return [
        Finding(
            BLOCKER,
            "OBJECT_NOT_CONFIRMED",
            f"sf_{mart.mart} has rows of {name}, which no confirmed line of custom_objects.csv has.",
            "confirm it in seeds/salesforce/custom_objects.csv, or leave these rows out by a rule",
            mart.mart,
            "",
            count,
            (str(key),),
        )
        for name, count, key in rows
    ]
