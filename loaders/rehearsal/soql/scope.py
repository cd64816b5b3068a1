"""Names of a query resolved against the catalogue: fields, relationship paths, and the joins that they need.

The only module of the package that knows how the catalogue is built and how the store lays out its tables.
Every identifier in generated SQL comes from here, hence from the catalogue and never from the query text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loaders.rehearsal.org.catalogue import NUMBER_TYPES, TEXT_TYPES, Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.soql.errors import (
    SoqlError,
    malformed,
    no_such_column,
    no_such_object,
    no_such_relationship,
)
from loaders.rehearsal.soql.nodes import Path

# What a polymorphic parent offers without TYPEOF: the platform's object "Name".
NAME_FIELDS = {
    "id": FieldInfo("Id", type="id"),
    "name": FieldInfo("Name", name_field=True),
    "type": FieldInfo("Type", type="picklist"),
    "firstname": FieldInfo("FirstName"),
    "lastname": FieldInfo("LastName"),
    "alias": FieldInfo("Alias"),
    "email": FieldInfo("Email", type="email"),
    "isactive": FieldInfo("IsActive", type="boolean"),
    "phone": FieldInfo("Phone", type="phone"),
    "title": FieldInfo("Title"),
    "username": FieldInfo("Username"),
    "profileid": FieldInfo(
        "ProfileId", type="reference", reference_to=("Profile",), relationship_name="Profile"
    ),
    "userroleid": FieldInfo(
        "UserRoleId", type="reference", reference_to=("UserRole",), relationship_name="UserRole"
    ),
}
NAME_OBJECT = ObjectInfo("Name", fields=NAME_FIELDS)
ID_TYPES = frozenset({"id", "reference"})
MAX_LEVELS = 5
_LONGEST_FILTERABLE_TEXT = 255


@dataclass(frozen=True)
class Column:
    """A field where the query uses it: SQL expression, what it is, and its canonical path."""

    sql: str
    info: FieldInfo
    owner: ObjectInfo
    path: tuple[str, ...]
    alias: str
    outer: bool

    @property
    def type(self) -> str:
        """Describe type."""
        return self.info.type

    @property
    def filterable(self) -> bool:
        """False for long text, compound and binary fields."""
        return not (
            self.type in ("address", "location", "base64")
            or (self.type == "textarea" and self.info.length > _LONGEST_FILTERABLE_TEXT)
        )


@dataclass
class Join:
    """One table of the FROM clause. `type_sql` names the object of a polymorphic row."""

    alias: str
    owner: ObjectInfo
    path: tuple[str, ...]
    text: str
    type_sql: str | None = None


def quoted(name: str) -> str:
    """The SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def table_of(owner: ObjectInfo, schema: str) -> str:
    """The quoted table that holds an object."""
    return f"{quoted(schema)}.{quoted(owner.name)}"


def is_number(kind: str) -> bool:
    """True for types compared and summed as numbers."""
    return kind in NUMBER_TYPES


def is_text(kind: str) -> bool:
    """True for types that want quoted literals; ids are not among them."""
    return kind in TEXT_TYPES or kind in ("anyType", "time", "complexvalue")


def object_named(catalogue: Catalogue, soql: str, name: Path) -> ObjectInfo:
    """The object of FROM. Raises SoqlError INVALID_TYPE."""
    if "." in name.text or not catalogue.has(name.text):
        raise no_such_object(soql, name.at, name.text)
    found = catalogue.object(name.text)
    if not found.queryable:
        raise SoqlError("INVALID_TYPE_FOR_OPERATION", f"entity type {found.name} does not support query")
    return found


@dataclass
class Scope:
    """The FROM clause of one SELECT while it grows: each relationship path is joined once."""

    soql: str
    catalogue: Catalogue
    root: ObjectInfo
    schema: str = "org"
    prefix: str = "t"
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    joins: dict[tuple[str, ...], Join] = field(default_factory=dict)

    def __post_init__(self) -> None:
        alias = f"{self.prefix}0"
        self.joins[()] = Join(alias, self.root, (), f"{table_of(self.root, self.schema)} as {alias}")

    @property
    def base(self) -> str:
        """SQL alias of the root table."""
        return f"{self.prefix}0"

    def from_sql(self) -> str:
        """The FROM clause, without the word."""
        return "\n".join(join.text for join in self.joins.values())

    def column(self, name: Path) -> Column:
        """The field that a path names. Raises SoqlError INVALID_FIELD."""
        parts = self._expanded(name)
        join = self._joined(parts[:-1], name)
        info = join.owner.fields.get(parts[-1].lower())
        if info is None:
            raise no_such_column(self.soql, name.at, parts[-1], join.owner.name)
        sql = f"{join.alias}.{quoted(info.name)}" if info.storage_type else "null"
        return Column(sql, info, join.owner, (*join.path, info.name), join.alias, bool(join.path))

    def join_at(self, parts: tuple[str, ...], name: Path) -> Join:
        """The joined parent at a canonical relationship path."""
        return self._joined(parts, name)

    def relationship(self, name: Path) -> tuple[Join, FieldInfo]:
        """The table with a relationship's reference field, and the field. Raises SoqlError INVALID_FIELD."""
        parts = self._expanded(name)
        join = self._joined(parts[:-1], name)
        info = join.owner.relationship(parts[-1])
        if info is None:
            raise no_such_relationship(self.soql, name.at, parts[-1], "field path")
        return join, info

    def typed_join(self, base: Join, info: FieldInfo, target: ObjectInfo) -> Join:
        """The parents of one type behind a polymorphic reference, for TYPEOF."""
        path = (*base.path, f"{info.relationship_name}:{target.name}")
        return self._join(base, info, path, table_of(target, self.schema), target)

    def _expanded(self, name: Path) -> tuple[str, ...]:
        """The path from the root: aliases replaced, the root's own name or alias dropped."""
        parts = name.parts
        first = parts[0].lower()
        if len(parts) > 1 and first in self.aliases:
            return (*self.aliases[first], *parts[1:])
        if len(parts) > 1 and first == self.root.name.lower() and self.root.relationship(first) is None:
            return parts[1:]
        return parts

    def _joined(self, parts: tuple[str, ...], name: Path) -> Join:
        if len(parts) > MAX_LEVELS:
            text = "SOQL relationships may not traverse more than 5 levels of child-to-parent relationships"
            raise malformed(self.soql, name.at, text)
        join = self.joins[()]
        for part in parts:
            info = join.owner.relationship(part)
            if info is None or not info.relationship_name:
                raise no_such_relationship(self.soql, name.at, part, "field path")
            path = (*join.path, info.relationship_name)
            join = self.joins.get(path) or self._parent(join, info, path, name)
        return join

    def _parent(self, base: Join, info: FieldInfo, path: tuple[str, ...], name: Path) -> Join:
        targets = [self.catalogue.object(one) for one in info.reference_to if self.catalogue.has(one)]
        if not targets:
            raise no_such_relationship(self.soql, name.at, path[-1], "field path")
        if len(info.reference_to) == 1:
            return self._join(base, info, path, table_of(targets[0], self.schema), targets[0])
        union = " union all ".join(self._name_rows(target) for target in targets)
        join = self._join(base, info, path, f"({union})", NAME_OBJECT)
        join.type_sql = f'{join.alias}."Type"'
        return join

    def _join(
        self, base: Join, info: FieldInfo, path: tuple[str, ...], table: str, owner: ObjectInfo
    ) -> Join:
        known = self.joins.get(path)
        if known is None:
            alias = f"{self.prefix}{len(self.joins)}"
            on = f'{alias}."Id" = {base.alias}.{quoted(info.name)}'
            known = Join(alias, owner, path, f"left join {table} as {alias} on {on}")
            self.joins[path] = known
        return known

    def _name_rows(self, target: ObjectInfo) -> str:
        """One object's rows in the shape of the platform's object Name."""
        columns = []
        for info in NAME_FIELDS.values():
            source = _named_field(target) if info.name_field else target.fields.get(info.name.lower())
            if info.name == "Type":
                columns.append(f'{literal(target.name)} as "Type"')
            elif source is None or source.storage_type != info.storage_type:
                columns.append(f"cast(null as {info.storage_type}) as {quoted(info.name)}")
            else:
                columns.append(f"{quoted(source.name)} as {quoted(info.name)}")
        return f"select {', '.join(columns)} from {table_of(target, self.schema)}"


def _named_field(target: ObjectInfo) -> FieldInfo | None:
    """The field that names a record: Name, or CaseNumber, Subject, Title where the object has no Name."""
    flagged = next((info for info in target.fields.values() if info.name_field), None)
    return flagged or target.fields.get("name")
