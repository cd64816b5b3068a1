"""What a mart promises to Salesforce, read from dbt's manifest. Pure: files in, values out.

The YAML beside a mart is the only home of an API name, a type, a length or a lookup; this module turns it
into values for the load, the schema package, the rehearsal org and the audit. What to do with them is
decided elsewhere.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError, RefusedError

MODES = ("upsert", "insert_if_absent", "update", "match", "file")
TEXT_TYPES = ("Text", "TextArea", "LongTextArea", "Email", "Phone", "Url", "Picklist", "MultiselectPicklist")
NUMBER_TYPES = ("Number", "Currency", "Percent")
TYPES = frozenset((*TEXT_TYPES, *NUMBER_TYPES, "Checkbox", "Date", "DateTime", "Lookup"))
CUSTOM_FIELDS = "custom_fields"
RECORD_KEY = "record_key"


@dataclass(frozen=True)
class Field:
    """One Salesforce field that a mart fills."""

    name: str
    column: str | None  # None: a customer's own field, it travels in the JSON column custom_fields
    type: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    references: tuple[str, ...] = ()
    required: bool = False
    external_id: bool = False
    unique: bool = False
    audit: bool = False
    picklist: str | None = None
    restricted: bool = False
    label: str = ""
    help: str = ""


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

    @property
    def parents(self) -> tuple[str, ...]:
        """Marts that this one refers to, itself included, without duplicates, in column order."""
        return tuple(dict.fromkeys(mart for field in self.fields for mart in field.references))

    @property
    def self_references(self) -> tuple[Field, ...]:
        """Lookups to the mart's own object; they need a second pass once all its rows have an Id."""
        return tuple(field for field in self.fields if self.mart in field.references)

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


@dataclass(frozen=True)
class MapLine:
    """One line of a `*_fields.csv` seed, with its place for messages."""

    file: str
    line: int
    source_entity: str
    source_field: str
    sf_object: str
    sf_field: str
    status: str
    values: Mapping[str, str]

    @property
    def place(self) -> str:
        """`file line n (entity.field)`, as messages name it."""
        return f"{self.file} line {self.line} ({self.source_entity}.{self.source_field})"


def mart_name(model: str) -> str:
    """The short name of a mart: `accounts` for `sf_accounts`."""
    return model.removeprefix("sf_")


def read_contracts(manifest: Path, field_maps: Sequence[Path] = ()) -> dict[str, Contract]:
    """Contracts by mart name, in manifest order, with the confirmed custom fields of `field_maps` added.

    Raises ConfigurationError when the manifest is missing or a contract contradicts itself.
    """
    nodes = _read_manifest(manifest)
    lines = [line for path in field_maps for line in read_field_map(path)]
    contracts = {}
    for node in nodes:
        contract = _contract(node)
        if CUSTOM_FIELDS in node["columns"]:
            contract = _with_custom_fields(contract, lines)
        contracts[contract.mart] = contract
    for contract in contracts.values():
        _check(contract, contracts)
    return contracts


def load_order(contracts: Mapping[str, Contract]) -> list[str]:
    """Mart names, parents first; marts without relation to each other stay in manifest order.

    Raises ConfigurationError naming the marts of a cycle. A mart that refers to itself is no cycle: see
    `Contract.self_references`.
    """
    graph = {
        mart: [parent for parent in contract.parents if parent != mart and parent in contracts]
        for mart, contract in contracts.items()
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        names = " -> ".join(f"sf_{mart}" for mart in error.args[1])
        raise ConfigurationError(
            f"The marts refer to each other in a circle: {names}.",
            "take one `references` out of the contract and fill that lookup in a later mart",
        ) from error


def read_field_map(path: Path) -> list[MapLine]:
    """The lines of one `*_fields.csv`; line numbers count the header as 1."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        MapLine(
            file=f"seeds/maps/{path.name}",
            line=number,
            source_entity=_cell(row, "source_entity"),
            source_field=_cell(row, "source_field"),
            sf_object=_cell(row, "sf_object"),
            sf_field=_cell(row, "sf_field"),
            status=_cell(row, "status"),
            values={key: _cell(row, key) for key in row if key},
        )
        for number, row in enumerate(rows, start=2)
    ]


def refuse_proposed(field_maps: Sequence[Path], contracts: Iterable[Contract]) -> None:
    """Nothing when every map line that these objects need is decided.

    Raises RefusedError naming the lines that are still `proposed` (COM-04: no record moves before the map is
    confirmed). A proposed line without a target object could concern any, so it closes the gate for all.
    """
    objects = {contract.object for contract in contracts}
    open_lines = [
        line
        for path in field_maps
        for line in read_field_map(path)
        if line.status == "proposed" and line.sf_object in objects | {""}
    ]
    if open_lines:
        shown = "\n".join(f"  {line.place} -> {line.sf_object}.{line.sf_field}" for line in open_lines[:10])
        more = f"\n  and {len(open_lines) - 10} more" if len(open_lines) > 10 else ""
        raise RefusedError(
            f"{len(open_lines)} map line(s) are still `proposed`; nothing was sent:\n{shown}{more}",
            "set each to `confirmed` or `ignored` (with a note), run `dbt build`, then this command again",
        )


def _read_manifest(manifest: Path) -> list[dict[str, Any]]:
    """Nodes of the models that have `meta.salesforce`."""
    try:
        document = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"{manifest} is not there.", "run `dbt build` first") from error
    except ValueError as error:
        raise ConfigurationError(f"{manifest} is no JSON: {error}", "run `dbt parse` again") from error
    return [
        node
        for node in document["nodes"].values()
        if node["resource_type"] == "model" and _meta(node).get("salesforce")
    ]


def _meta(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Meta of a node or column: dbt 1.10 and later keep it in `config`, earlier ones beside it."""
    return {**(thing.get("meta") or {}), **((thing.get("config") or {}).get("meta") or {})}


def _contract(node: Mapping[str, Any]) -> Contract:
    """The contract of one manifest node."""
    meta = _meta(node)["salesforce"]
    model = node["name"]
    if "object" not in meta:
        raise ConfigurationError(f"{model}: meta.salesforce has no `object`.", f"add it in {_place(node)}")
    not_null = {
        column
        for constraint in node.get("constraints") or []
        if constraint.get("type") == "not_null"
        for column in constraint.get("columns") or []
    }
    return Contract(
        mart=mart_name(model),
        object=meta["object"],
        mode=meta.get("mode", "upsert"),
        key=meta.get("key"),
        natural_key=meta.get("natural_key"),
        partition_by=meta.get("partition_by"),
        requires=_strings(meta.get("requires")),
        relation=f"{_quoted(node['schema'])}.{_quoted(node.get('alias') or model)}",
        fields=tuple(
            _field(model, column, not_null)
            for column in node["columns"].values()
            if _meta(column).get("salesforce")
        ),
    )


def _field(model: str, column: Mapping[str, Any], not_null: set[str]) -> Field:
    """The field of one column that has `meta.salesforce`."""
    meta = _meta(column)["salesforce"]
    name = column["name"]
    for needed in ("field", "type"):
        if needed not in meta:
            raise ConfigurationError(
                f"{model}.{name}: meta.salesforce has no `{needed}`.", "complete it in the mart's .yml"
            )
    constraints = {constraint.get("type") for constraint in column.get("constraints") or []}
    return Field(
        name=meta["field"],
        column=name,
        type=meta["type"],
        length=_number(meta.get("length")),
        precision=_number(meta.get("precision")),
        scale=_number(meta.get("scale")),
        references=tuple(mart_name(mart) for mart in _strings(meta.get("references"))),
        required="not_null" in constraints or name in not_null,
        external_id=bool(meta.get("external_id")),
        unique=bool(meta.get("unique")),
        audit=bool(meta.get("audit")),
        picklist=_picklist(meta)[0],
        restricted=_picklist(meta)[1],
        label=meta.get("label") or "",
        help=meta.get("help") or "",
    )


def _picklist(meta: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Seed name and restricted flag; `picklist` is a name, or a mapping with `seed` and `restricted`."""
    picklist = meta.get("picklist")
    if isinstance(picklist, Mapping):
        return picklist.get("seed"), bool(picklist.get("restricted", meta.get("restricted")))
    return (str(picklist) if picklist else None), bool(meta.get("restricted"))


def _with_custom_fields(contract: Contract, lines: Sequence[MapLine]) -> Contract:
    """The contract plus the confirmed lines for its object; several sources may fill one field."""
    fields = {field.name: field for field in contract.fields}
    for line in lines:
        if line.status != "confirmed" or line.sf_object != contract.object:
            continue
        field = _custom_field(line)
        known = fields.get(field.name)
        if known and known.column:
            raise ConfigurationError(
                f"{line.place} maps to {contract.object}.{field.name}, which column {known.column} of "
                f"sf_{contract.mart} already fills.",
                "set the line to `ignored` with a note, or give it a field of its own",
            )
        if known and (known.type, known.length) != (field.type, field.length):
            raise ConfigurationError(
                f"{line.place}: {contract.object}.{field.name} is {field.type}({field.length}) here and "
                f"{known.type}({known.length}) on another line.",
                "give both lines the same type and length",
            )
        fields.setdefault(field.name, field)
    return replace(contract, fields=tuple(fields.values()))


def _custom_field(line: MapLine) -> Field:
    """The field that a confirmed map line stands for."""
    if not line.sf_field or line.values.get("sf_type") not in TYPES:
        raise ConfigurationError(
            f"{line.place} is confirmed but has no valid sf_field and sf_type (got "
            f"{line.sf_field!r}, {line.values.get('sf_type')!r}).",
            f"use one of: {', '.join(sorted(TYPES))}",
        )
    return Field(
        name=line.sf_field,
        column=None,
        type=line.values["sf_type"],
        length=_number(line.values.get("length")),
        precision=_number(line.values.get("precision")),
        scale=_number(line.values.get("scale")),
        label=line.values.get("label") or "",
    )


def _check(contract: Contract, contracts: Mapping[str, Contract]) -> None:
    """Refuses what no load could work with."""
    model = f"sf_{contract.mart}"
    problems = []
    if contract.mode not in MODES:
        problems.append(f"mode {contract.mode!r} is not one of {', '.join(MODES)}")
    if contract.mode == "upsert" and not contract.key:
        problems.append("mode upsert needs `key`, the external id field")
    if contract.mode in ("match", "update") and not (contract.natural_key or contract.key):
        problems.append(f"mode {contract.mode} needs `natural_key` or `key`")
    names = {field.name for field in contract.fields}
    for key in filter(None, (contract.key, *(contract.natural_key or "").split(","))):
        if key.strip() not in names:
            problems.append(f"no column carries its key field {key.strip()}")
    for field in contract.fields:
        if field.type not in TYPES:
            problems.append(f"{field.column}: type {field.type!r} is not one of {', '.join(sorted(TYPES))}")
        for parent in field.references:
            if parent not in contracts:
                problems.append(f"{field.column} references sf_{parent}, which is no mart")
    if problems:
        raise ConfigurationError(
            f"{model}: {'; '.join(problems)}.", "correct the mart's .yml, then run `dbt parse`"
        )


def _strings(value: Any) -> tuple[str, ...]:
    """A string or a list of strings as a tuple."""
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _number(value: Any) -> int | None:
    """An integer or nothing, from YAML or CSV."""
    return int(value) if value not in (None, "") else None


def _cell(row: Mapping[str | None, Any], name: str) -> str:
    """A trimmed CSV cell; short lines read as empty."""
    return str(row.get(name) or "").strip()


def _quoted(name: str) -> str:
    """The SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def _place(node: Mapping[str, Any]) -> str:
    """The YAML file of a model, for messages."""
    return str(node.get("patch_path") or node["name"]).split("://")[-1]
