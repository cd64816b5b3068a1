"""What has been deployed to the org: one row per component with its XML, kept in the store beside the
records.

The catalogue is built from it again at every start, so deployed objects and fields survive a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from loaders.rehearsal.metadata.xml import Element, parse, render
from loaders.rehearsal.org.ids import make_id
from loaders.rehearsal.org.store import Store

# Key prefixes of metadata rows (Salesforce help, "Standard Field Record ID Prefix Decoder").
PREFIXES = {
    "CustomObject": "01I",
    "CustomField": "00N",
    "RecordType": "012",
    "BusinessProcess": "019",
    "ValidationRule": "03d",
    "DuplicateRule": "0Bm",
    "GlobalValueSet": "0Nt",
    "PermissionSet": "0PS",
    "Profile": "00e",
    "Layout": "00h",
    "CustomTab": "01r",
}
_TABLE = """
create table if not exists meta.components (
    type varchar, full_name varchar, id varchar, xml varchar, created_at timestamp, modified_at timestamp,
    primary key (type, full_name)
)
"""


@dataclass(frozen=True)
class Component:
    """One deployed component; `id` is empty for types without one, times are UTC without zone."""

    type: str
    full_name: str
    id: str
    element: Element
    created_at: datetime
    modified_at: datetime


class Registry:
    """The deployed components of one org."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[tuple[str, ...]] = []
        with store.write() as connection:
            connection.execute(_TABLE)

    def all(self, kind: str | None = None) -> list[Component]:
        """The components of a type, or of all types, by type and name."""
        return self._read("? is null or type = ?", [kind, kind])

    def find(self, kind: str, full_name: str) -> Component | None:
        """One component, case-insensitively, or None."""
        found = self._read("type = ? and lower(full_name) = lower(?)", [kind, full_name])
        return found[0] if found else None

    def _read(self, condition: str, parameters: list[str | None]) -> list[Component]:
        sql = "select type, full_name, id, xml, created_at, modified_at from meta.components"
        rows = self._store.rows(f"{sql} where {condition} order by type, full_name", parameters)
        return [
            Component(row[0], row[1], row[2] or "", parse(row[3].encode()), row[4], row[5]) for row in rows
        ]

    def save(self, kind: str, full_name: str, element: Element, known: Component | None) -> str:
        """Keeps a component in place of the `known` one, once `flush` is called. Returns its id.

        Call inside the store's `write`.
        """
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        prefix = PREFIXES.get(kind)
        new_id = make_id(prefix, self._store.take_numbers(kind, 1)) if prefix and known is None else ""
        found = known.id if known else new_id
        created = known.created_at if known else now
        name = known.full_name if known else full_name
        self._pending.append((kind, name, found, render(element), created.isoformat(), now.isoformat()))
        return found

    def flush(self) -> None:
        """Writes the saved components with one statement, for one statement each is slow."""
        if self._pending:
            columns = [list(column) for column in zip(*self._pending, strict=True)]
            chosen = "unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)::timestamp, unnest(?)::timestamp"
            with self._store.write() as connection:
                connection.execute(f"insert or replace into meta.components select {chosen}", columns)
        self._pending = []

    def remove(self, kind: str, full_name: str) -> bool:
        """Forgets a component and what hangs below it; False when there is none."""
        known = self.find(kind, full_name)
        if known is None:
            return False
        with self._store.write() as connection:
            connection.execute(
                "delete from meta.components where type = ? and full_name = ?", [kind, known.full_name]
            )
            if kind == "CustomObject":
                connection.execute(
                    "delete from meta.components where starts_with(full_name, ?)", [f"{known.full_name}."]
                )
        return True
