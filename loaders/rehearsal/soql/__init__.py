"""SOQL for the rehearsal org: query text in, DuckDB SQL or Salesforce-shaped records out.

    translate(soql, catalogue)            SQL with bound parameters and the shape of the answer
    run(soql, catalogue, connection)      QueryResult: total_size and pages of JSON-ready records
    translate_bulk(soql, catalogue)       one flat SELECT of texts, as Bulk API 2.0 answers
    export_csv(soql, ..., path)           the same, written by DuckDB; rows never pass through Python
    search(sosl, catalogue, connection)   records found by FIND {words}

A query is either refused with a SoqlError (Salesforce's code and text) or becomes SQL in which every name
comes from the catalogue and every value is a bound parameter. What the org holds is the store's business, how
answers travel the API's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from loaders.rehearsal.org.catalogue import Catalogue
from loaders.rehearsal.soql.compiler import Settings, bulk_refusal, compile_query
from loaders.rehearsal.soql.errors import SoqlError
from loaders.rehearsal.soql.parser import parse_query, parse_search
from loaders.rehearsal.soql.results import QueryResult, Record
from loaders.rehearsal.soql.search import compile_search
from loaders.rehearsal.soql.shape import Translation

__all__ = [
    "BulkQuery",
    "QueryResult",
    "SoqlError",
    "Translation",
    "export_csv",
    "run",
    "search",
    "translate",
    "translate_bulk",
]

LINE_ENDINGS = {"LF": "\\n", "CRLF": "\\r\\n"}


@dataclass(frozen=True)
class BulkQuery:
    """A query whose columns are texts named as in the CSV header; nulls are empty texts."""

    sql: str
    parameters: tuple[Any, ...]
    object: str
    header: tuple[str, ...]

    def copy_sql(self, path: Path, delimiter: str = ",", line_ending: str = "LF") -> str:
        """The COPY statement for a file: header line, every value quoted. `line_ending` is LF or CRLF."""
        target, mark = str(path).replace("'", "''"), delimiter.replace("'", "''")
        form = (
            f"format csv, header, force_quote *, delimiter '{mark}', new_line '{LINE_ENDINGS[line_ending]}'"
        )
        return f"copy ({self.sql}) to '{target}' ({form})"


def translate(
    soql: str,
    catalogue: Catalogue,
    *,
    include_deleted: bool = False,
    schema: str = "org",
    now: datetime | None = None,
) -> Translation:
    """The query as SQL over the tables in `schema`; date literals count from `now` (UTC, default the clock).

    `include_deleted` shows deleted records and archived activities, as queryAll does. Raises SoqlError.
    """
    settings = Settings(soql, catalogue, now or datetime.now(UTC), schema, include_deleted)
    return compile_query(parse_query(soql), settings)


def run(
    soql: str,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    *,
    include_deleted: bool = False,
    schema: str = "org",
    now: datetime | None = None,
) -> QueryResult:
    """The answer, read completely before this returns: later pages show the same moment. Raises SoqlError."""
    found = translate(soql, catalogue, include_deleted=include_deleted, schema=schema, now=now)
    return QueryResult(found, connection)


def translate_bulk(
    soql: str,
    catalogue: Catalogue,
    *,
    include_deleted: bool = False,
    schema: str = "org",
    now: datetime | None = None,
) -> BulkQuery:
    """The query in the flat form of Bulk API 2.0. Raises SoqlError, also for what only REST can answer."""
    query = parse_query(soql)
    refusal = bulk_refusal(query, soql)
    if refusal is not None:
        raise refusal
    settings = Settings(soql, catalogue, now or datetime.now(UTC), schema, include_deleted, bulk=True)
    found = compile_query(query, settings)
    return BulkQuery(found.sql, found.parameters, found.object, found.header)


def export_csv(
    soql: str,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    include_deleted: bool = False,
    delimiter: str = ",",
    line_ending: str = "LF",
) -> int:
    """The number of rows written to the CSV file at `path`. Raises SoqlError before anything is written."""
    bulk = translate_bulk(soql, catalogue, include_deleted=include_deleted)
    copied = connection.execute(bulk.copy_sql(path, delimiter, line_ending), list(bulk.parameters)).fetchone()
    return int(copied[0]) if copied else 0


def search(
    sosl: str,
    catalogue: Catalogue,
    connection: duckdb.DuckDBPyConnection,
    version: str = "60.0",
    *,
    schema: str = "org",
) -> list[Record]:
    """The records that hold the words, object by object in the order of RETURNING. Raises SoqlError."""
    settings = Settings(sosl, catalogue, datetime.now(UTC), schema)
    found: list[Record] = []
    for translation in compile_search(parse_search(sosl), settings):
        found += QueryResult(translation, connection).records(0, 2_000, version)
    return found
