"""JSON records on their way to the writer: the same rows and rules as Bulk, with REST's own checks of
JSON types.

`write_rows` is what single records, collections, composite and tree requests call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from loaders.rehearsal.org.batch_sql import Context
from loaders.rehearsal.org.catalogue import NUMBER_TYPES, TEXT_TYPES, Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.org.failures import HeaderError, OrgError, bad_request
from loaders.rehearsal.org.header import Column, resolve
from loaders.rehearsal.org.single import write_single
from loaders.rehearsal.org.store import Store, literal
from loaders.rehearsal.org.writer import write_batch

NULL = "\x1dnull"
MAX_ROWS = 200


@dataclass(frozen=True)
class Outcome:
    """What became of one record; `error` is None for success."""

    id: str | None
    created: bool
    error: OrgError | None

    @property
    def success(self) -> bool:
        """Whether the record was stored."""
        return self.error is None


def decode_error(text: str) -> OrgError:
    """The error of an `outcome` row as an exception with HTTP status 400."""
    code, _, rest = text.partition("\x1f")
    message, _, names = rest.rpartition("\x1f")
    return OrgError(400, code, message, [name for name in names.split(", ") if name])


def cells(info: ObjectInfo, catalogue: Catalogue, record: Mapping[str, Any]) -> dict[str, str]:
    """Column name → text of one JSON record. Raises OrgError for unknown fields and JSON of the wrong
    type."""
    found: dict[str, str] = {}
    for name, value in record.items():
        if name == "attributes":
            continue
        if isinstance(value, Mapping):
            found.update(_parent(info, name, value))
            continue
        if not info.has(name) or (info.field(name).storage_type is None):
            raise bad_request("INVALID_FIELD", f"No such column '{name}' on sobject of type {info.name}")
        found[info.field(name).name] = _text(info.field(name), value)
    return found


def _parent(info: ObjectInfo, name: str, value: Mapping[str, Any]) -> dict[str, str]:
    field = info.relationship(name)
    keys = [key for key in value if key != "attributes"]
    if field is None or len(keys) != 1:
        raise bad_request("INVALID_FIELD", f"No such column '{name}' on sobject of type {info.name}")
    attributes = value.get("attributes")
    target = str(attributes.get("type", "")) if isinstance(attributes, Mapping) else ""
    prefix = f"{target}:" if target else ""
    return {f"{prefix}{field.relationship_name}.{keys[0]}": _plain(value[keys[0]])}


def _plain(value: Any) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).encode("utf-8", "replace").decode("utf-8") or NULL


def _text(field: FieldInfo, value: Any) -> str:
    kind = field.type
    kind_of_json = {
        bool: "VALUE_TRUE" if value is True else "VALUE_FALSE",
        int: "VALUE_NUMBER_INT",
        float: "VALUE_NUMBER_FLOAT",
        list: "START_ARRAY",
    }.get(type(value))
    wrong = (
        isinstance(value, list)
        or (kind in TEXT_TYPES | {"reference", "id"} and isinstance(value, bool | int | float))
        or (kind in NUMBER_TYPES and isinstance(value, bool))
        or (kind == "boolean" and isinstance(value, int | float) and not isinstance(value, bool))
    )
    if wrong:
        kind_name = "string" if kind in TEXT_TYPES else kind
        raise bad_request(
            "JSON_PARSER_ERROR",
            f"Cannot deserialize instance of {kind_name} from {kind_of_json} value "
            f"{'[' if isinstance(value, list) else value} "
            "or request may be missing a required field at [line:1, column:1]",
        )
    return _plain(value)


def write_rows(
    store: Store,
    context: Context,
    info: ObjectInfo,
    operation: str,
    records: Sequence[Mapping[str, Any]],
    external_id: FieldInfo | None = None,
) -> list[Outcome]:
    """The outcome of every record, in order; records with unreadable JSON are refused, the others are
    written."""
    outcomes: list[Outcome | None] = [None] * len(records)
    rows: list[tuple[int, dict[str, str]]] = []
    for number, record in enumerate(records):
        try:
            row = cells(info, context.catalogue, record)
            resolve(context.catalogue, info, list(row))
            rows.append((number, row))
        except OrgError as problem:
            outcomes[number] = Outcome(None, False, problem)
        except HeaderError as problem:
            name = str(problem).rpartition(": ")[2]
            text = f"No such column '{name}' on sobject of type {info.name}"
            outcomes[number] = Outcome(None, False, bad_request("INVALID_FIELD", text))
    if rows:
        names = list(dict.fromkeys(name for _, row in rows for name in row))
        columns = resolve(context.catalogue, info, names)
        for number, outcome in _write(store, context, info, operation, columns, rows, external_id).items():
            outcomes[number] = outcome
    missing = Outcome(None, False, bad_request("UNKNOWN_EXCEPTION", "The record was not processed"))
    return [outcome or missing for outcome in outcomes]


def _write(
    store: Store,
    context: Context,
    info: ObjectInfo,
    operation: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[int, Mapping[str, str]]],
    external_id: FieldInfo | None,
) -> dict[int, Outcome]:
    rest = replace(context, null_marker=NULL)
    if len(rows) == 1:
        place, row = rows[0]
        found_id, created, problem = write_single(store, rest, info, operation, columns, row, external_id)
        return {place: Outcome(found_id, created, decode_error(problem) if problem else None)}
    with store.write() as connection:
        _stage(connection, columns, rows)
        write_batch(store, rest, info, operation, columns, "select * from rest_rows", external_id)
        found = connection.execute("select row_no, id, created, error from outcome").fetchall()
    return {
        int(number) - 1: Outcome(record_id, bool(created), decode_error(error) if error else None)
        for number, record_id, created, error in found
    }


def _stage(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    rows: Sequence[tuple[int, Mapping[str, str]]],
) -> None:
    names = "".join(f", c{column.index} varchar" for column in columns)
    connection.execute(f"create or replace temp table rest_rows (row_no bigint{names})")
    # Literals: DuckDB looks for half a dozen optional packages whenever it is given parameters.
    lines = [
        f"({number + 1}, {', '.join(_literal(row.get(column.name)) for column in columns)})"
        for number, row in rows
    ]
    empty = [f"({number + 1})" for number, _ in rows]
    connection.execute(f"insert into rest_rows values {', '.join(lines if columns else empty)}")


def _literal(text: str | None) -> str:
    """The text as an SQL literal; characters that Salesforce does not keep are left out."""
    return literal(None if text is None else text.replace("\x00", ""))
