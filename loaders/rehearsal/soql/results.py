"""Query results as Salesforce's REST API shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from loaders.rehearsal.soql.errors import SoqlError
from loaders.rehearsal.soql.shape import Alternatives, Children, Compound, Leaf, Member, Parent, Translation

Record = dict[str, Any]
# Aggregate results cannot be paged: https://developer.salesforce.com/docs (SOQL, GROUP BY and queryMore).
_MAX_AGGREGATES = 2_000


class QueryResult:
    """The rows of one query as they were when it ran; pages are made on demand without the database.

    `object` is the object's API name, `total_size` the number of rows (the count itself for COUNT()).
    """

    def __init__(
        self,
        translation: Translation,
        connection: duckdb.DuckDBPyConnection,
        run: Callable[[], duckdb.DuckDBPyConnection] | None = None,
    ) -> None:
        """Runs the translation; `run` does it where the caller has prepared the statement."""
        self.object = translation.object
        self._translation = translation
        self._table = (
            run().to_arrow_table() if run else _fetch(connection, translation, list(translation.parameters))
        )
        self._children = _read_children(translation.shape, self._table, connection)
        if translation.kind == "count":
            self.total_size = int(self._table.column(0)[0].as_py())
            self._table = self._table.slice(0, 0)
        else:
            self.total_size = self._table.num_rows
        if translation.kind == "aggregate" and self.total_size > _MAX_AGGREGATES:
            raise SoqlError(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), "
                "use LIMIT to restrict the results to a single batch",
            )

    def records(self, start: int = 0, count: int = 2_000, version: str = "60.0") -> list[Record]:
        """JSON-ready records `start` to `start + count`; `version` (such as 60.0) shows in their URLs."""
        page = self._table.slice(start, count)
        root = f"/services/data/v{version.removeprefix('v')}/sobjects"
        return _records(self._translation, page, self._children, root)


class _ChildRows:
    """The rows of one child subquery, by parent id."""

    def __init__(self, children: Children, connection: duckdb.DuckDBPyConnection, parents: list[str]) -> None:
        self.translation = children.query
        self.table = _fetch(connection, self.translation, [parents, *self.translation.parameters])
        self.children = _read_children(self.translation.shape, self.table, connection)
        self.places: dict[str, list[int]] = {}
        for place, parent in enumerate(self.table.column(self.table.num_columns - 1).to_pylist()):
            self.places.setdefault(parent, []).append(place)

    def of(self, parent: str, root: str) -> Record | None:
        """The parent's child records as a nested query result, None if it has none."""
        places = self.places.get(parent)
        if not places:
            return None
        page = self.table.take(pa.array(places))
        records = _records(self.translation, page, self.children, root)
        return {"totalSize": len(records), "done": True, "records": records}


ChildMap = Mapping[Children, _ChildRows]


def _fetch(
    connection: duckdb.DuckDBPyConnection, translation: Translation, parameters: list[Any]
) -> pa.Table:
    table: pa.Table = connection.execute(translation.sql, parameters).to_arrow_table()
    return table


def _read_children(
    shape: Sequence[Member], table: pa.Table, connection: duckdb.DuckDBPyConnection
) -> dict[Children, _ChildRows]:
    found = {}
    for member in shape:
        if isinstance(member, Children):
            parents = table.column(member.id_column).to_pylist()
            found[member] = _ChildRows(member, connection, parents)
    return found


def _records(translation: Translation, page: pa.Table, children: ChildMap, root: str) -> list[Record]:
    rows = zip(*(column.to_pylist() for column in page.columns), strict=True)
    if translation.kind == "aggregate":
        attributes = {"type": "AggregateResult"}
        leaves = [member for member in translation.shape if isinstance(member, Leaf)]
        return [
            {"attributes": dict(attributes), **{leaf.key: row[leaf.column] for leaf in leaves}}
            for row in rows
        ]
    place = translation.id_column
    return [
        _record(
            translation.shape, row, None if place is None else row[place], translation.object, children, root
        )
        for row in rows
    ]


def _record(
    members: Sequence[Member],
    row: tuple[Any, ...],
    record_id: str | None,
    shown_type: str,
    children: ChildMap,
    root: str,
    url_type: str | None = None,
) -> Record:
    attributes = {"type": shown_type}
    if record_id is not None:
        attributes["url"] = f"{root}/{url_type or shown_type}/{record_id}"
    record: Record = {"attributes": attributes}
    for member in members:
        if isinstance(member, Leaf):
            value = row[member.column]
            if member.blob and value is not None:
                value = f"{attributes.get('url', root)}/{member.key}"
            record[member.key] = value
        elif isinstance(member, Compound):
            record[member.key] = _compound(member, row)
        elif isinstance(member, Parent):
            record[member.key] = _parent(member, row, children, root)
        elif isinstance(member, Alternatives):
            parents = (_parent(one, row, children, root) for one in member.parents)
            record[member.key] = next((parent for parent in parents if parent is not None), None)
        else:
            record[member.key] = children[member].of(row[member.id_column], root)
    return record


def _parent(member: Parent, row: tuple[Any, ...], children: ChildMap, root: str) -> Record | None:
    record_id = row[member.id_column]
    if record_id is None:
        return None
    actual = row[member.type_column] if member.type_column is not None else member.shown_type
    shown = member.shown_type or actual
    return _record(member.members, row, record_id, shown, children, root, url_type=actual)


def _compound(member: Compound, row: tuple[Any, ...]) -> Record | None:
    parts = {name: row[place] for name, place in member.parts}
    return parts if any(value is not None for value in parts.values()) else None
