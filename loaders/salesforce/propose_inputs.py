"""What the proposals are made of, as tables of one DuckDB connection: seeds, manifest, warehouse and the org's describe.

Nothing is decided here; propose_*.sql reads the tables that this fills. Values of records stay in the warehouse's own
process: they are counted and judged there, and none of them reaches a note.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from loaders.errors import ConfigurationError
from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import DescribedObject
from loaders.salesforce.export import literal, quoted

MAPS, ORG_SEEDS = Path("seeds/maps"), Path("seeds/salesforce")
FIELDS, VALUES = "_fields.csv", "_values.csv"
BUILD = "run `dbt build` first; it may stop at what is undecided"
SEEDS = {
    "proposal_objects": MAPS / "proposal_objects.csv",
    "custom_objects": ORG_SEEDS / "custom_objects.csv",
    "picklists": ORG_SEEDS / "picklists.csv",
}
SHAPES = {
    "declared": ("source_system", "table_name", "column_name"),
    "entity_tables": ("source_system", "table_name", "source_entity"),
    "org_values": ("sf_object", "sf_field", "sf_value"),
    "mart_fields": ("sf_object", "sf_field"),
}
ORG_FIELDS = pa.schema(
    [
        *((name, pa.string()) for name in ("sf_object", "sf_field", "label", "type")),
        *((name, pa.int64()) for name in ("length", "precision", "scale")),
        *((name, pa.bool_()) for name in ("writable", "restricted")),
    ]
)


def read_manifest(path: Path) -> dict[str, Any]:
    """dbt's manifest. Raises ConfigurationError without one."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} is not there.", BUILD) from error
    return document


def mapped_sources(project: Path, manifest: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    """The sources to propose for: enabled, with a field map, and wanted (all if none is named).

    Raises ConfigurationError for a source that has no map or is not enabled, and when there is none at all.
    """
    enabled = {str(node["source_name"]) for node in manifest["sources"].values()}
    known = sorted(
        path.name.removesuffix(FIELDS)
        for path in (project / MAPS).glob(f"*{FIELDS}")
        if path.name.removesuffix(FIELDS) in enabled
    )
    if not known:
        raise ConfigurationError(
            f"No enabled source has a seeds/maps/<source>{FIELDS}.", "see var `sources` in dbt_project.yml"
        )
    for name in wanted:
        if name not in known:
            raise ConfigurationError(
                f"{name} is no enabled source with a field map.", f"use one of: {', '.join(known)}"
            )
    return [name for name in known if not wanted or name in wanted]


def fill_seeds(con: duckdb.DuckDBPyConnection, project: Path) -> None:
    """The map seeds of all sources, the type map and the seeds about the org. Raises ConfigurationError without them."""
    for name, path in SEEDS.items():
        con.execute(f"create or replace temp table {name} as from {_csv(project / path)}")
    con.execute(
        "create or replace temp table proposal_types as select * replace (length::bigint as length, "
        "precision::bigint as precision, scale::bigint as scale, certainty::double as certainty) "
        f"from {_csv(project / MAPS / 'proposal_types.csv')}"
    )
    for name, ending in (("map_fields", FIELDS), ("map_values", VALUES)):
        selects = [
            f"select {literal(path.name.removesuffix(ending))} as source_system, * from {_csv(path)}"
            for path in sorted((project / MAPS).glob(f"*{ending}"))
        ]
        con.execute(f"create or replace temp table {name} as " + " union all by name ".join(selects))
    con.execute("alter table map_values add column if not exists status varchar")


def _csv(path: Path) -> str:
    """The SQL that reads a seed as text; an empty cell is null."""
    if not path.is_file():
        raise ConfigurationError(f"{path} is not there.", "restore it from git")
    return f"read_csv({literal(str(path))}, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"


def fill_sources(con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], sources: Sequence[str]) -> None:
    """What each source has: declared columns, tables of records, registered fields and landed columns."""
    tables = [node for node in manifest["sources"].values() if node["source_name"] in sources]
    _insert(con, "declared", _declared(tables))
    _insert(
        con,
        "entity_tables",
        [
            (node["source_name"], node["identifier"], _meta(node)["entity"])
            for node in tables
            if _meta(node).get("entity")
        ],
    )
    selects = [
        f"select {literal(source)} as source_system, live.table_name, source_entity, column_name, data_type "
        "from information_schema.columns as live left join entity_tables "
        f"on source_system = {literal(source)} and live.table_name = entity_tables.table_name "
        f"where table_schema = {literal(schema)} "
        "and not starts_with(live.table_name, '_dlt_') and not starts_with(column_name, '_dlt_')"
        for source, schema in sorted({(node["source_name"], node["schema"]) for node in tables})
    ]
    con.execute("create or replace temp table landed as " + " union all ".join(selects))
    selects = [
        "select '' as source_system, '' as source_entity, '' as source_field, '' as label, '' as field_type where false"
    ]
    for source in sources:
        model = f"stg_{source}__field_registry"
        relation = _relation(con, manifest, model)
        if relation:
            selects.append(
                f"select {literal(source)}, source_entity, source_field, label, field_type from {relation}"
            )
        elif any(node["name"] == model for node in manifest["nodes"].values()):
            raise ConfigurationError(f"{model} is not in the warehouse.", BUILD)
    con.execute("create or replace temp table registry as " + " union all ".join(selects))


def _declared(tables: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Columns that models use or ignore for a reason, as macros/landed.sql has them."""
    return [
        (node["source_name"], node["identifier"], column["name"])
        for node in tables
        for column in node["columns"].values()
        if not _meta(column).get("in_field_map") or _meta(column).get("becomes")
    ]


def _meta(node: Mapping[str, Any]) -> dict[str, Any]:
    """Meta of a node or column."""
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


def _relation(con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], model: str) -> str | None:
    """The quoted name of a model's table or view; None if there is no such model, or not in the warehouse yet."""
    node = next((one for one in manifest["nodes"].values() if one["name"] == model), None)
    if node is None:
        return None
    found = con.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [node["schema"], node["alias"]],
    ).fetchone()
    if not found or not found[0]:
        return None
    return f"{quoted(node['schema'])}.{quoted(node['alias'])}"


def fill_values(con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], sources: Sequence[str]) -> None:
    """The values of `open_fields`, counted, as `source_values`; empty ones do not count."""
    con.execute(
        "create or replace temp table source_values (source_system varchar, source_entity varchar, "
        "source_field varchar, value varchar, records bigint)"
    )
    columns = con.execute(
        "select landed.source_system, source_entity, table_name, list(column_name order by column_name) "
        "from landed inner join open_fields using (source_system, source_entity) "
        "where column_name = source_field group by all order by all"
    ).fetchall()
    for source, entity, table, names in columns:
        casts = ", ".join(f"cast({quoted(name)} as varchar) as {quoted(name)}" for name in names)
        schema = next(one["schema"] for one in manifest["sources"].values() if one["source_name"] == source)
        con.execute(
            f"insert into source_values select {literal(source)}, {literal(entity)}, source_field, value, count(*) "
            f"from (unpivot (select {casts} from {quoted(schema)}.{quoted(table)}) on columns(*) "
            "into name source_field value value) where trim(value) <> '' group by all"
        )
    for source in sources:
        _fill_custom_values(con, manifest, source)


def _fill_custom_values(con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], source: str) -> None:
    """The values of the source's own objects, which do not have a column each."""
    records = _relation(con, manifest, f"stg_{source}__custom_records")
    values = _relation(con, manifest, f"stg_{source}__custom_record_values")
    if records and values:
        con.execute(
            f"insert into source_values select {literal(source)}, source_object, source_field, value, count(*) "
            f"from {values} inner join {records} using (record_key) "
            f"where trim(value) <> '' and ({literal(source)}, source_object, source_field) in "
            "(select (source_system, source_entity, source_field) from open_fields) group by all"
        )


def fill_open_values(
    con: duckdb.DuckDBPyConnection,
    manifest: Mapping[str, Any],
    sources: Sequence[str],
    report: Callable[[str], None],
) -> None:
    """The values of every column that has the dbt test every_value_is_mapped, counted, as `open_values`.

    A build that stopped early has not made every model; those are reported, and looked at after the next build.
    """
    con.execute(
        "create or replace temp table open_values (source_system varchar, source_field varchar, "
        "source_value varchar, records bigint)"
    )
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        asked = test.get("kwargs") or {}
        if test.get("name") != "every_value_is_mapped" or asked["source_system"] not in sources:
            continue
        model = manifest["nodes"][node["attached_node"]]["name"]
        relation = _relation(con, manifest, model)
        if relation is None:
            report(f"{model} is not built yet: run `dbt build` and this command once more for its values.")
            continue
        column = quoted(asked["column_name"])
        con.execute(
            f"insert into open_values select {literal(asked['source_system'])}, {literal(asked['source_field'])}, "
            f"cast({column} as varchar), count(*) from {relation} where {column} is not null group by all"
        )


def wanted_objects(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The objects that proposals can be about, for the org to describe."""
    rows = con.execute(
        "select sf_object from proposal_objects union select sf_object from custom_objects "
        "union select sf_object from map_values where sf_object is not null order by all"
    ).fetchall()
    return [str(row[0]) for row in rows if row[0]]


def fill_org(
    con: duckdb.DuckDBPyConnection,
    objects: Mapping[str, DescribedObject],
    contracts: Mapping[str, Contract],
) -> None:
    """The org's fields and picklist values, and the fields that marts fill from columns of their own."""
    fields = [(one.name, field) for one in objects.values() for field in one.fields.values()]
    rows = [
        {
            "sf_object": on,
            "sf_field": field.name,
            "label": field.label,
            "type": field.type,
            "length": field.length,
            "precision": field.precision or field.digits,
            "scale": field.scale,
            "writable": field.createable and field.updateable and not field.calculated,
            "restricted": field.restricted,
        }
        for on, field in fields
    ]
    table = pa.Table.from_pylist(rows, schema=ORG_FIELDS)
    con.register("described", table)
    con.execute("create or replace temp table org_fields as from described")
    con.unregister("described")
    _insert(con, "org_values", [(on, field.name, value) for on, field in fields for value in field.values])
    marts = {
        (contract.object, field.name)
        for contract in contracts.values()
        for field in contract.fields
        if field.column
    }
    _insert(con, "mart_fields", sorted(marts))


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[str, ...]]) -> None:
    """A table of texts, as SHAPES has it."""
    names = SHAPES[table]
    columns = {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}
    con.register("given", pa.table(columns))
    con.execute(f"create or replace temp table {table} as from given")
    con.unregister("given")
