"""The answers to Mautic's forms. Each form has a table of its own, form_results_<form id>_<form alias>, with one
column per form field; they land together in one raw table, the answers of a submission as one JSON object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.mautic import extract, live
from loaders.mautic.connection import Connection
from loaders.mautic.notes import Notes
from loaders.mautic.settings import FORM_RESULTS, Table

PRIMARY_KEY = ("form_id", "submission_id")
SCHEMA = pa.schema(
    [
        pa.field("form_id", pa.int64(), nullable=False),
        pa.field("form_alias", pa.string()),
        pa.field("submission_id", pa.int64(), nullable=False),
        pa.field("answers", pa.string()),
    ]
)
NO_KEY = "form result table without submission_id; not landed"
_KEY = Table("", ("submission_id",), {"submission_id": "int", "form_id": "int"})


def tables(names: set[str], connection: Connection) -> dict[str, tuple[int, str]]:
    """The result tables among all tables: name without prefix to form id and alias."""
    pattern = re.compile(rf"{re.escape(connection.prefix)}({FORM_RESULTS}_(\d+)_(.*))", re.DOTALL)
    found = (pattern.fullmatch(name) for name in sorted(names))
    return {match[1]: (int(match[2]), match[3]) for match in found if match}


def read(engine: Engine, connection: Connection, notes: Notes) -> Iterator[pa.Table]:
    """All submissions as Arrow tables in SCHEMA, form by form; at least one, empty if there is no form."""
    yield SCHEMA.empty_table()
    with engine.connect() as session:
        found = tables(live.table_names(session), connection)
    for name, (form, alias) in found.items():
        table = Table(name, _KEY.primary_key, _KEY.columns)
        with engine.connect() as session:
            existing = {column.name for column in live.present_columns(session, connection, table)}
            if "submission_id" not in existing:
                notes.add(FORM_RESULTS, None, NO_KEY, keys=[name])
                continue
            columns = live.columns(session, connection, table)
        for batch in extract.read_table(engine, connection, table, columns, notes):
            if batch.num_rows:
                yield _as_json(batch, form, alias)


def count(session: sa.Connection, connection: Connection) -> int:
    """The number of submissions over all result tables."""
    total = 0
    for name in tables(live.table_names(session), connection):
        found = {column.name for column in live.present_columns(session, connection, Table(name, (), {}))}
        if "submission_id" in found:
            rows = sa.select(sa.func.count()).select_from(sa.table(connection.prefix + name))
            total += session.execute(rows).scalar_one()
    return total


def _as_json(batch: pa.Table, form: int, alias: str) -> pa.Table:
    """The batch with one JSON object per submission; the keys of the table itself are left out."""
    fields = [name for name in batch.column_names if name not in ("submission_id", "form_id")]
    members = ", ".join(f"{_text(name)}, {_name(name)}::varchar" for name in fields)
    query = (
        f"select {form}::bigint, {_text(alias)}, submission_id, json_object({members})::varchar from batch"
    )
    with duckdb.connect() as engine:
        engine.register("batch", batch)
        return pa.Table.from_batches(
            engine.execute(query).to_arrow_table().rename_columns(SCHEMA.names).to_batches()
        ).cast(SCHEMA)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
