"""What a mart promises to Salesforce, as plain values. manifest.py reads them, field_map.py the customer's own fields.

The YAML beside a mart is the only home of an API name, a type, a length or a lookup; this module turns it
into values for the load, the schema package, the rehearsal org and the audit. What to do with them is
decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from loaders.errors import ConfigurationError

MODES = ("upsert", "insert_if_absent", "update", "match", "file")
TEXT_TYPES = (
    *("Text", "TextArea", "LongTextArea", "Html", "Email", "Phone", "Url"),
    *("Picklist", "MultiselectPicklist"),
)
NUMBER_TYPES = ("Number", "Currency", "Percent")
TYPES = frozenset((*TEXT_TYPES, *NUMBER_TYPES, "Checkbox", "Date", "DateTime", "Lookup"))
CUSTOM_FIELDS = "custom_fields"
RECORD_KEY = "record_key"


@dataclass(frozen=True)
class Field:
    """One Salesforce field that a mart fills."""

    name: str
    column: str | None  # None: a customer's own field, it travels in the JSON column `json`
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    references: tuple[str, ...] = ()
    required: bool = False
    external_id: bool = False
    unique: bool = False
    audit: bool = False  # settable on insert only, and only with a permission
    picklist: str | None = None
    restricted: bool = False
    label: str = ""
    help: str = ""
    insert_only: bool = False  # sent on insert, never updated
    second_pass: bool = False  # a lookup that is filled once all marts of its circle are loaded
    record_type: bool = False  # holds a DeveloperName
    json: str = CUSTOM_FIELDS

    @property
    def is_lookup(self) -> bool:
        """Whether its cell is an Id of the org, which no mart knows."""
        return bool(self.references) or self.record_type


@dataclass(frozen=True)
class FileColumns:
    """The columns of a mart of files: path below data/files, SHA-256 in hex, size in bytes."""

    path: str
    sha256: str
    size: str


@dataclass(frozen=True)
class Contract:
    """One mart and the Salesforce object that it fills."""

    mart: str
    object: str
    mode: str
    key: str | None
    natural_key: str | None
    partition_by: str | None
    requires: tuple[str, ...]
    relation: str
    fields: tuple[Field, ...]
    fallback: str | None = None  # mart to look at when the org lacks what this one requires
    instead_of: str | None = None  # loaded only when that mart is left out
    file: FileColumns | None = None
    # one mart for many objects: the column that names the object of a row, and this contract's own object is one of them
    object_column: str | None = None
    json_columns: tuple[str, ...] = ()  # where the customer's own fields travel: values, and lookups if apart
    label: str = ""
    plural_label: str = ""
    name_label: str = ""
    first_pass: str | None = None  # set in a second pass: the mart whose records it completes
    left_to_second: tuple[Field, ...] = ()  # set in a first pass: the lookups that the second one fills
    frozen: frozenset[str] = frozenset()  # fields that the org at hand lets nobody update
    never_updated: bool = False  # the org at hand takes no update of such records at all

    @property
    def name(self) -> str:
        """The mart as people call it on the command line."""
        return mart_of(self.mart)

    @property
    def natural_keys(self) -> tuple[tuple[str, ...], ...]:
        """The natural keys, each a tuple of fields; `A, B | A, C` are two, of which a record has one."""
        keys = (self.natural_key or "").split("|")
        named = (tuple(name.strip() for name in key.split(",") if name.strip()) for key in keys)
        return tuple(key for key in named if key)

    @property
    def key_fields(self) -> tuple[str, ...]:
        """All fields of the natural keys."""
        return tuple(dict.fromkeys(name for key in self.natural_keys for name in key))

    @property
    def updated_fields(self) -> tuple[Field, ...]:
        """The fields that an update sends."""
        return tuple(
            field
            for field in self.fields
            if not (field.audit or field.insert_only or field.name in self.frozen)
        )

    @property
    def later_fields(self) -> tuple[Field, ...]:
        """The lookups that a second pass fills: those marked so, and those to the mart itself."""
        return tuple(field for field in self.fields if field.second_pass or self.mart in field.references)

    def source(self, database: str) -> str:
        """The rows of this contract as a from item."""
        table = f"{_quoted(database)}.{self.relation}"
        if not self.object_column:
            return table
        return f"(select * from {table} where {_quoted(self.object_column)} = {_literal(self.object)})"

    @property
    def parents(self) -> tuple[str, ...]:
        """Marts that this one refers to, itself included, without duplicates, in column order."""
        return tuple(dict.fromkeys(mart for field in self.fields for mart in field.references))

    @property
    def has_custom_fields(self) -> bool:
        """Whether some field travels in the JSON column."""
        return any(field.column is None for field in self.fields)

    def field(self, name: str) -> Field:
        """The field with this API name; KeyError when the mart does not fill it."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)


def mart_of(contract: str) -> str:
    """The mart behind a contract: `custom_records` for `custom_records.Course__c`, `contacts` for `contacts.links`."""
    return contract.partition(".")[0]


def mart_name(model: str) -> str:
    """The short name of a mart: `accounts` for `sf_accounts`."""
    return model.removeprefix("sf_")


def load_order(contracts: Mapping[str, Contract]) -> list[str]:
    """Mart names, parents first; marts without relation to each other stay in manifest order.

    Lookups of a second pass do not count. Raises ConfigurationError naming the marts of a cycle.
    """
    graph = {mart: _loaded_before(contract, contracts) for mart, contract in contracts.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        names = " -> ".join(f"sf_{mart}" for mart in error.args[1])
        raise ConfigurationError(
            f"The marts refer to each other in a circle: {names}.",
            "set `second_pass: true` on one of these lookups in the mart's .yml",
        ) from error


def _loaded_before(contract: Contract, contracts: Mapping[str, Contract]) -> list[str]:
    """The marts whose Ids a contract needs."""
    parents = [
        parent
        for field in contract.fields
        if contract.first_pass or not field.second_pass
        for parent in field.references
        if parent != contract.mart
    ]
    return [mart for mart in dict.fromkeys((*parents, contract.first_pass or "")) if mart in contracts]


def _quoted(name: str) -> str:
    """The SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    """The SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
