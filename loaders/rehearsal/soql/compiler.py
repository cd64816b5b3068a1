"""One SELECT as SQL: columns, joins, conditions, grouping, order, paging, and the shape of its records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.soql.conditions import Conditions
from loaders.rehearsal.soql.errors import SoqlError, malformed, no_such_relationship, pointing
from loaders.rehearsal.soql.functions import (
    IDENTITIES,
    Operand,
    check_groupable,
    check_sortable,
    is_aggregate,
    operand,
)
from loaders.rehearsal.soql.nodes import (
    Call,
    Comparison,
    Expression,
    Item,
    Junction,
    Order,
    Path,
    Query,
    TypeOf,
)
from loaders.rehearsal.soql.scope import ID_TYPES, Scope, is_text, object_named, quoted
from loaders.rehearsal.soql.selection import Selection
from loaders.rehearsal.soql.shape import Children, Translation

_MAX_OFFSET = 2_000
_MAX_FIELDS_LIMIT = 200
# Objects that Salesforce only queries by parent.
_NEEDS_FILTER = {"ContentDocumentLink": ("ContentDocumentId", "LinkedEntityId", "Id")}
_ARCHIVING = ("Task", "Event")


class Filter(Protocol):
    """An extra condition that is not part of the query text: returns SQL and adds its parameters."""

    def __call__(self, scope: Scope, parameters: list[Any]) -> str: ...


@dataclass(frozen=True)
class Settings:
    """What holds for a query and all queries inside it. `bulk` renders every value as text for CSV."""

    soql: str
    catalogue: Catalogue
    now: datetime
    schema: str = "org"
    include_deleted: bool = False
    bulk: bool = False
    narrowed_by: Filter | None = None


def compile_query(query: Query, settings: Settings) -> Translation:
    """The translation of a top-level query. Raises SoqlError."""
    include_deleted = settings.include_deleted or query.all_rows
    settings = replace(settings, include_deleted=include_deleted)
    return _Select(query, settings, _root(query, settings)).translation()


def _root(query: Query, settings: Settings) -> ObjectInfo:
    return object_named(settings.catalogue, settings.soql, query.sources[0][0])


@dataclass
class _Select:
    """One SELECT while it is compiled; `children_of` is the reference field when it is a child subquery."""

    query: Query
    settings: Settings
    root: ObjectInfo
    prefix: str = "t"
    children_of: FieldInfo | None = None
    parameters: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings
        self.scope = Scope(
            settings.soql, settings.catalogue, self.root, settings.schema, self.prefix, self._aliases()
        )
        self.selection = Selection(self.scope, settings.bulk)

    def translation(self) -> Translation:
        """The whole query. Raises SoqlError."""
        self._check()
        if self._is_count():
            return self._count()
        aggregate = bool(self.query.groups) or any(is_aggregate(item.expression) for item in self.query.items)
        if aggregate:
            self._select_aggregates()
        else:
            self._select_fields()
        where = self._where()
        group, having = self._group(), self._having(aggregate)
        order = self._order(aggregate)
        parent = self.children_of
        if parent is not None:
            self.selection.hidden(f"{self.scope.base}.{quoted(parent.name)}")
        sql = f"select {self.selection.sql()}\nfrom {self.scope.from_sql()}{where}{group}{having}"
        sql += order + self._paging() if parent is None else self._paging_per_parent(order) + order
        return Translation(
            sql=sql,
            parameters=tuple(self.parameters),
            object=self.root.name,
            shape=self.selection.shape(),
            header=self.selection.header(),
            kind="aggregate" if aggregate else "rows",
            id_column=None if aggregate else self.selection.id_column(),
        )

    def _aliases(self) -> dict[str, tuple[str, ...]]:
        """Alias to relationship path: `FROM Contact c, c.Account a` makes c empty and a (Account)."""
        known: dict[str, tuple[str, ...]] = {}
        for place, (source, alias) in enumerate(self.query.sources):
            parts = source.parts
            if place == 0:
                path: tuple[str, ...] = ()
            elif parts[0].lower() in known:
                path = (*known[parts[0].lower()], *parts[1:])
            elif parts[0].lower() == self.root.name.lower():
                path = parts[1:]
            else:
                raise malformed(self.settings.soql, source.at, f"unexpected token: '{source.text}'")
            if alias is not None:
                known[alias.text.lower()] = path
        return known

    def _check(self) -> None:
        query, soql = self.query, self.settings.soql
        if (query.offset or 0) > _MAX_OFFSET:
            raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {_MAX_OFFSET}")
        needed = _NEEDS_FILTER.get(self.root.name)
        if needed and self.children_of is None and not _filters_by(query.where, needed):
            names = "ContentDocumentId or LinkedEntityId"
            text = (
                f"Implementation restriction: {self.root.name} requires a filter by a single Id on {names} "
                "using the equals operator or multiple Id's using the IN operator."
            )
            raise malformed(soql, query.at, text)
        if query.having is not None and not query.groups:
            raise malformed(soql, query.having.at if isinstance(query.having, Comparison) else query.at,
                            "unexpected token: 'HAVING'")  # fmt: skip

    def _is_count(self) -> bool:
        if len(self.query.items) != 1 or self.query.groups:
            return False
        only = self.query.items[0]
        call = only.expression
        bare = isinstance(call, Call) and call.argument is None and call.function.lower() == "count"
        return bare and only.alias is None

    def _count(self) -> Translation:
        where = self._where()
        sql = f"select count(*) from (select 1 from {self.scope.from_sql()}{where}{self._paging()})"
        return Translation(sql, tuple(self.parameters), self.root.name, (), ("count",), "count")

    def _select_fields(self) -> None:
        for item in self.query.items:
            chosen = item.expression
            if isinstance(chosen, Query):
                self.selection.add_children(self._children(chosen), chosen.at)
            elif isinstance(chosen, TypeOf):
                self.selection.add_typeof(chosen)
            elif isinstance(chosen, Call) and chosen.function.lower() == "fields":
                self._select_group(chosen)
            else:
                self._select_value(item, chosen)

    def _select_value(self, item: Item, chosen: Expression) -> None:
        if isinstance(chosen, Path):
            if item.alias is not None:
                raise malformed(
                    self.settings.soql,
                    item.alias.at,
                    "only aggregate expressions use field aliasing",
                )
            self.selection.add_field(chosen)
            return
        found = operand(self.scope, chosen)
        if chosen.function.lower() not in IDENTITIES or found.column is None:
            text = f"Grouped field should not be aggregated: {chosen.function}"
            raise malformed(self.settings.soql, chosen.at, text)
        if item.alias is None:
            self.selection.add_column(found.column, chosen.at)
        else:
            self.selection.add_value(item.alias.text, found, item.alias.at)

    def _select_group(self, call: Call) -> None:
        """FIELDS(ALL), FIELDS(STANDARD), FIELDS(CUSTOM)."""
        which = call.argument.text.lower() if isinstance(call.argument, Path) else ""
        if which not in ("all", "standard", "custom"):
            raise malformed(self.settings.soql, call.at, "unexpected token: 'FIELDS'")
        limit = self.query.limit
        if which != "standard" and (limit is None or limit > _MAX_FIELDS_LIMIT):
            text = f"The SOQL FIELDS function must have a LIMIT of at most {_MAX_FIELDS_LIMIT}"
            raise malformed(self.settings.soql, call.at, text)
        for info in self.root.fields.values():
            wanted = which == "all" or info.custom == (which == "custom")
            if wanted and not (self.settings.bulk and info.storage_type is None):
                self.selection.add_field(Path(info.name, call.at), repeated=True)

    def _select_aggregates(self) -> None:
        soql, number = self.settings.soql, 0
        grouped = {self._grouped(expression).sql for expression in self.query.groups}
        for item in self.query.items:
            chosen = item.expression
            if isinstance(chosen, Query | TypeOf):
                raise malformed(soql, self.query.at, "Aggregate queries cannot have subqueries or TYPEOF")
            found = operand(self.scope, chosen, aggregates=True)
            free = isinstance(chosen, Call) and (
                is_aggregate(chosen) or chosen.function.lower() == "grouping"
            )
            if not free and found.sql not in grouped:
                raise malformed(soql, chosen.at, f"Field must be grouped or aggregated: {found.name}")
            key = item.alias.text if item.alias else found.name
            if item.alias is None and isinstance(chosen, Call):
                key, number = f"expr{number}", number + 1
            if self.selection.has(key):
                raise malformed(soql, chosen.at, f"duplicate alias: {key}")
            self.selection.add_value(key, found, chosen.at)

    def _grouped(self, expression: Expression) -> Operand:
        found = operand(self.scope, expression)
        check_groupable(self.scope, expression, found)
        return found

    def _children(self, query: Query) -> Children:
        """The child subquery; its parents' ids are its first parameter. Raises SoqlError INVALID_TYPE."""
        source = query.sources[0][0]
        name = source.parts[-1].lower()
        for child, reference, relationship in self.root.child_relationships:
            if relationship and relationship.lower() == name and self.settings.catalogue.has(child):
                owner = self.settings.catalogue.object(child)
                if owner.has(reference):
                    inner = _Select(query, replace(self.settings, narrowed_by=None), owner, self.prefix + "c",
                                    owner.field(reference))  # fmt: skip
                    if query.groups or any(is_aggregate(item.expression) for item in query.items):
                        raise malformed(
                            self.settings.soql, query.at, "Aggregate functions are not allowed here"
                        )
                    return Children(relationship, self.selection.hidden_id(), inner.translation())
        place = "FROM part of query call"
        raise no_such_relationship(self.settings.soql, source.at, source.parts[-1], place, "INVALID_TYPE")

    def _conditions(self, *, aggregates: bool = False) -> Conditions:
        return Conditions(
            self.scope, self.parameters, self.settings.now, self._semi_join, aggregates=aggregates
        )

    def _semi_join(self, query: Query) -> str:
        soql, path = self.settings.soql, query.items[0].expression
        if len(query.items) != 1 or not isinstance(path, Path):
            raise malformed(soql, query.at, "The inner select of a semi join must have exactly one field")
        if query.order or query.limit is not None or query.groups:
            raise malformed(
                soql, query.at, "ORDER BY, LIMIT and GROUP BY are not allowed in a semi join sub-select"
            )
        settings = replace(self.settings, narrowed_by=None)
        inner = _Select(
            query, settings, _root(query, settings), self.prefix + "s", parameters=self.parameters
        )
        column = inner.scope.column(path)
        if column.type not in ID_TYPES:
            text = f"The inner select field '{column.info.name}' must be an id or reference in a semi join"
            raise malformed(soql, path.at, text)
        where = inner._where()
        return f"select {column.sql} from {inner.scope.from_sql()}{where} and {column.sql} is not null"

    def _where(self) -> str:
        """The WHERE clause; never empty, so that callers may add to it."""
        base, parts = self.scope.base, []
        if self.children_of is not None:
            parts.append(f"{base}.{quoted(self.children_of.name)} in (select unnest(?))")
        # Every table of the store has this column, described or not.
        if not self.settings.include_deleted:
            parts.append(f'{base}."IsDeleted" is not true')
        if not self.settings.include_deleted and self.root.name in _ARCHIVING and self.root.has("IsArchived"):
            parts.append(f'{base}."IsArchived" is not true')
        if self.query.where is not None:
            parts.append(self._conditions().sql(self.query.where))
        if self.settings.narrowed_by is not None:
            parts.append(self.settings.narrowed_by(self.scope, self.parameters))
        return "\nwhere " + " and ".join(parts or ["true"])

    def _group(self) -> str:
        if not self.query.groups:
            return ""
        listed = ", ".join(self._grouped(expression).sql for expression in self.query.groups)
        return (
            f"\ngroup by {self.query.grouping}({listed})" if self.query.grouping else f"\ngroup by {listed}"
        )

    def _having(self, aggregate: bool) -> str:
        if self.query.having is None or not aggregate:
            return ""
        return "\nhaving " + self._conditions(aggregates=True).sql(self.query.having)

    def _order(self, aggregate: bool) -> str:
        entries = [self._order_entry(order, aggregate) for order in self.query.order]
        # The platform's order without ORDER BY is usually the Id's; a rehearsal must repeat itself.
        if not aggregate and not self.settings.bulk and self.root.has("Id"):
            entries.append(f'{self.scope.base}."Id"')
        return "\norder by " + ", ".join(entries) if entries else ""

    def _order_entry(self, order: Order, aggregate: bool) -> str:
        found = operand(self.scope, order.expression, aggregates=aggregate)
        check_sortable(self.scope, order.expression, found)
        if aggregate and not is_aggregate(order.expression):
            grouped = {self._grouped(expression).sql for expression in self.query.groups}
            if found.sql not in grouped:
                text = f"Ordered field must be grouped or aggregated: {found.name}"
                raise malformed(self.settings.soql, order.expression.at, text)
        sql = f"lower({found.sql})" if is_text(found.type) and not aggregate else found.sql
        return (
            f"{sql} {'desc' if order.descending else 'asc'} nulls {'last' if order.nulls_last else 'first'}"
        )

    def _paging(self) -> str:
        query = self.query
        grouped = bool(query.groups)
        if query.limit is not None and not grouped and not self._is_count() and self._any_aggregate():
            text = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
            raise malformed(self.settings.soql, query.at, text)
        limit = "" if query.limit is None else f"\nlimit {query.limit}"
        return limit + ("" if not query.offset else f"\noffset {query.offset}")

    def _any_aggregate(self) -> bool:
        return any(is_aggregate(item.expression) for item in self.query.items)

    def _paging_per_parent(self, order: str) -> str:
        """LIMIT and OFFSET of a child subquery count within each parent."""
        query, parent = self.query, self.children_of
        if parent is None or (query.limit is None and not query.offset):
            return ""
        number = f"row_number() over (partition by {self.scope.base}.{quoted(parent.name)}{order})"
        first = query.offset or 0
        last = "" if query.limit is None else f" and {number} <= {first + query.limit}"
        return f"\nqualify {number} > {first}{last}"


def _filters_by(condition: Any, names: tuple[str, ...]) -> bool:
    """True when the condition compares one of the fields by = or IN, at the top or under AND."""
    if isinstance(condition, Junction) and condition.word == "and":
        return any(_filters_by(operand, names) for operand in condition.operands)
    return (
        isinstance(condition, Comparison)
        and condition.operator in ("=", "in")
        and isinstance(condition.left, Path)
        and condition.left.parts[-1].lower() in {name.lower() for name in names}
    )


def bulk_refusal(query: Query, soql: str) -> SoqlError | None:
    """Why Bulk API 2.0 would not run the query, or None."""
    aggregates = any(is_aggregate(item.expression) for item in query.items)
    if query.groups or aggregates or query.offset is not None:
        what = "GROUP BY" if query.groups else "OFFSET" if query.offset is not None else "aggregate functions"
        return pointing("MALFORMED_QUERY", soql, query.at, f"{what} is not supported in Bulk API 2.0 queries")
    if any(isinstance(item.expression, Query | TypeOf) for item in query.items):
        return SoqlError(
            "FEATURENOTENABLED", "Nested queries and TYPEOF are not supported in Bulk API 2.0 queries"
        )
    return None
