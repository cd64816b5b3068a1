"""The SELECT list while it grows: SQL columns on one side, the tree that makes a record of them there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from loaders.rehearsal.soql.errors import SoqlError, no_such_column, no_such_object, pointing
from loaders.rehearsal.soql.functions import Operand
from loaders.rehearsal.soql.nodes import Path, TypeOf
from loaders.rehearsal.soql.scope import Column, Join, Scope, quoted
from loaders.rehearsal.soql.shape import Alternatives, Children, Compound, Leaf, Member, Parent

# Order and names of the parts of an address as the REST API shows it.
_ADDRESS_PARTS = (
    "city",
    "country",
    "countryCode",
    "geocodeAccuracy",
    "latitude",
    "longitude",
    "postalCode",
    "state",
    "stateCode",
    "street",
)


@dataclass
class _Related:
    """A parent under construction; for the root of the tree `join` is the FROM table itself."""

    join: Join
    id_column: int = 0
    type_column: int | None = None
    shown_type: str = ""
    members: dict[str, Any] = field(default_factory=dict)


class Selection:
    """Columns c0, c1, ... of one SELECT and the shape of its records."""

    def __init__(self, scope: Scope, bulk: bool) -> None:
        self._scope = scope
        self._bulk = bulk
        self._columns: dict[str, int] = {}
        self._header: list[tuple[str, int]] = []
        self._root = _Related(scope.joins[()])

    def sql(self) -> str:
        """The SELECT list."""
        if self._bulk:
            names = [(name, self._expression(place)) for name, place in self._header]
            return ", ".join(f"{expression} as {quoted(name)}" for name, expression in names)
        return ", ".join(f"{expression} as c{place}" for expression, place in self._columns.items())

    def shape(self) -> tuple[Member, ...]:
        """The members of a record."""
        return tuple(_frozen(self._root.members))

    def header(self) -> tuple[str, ...]:
        """Column names of the flat form, in SELECT order."""
        return tuple(name for name, _ in self._header)

    def has(self, key: str) -> bool:
        """True if the record already has that member, in any case."""
        return key.lower() in self._root.members

    def id_column(self) -> int | None:
        """The column with the record's own Id."""
        return self._columns.get(self._own_id())

    def hidden(self, sql: str) -> int:
        """A column that is selected and not shown; always a new one, the last."""
        place = len(self._columns)
        self._columns[f"{sql} /* {place} */"] = place
        return place

    def hidden_id(self) -> int:
        """The column with the record's Id, selected if it is not yet."""
        return self._column(self._own_id())

    def add_field(self, name: Path, *, repeated: bool = False) -> None:
        """A field by path. Raises SoqlError INVALID_FIELD, also for a second mention unless `repeated`."""
        self.add_column(self._scope.column(name), name.at, repeated=repeated)

    def add_column(self, column: Column, at: int, *, repeated: bool = False) -> None:
        """A resolved field; see add_field."""
        if self._scope.root.has("Id"):
            self.hidden_id()
        related = self._related(column.path[:-1])
        key = column.info.name
        if key.lower() in related.members:
            if repeated:
                return
            raise self._duplicate(".".join(column.path), at)
        related.members[key.lower()] = self._member(column)

    def add_value(self, key: str, value: Operand, at: int) -> None:
        """A function's value under a name of its own."""
        if self.has(key):
            raise self._duplicate(key, at)
        place = self._column(rendered(value.sql, value.type, self._bulk))
        self._root.members[key.lower()] = Leaf(key, place)
        self._header.append((key, place))

    def add_children(self, children: Children, at: int) -> None:
        """A child subquery."""
        if self.has(children.key):
            raise self._duplicate(children.key, at)
        self._root.members[children.key.lower()] = children

    def add_typeof(self, chosen: TypeOf) -> None:
        """TYPEOF: one parent per WHEN, the object Name for ELSE."""
        if self._scope.root.has("Id"):
            self.hidden_id()
        scope, name = self._scope, chosen.relationship
        base, info = scope.relationship(name)
        if not info.polymorphic:
            text = f"{info.relationship_name} is not a polymorphic relationship: TYPEOF is not allowed"
            raise pointing("INVALID_FIELD", scope.soql, name.at, text)
        parents = []
        for target, fields in chosen.branches:
            if not scope.catalogue.has(target.text):
                raise no_such_object(scope.soql, target.at, target.text)
            owner = scope.catalogue.object(target.text)
            if owner.name not in info.reference_to:
                raise no_such_object(scope.soql, target.at, target.text)
            parents.append(self._typed(scope.typed_join(base, info, owner), fields))
        if chosen.otherwise:
            otherwise = self._otherwise(base, info.relationship_name or "", chosen)
            parents.append(otherwise)
        key = info.relationship_name or name.text
        self._root.members[key.lower()] = Alternatives(key, tuple(parents))

    def _typed(self, join: Join, fields: tuple[Path, ...]) -> Parent:
        members = []
        for name in fields:
            info = join.owner.fields.get(name.text.lower())
            if info is None:
                raise self._unknown(name, join.owner.name)
            sql = f"{join.alias}.{quoted(info.name)}" if info.storage_type else "null"
            members.append(self._member(Column(sql, info, join.owner, (info.name,), join.alias, True)))
        place = self._column(f'{join.alias}."Id"')
        return Parent("", place, join.owner.name, None, tuple(members))

    def _otherwise(self, base: Join, relationship: str, chosen: TypeOf) -> Parent:
        join = self._scope.join_at((*base.path, relationship), chosen.relationship)
        parent = self._typed(join, chosen.otherwise)
        return Parent("", parent.id_column, "", self._column(join.type_sql or "null"), parent.members)

    def _unknown(self, name: Path, entity: str) -> SoqlError:
        return no_such_column(self._scope.soql, name.at, name.text, entity)

    def _duplicate(self, key: str, at: int) -> SoqlError:
        return pointing("INVALID_FIELD", self._scope.soql, at, f"duplicate field selected: {key}")

    def _own_id(self) -> str:
        return f'{self._scope.base}."Id"'

    def _column(self, sql: str) -> int:
        return self._columns.setdefault(sql, len(self._columns))

    def _expression(self, place: int) -> str:
        return next(sql for sql, known in self._columns.items() if known == place)

    def _related(self, path: tuple[str, ...]) -> _Related:
        related = self._root
        for depth, name in enumerate(path, 1):
            known = related.members.get(name.lower())
            if not isinstance(known, _Related):
                join = self._scope.joins[path[:depth]]
                known = _Related(join, self._column(f'{join.alias}."Id"'), None, join.owner.name)
                if join.type_sql:
                    known.type_column = self._column(join.type_sql)
                related.members[name.lower()] = known
            related = known
        return related

    def _member(self, column: Column) -> Member:
        info = column.info
        if info.type in ("address", "location"):
            return self._compound(column)
        if info.type == "base64" and self._bulk:
            raise SoqlError("FEATURENOTENABLED", "Binary fields not supported")
        place = self._column(rendered(column.sql, info.type, self._bulk))
        self._header.append((".".join(column.path), place))
        return Leaf(info.name, place, blob=info.type == "base64")

    def _compound(self, column: Column) -> Compound:
        if self._bulk:
            raise SoqlError("FEATURENOTENABLED", "Selecting compound data not supported in Bulk Query")
        parts = []
        for info in column.owner.fields.values():
            if info.compound_field_name != column.info.name or info.storage_type is None:
                continue
            part = next((one for one in _ADDRESS_PARTS if info.name.lower().endswith(one.lower())), None)
            if part is not None:
                parts.append((part, self._column(f"{column.alias}.{quoted(info.name)}")))
        return Compound(column.info.name, tuple(sorted(parts)))


def rendered(sql: str, kind: str, bulk: bool) -> str:
    """The value as the API shows it: JSON-ready for REST, text without null for CSV."""
    zone = "Z" if bulk else "+0000"
    if kind == "datetime":
        sql = f"strftime({sql}, '%Y-%m-%dT%H:%M:%S.%g{zone}')"
    elif kind == "date":
        sql = f"strftime({sql}, '%Y-%m-%d')"
    elif kind == "boolean":
        sql = f"coalesce({sql}, false)"
    return f"coalesce(cast({sql} as varchar), '')" if bulk else sql


def _frozen(members: dict[str, Any]) -> Iterator[Member]:
    for member in members.values():
        if not isinstance(member, _Related):
            yield member
            continue
        path = member.join.path
        yield Parent(
            path[-1],
            member.id_column,
            "Name" if member.type_column is not None else member.shown_type,
            member.type_column,
            tuple(_frozen(member.members)),
        )
