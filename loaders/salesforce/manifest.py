"""The contracts of the marts, read from dbt's manifest and the seeds that go with it. Files in, values out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError
from loaders.project import custom_objects_path, field_map_paths, manifest_path
from loaders.salesforce.contract import (
    CUSTOM_FIELDS,
    MODES,
    TYPES,
    Contract,
    Field,
    FileColumns,
    mart_name,
)
from loaders.salesforce.field_map import (
    CustomObject,
    MapLine,
    custom_field,
    read_custom_objects,
    read_field_map,
    whole_number,
)


def project_contracts() -> dict[str, Contract]:
    """The contracts of this project by mart name. Raises ConfigurationError as `read_contracts` does."""
    return read_contracts(manifest_path(), field_map_paths(), custom_objects_path())


def object_marts(manifest: Path | None = None) -> list[Contract]:
    """The marts of many objects, as they are declared: without an object, and without the customer's own fields."""
    contracts = (_contract(node) for node in _read_manifest(manifest or manifest_path()))
    return [contract for contract in contracts if contract.object_column]


def read_contracts(
    manifest: Path, field_maps: Sequence[Path] = (), custom_objects: Path | None = None
) -> dict[str, Contract]:
    """Contracts by mart name, in manifest order, with the confirmed custom fields of `field_maps` added.

    A mart of many objects gives one contract an object that `custom_objects` confirms, named
    `<mart>.<object>`. Raises ConfigurationError when the manifest is missing or a contract contradicts itself.
    """
    nodes = _read_manifest(manifest)
    lines = [line for path in field_maps for line in read_field_map(path)]
    objects = read_custom_objects(custom_objects)
    contracts: dict[str, Contract] = {}
    for node in nodes:
        contract = _contract(node)
        for one in _per_object(contract, objects) if contract.object_column else (contract,):
            contracts[one.mart] = one
    by_object: dict[str, list[str]] = {}
    for contract in contracts.values():
        by_object.setdefault(contract.object, []).append(contract.mart)
    for mart, contract in contracts.items():
        if contract.json_columns:
            contracts[mart] = _with_custom_fields(contract, lines, by_object)
    contracts = _with_circles_broken(contracts)
    for contract in contracts.values():
        _check(contract, contracts)
    return contracts


def _per_object(contract: Contract, objects: Sequence[CustomObject]) -> Iterator[Contract]:
    """One contract for each custom object of a mart of many objects."""
    for one in objects:
        yield replace(
            contract,
            mart=f"{contract.mart}.{one.name}",
            object=one.name,
            label=one.label,
            plural_label=one.plural_label,
            name_label=one.name_label,
        )


def _with_circles_broken(contracts: Mapping[str, Contract]) -> dict[str, Contract]:
    """The contracts with `second_pass` set on the customer's own lookups that close a circle.

    What a customer's objects refer to is data; nobody could write `second_pass` into a mart for it.
    """
    edges = {
        mart: {parent for field in contract.fields if not field.second_pass for parent in field.references}
        for mart, contract in contracts.items()
    }

    def reaches(start: str, goal: str) -> bool:
        seen, waiting = {start}, [start]
        while waiting:
            for parent in edges.get(waiting.pop(), ()):
                if parent == goal:
                    return True
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return False

    return {
        mart: replace(
            contract,
            fields=tuple(
                replace(field, second_pass=True)
                if field.column is None and any(reaches(parent, mart) for parent in field.references)
                else field
                for field in contract.fields
            ),
        )
        for mart, contract in contracts.items()
    }


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
    object_column = meta.get("object_column")
    if "object" not in meta and not object_column:
        raise ConfigurationError(f"{model}: meta.salesforce has no `object`.", f"add it in {_place(node)}")
    not_null = {
        column
        for constraint in node.get("constraints") or []
        if constraint.get("type") == "not_null"
        for column in constraint.get("columns") or []
    }
    return Contract(
        mart=mart_name(model),
        object=meta.get("object") or "",
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
        fallback=_mart_or_none(meta.get("fallback")),
        instead_of=_mart_or_none(meta.get("instead_of")),
        file=_file_columns(model, meta),
        object_column=object_column,
        json_columns=_json_columns(node, meta),
    )


def _mart_or_none(name: Any) -> str | None:
    """A mart's short name, if one is given."""
    return mart_name(str(name)) if name else None


def _json_columns(node: Mapping[str, Any], meta: Mapping[str, Any]) -> tuple[str, ...]:
    """The JSON columns of a mart in which the customer's own fields travel: values, and lookups if apart."""
    given = tuple(str(meta[name]) for name in ("fields_column", "lookups_column") if meta.get(name))
    return given or ((CUSTOM_FIELDS,) if CUSTOM_FIELDS in node["columns"] else ())


def _file_columns(model: str, meta: Mapping[str, Any]) -> FileColumns | None:
    """Where a mart of files says what to upload."""
    given = meta.get("file")
    if not given:
        return None
    try:
        return FileColumns(str(given["path"]), str(given["sha256"]), str(given["size"]))
    except (KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{model}: meta.salesforce.file needs the columns `path`, `sha256` and `size`.",
            "complete it in the mart's .yml",
        ) from error


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
        type="Lookup" if meta.get("record_type") else meta["type"],
        length=whole_number(meta.get("length")),
        precision=whole_number(meta.get("precision")),
        scale=whole_number(meta.get("scale")),
        references=tuple(mart_name(mart) for mart in _strings(meta.get("references"))),
        required="not_null" in constraints or name in not_null,
        external_id=bool(meta.get("external_id")),
        unique=bool(meta.get("unique")),
        audit=bool(meta.get("audit")),
        picklist=_picklist(meta)[0],
        restricted=_picklist(meta)[1],
        label=meta.get("label") or "",
        help=meta.get("help") or "",
        insert_only=bool(meta.get("insert_only")),
        second_pass=bool(meta.get("second_pass")),
        record_type=bool(meta.get("record_type")),
    )


def _picklist(meta: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Seed name and restricted flag; `picklist` is a name, or a mapping with `seed` and `restricted`."""
    picklist = meta.get("picklist")
    if isinstance(picklist, Mapping):
        return picklist.get("seed"), bool(picklist.get("restricted", meta.get("restricted")))
    return (str(picklist) if picklist else None), bool(meta.get("restricted"))


def _with_custom_fields(
    contract: Contract, lines: Sequence[MapLine], by_object: Mapping[str, Sequence[str]]
) -> Contract:
    """The contract plus the confirmed lines for its object; several sources may fill one field."""
    fields = {field.name: field for field in contract.fields}
    for line in lines:
        if line.status != "confirmed" or line.sf_object != contract.object:
            continue
        field = custom_field(line, contract.json_columns, by_object)
        known = fields.get(field.name)
        if known and known.column:
            raise ConfigurationError(
                f"{line.place} maps to {contract.object}.{field.name}, which column {known.column} of "
                f"sf_{contract.mart} already fills.",
                "set the line to `ignored` with a note, or give it a field of its own",
            )
        if known and (known.type, known.length, known.references) != (
            field.type,
            field.length,
            field.references,
        ):
            raise ConfigurationError(
                f"{line.place}: {contract.object}.{field.name} is {field.type}({field.length}) here and "
                f"{known.type}({known.length}) on another line.",
                "give both lines the same type and length",
            )
        fields.setdefault(field.name, field)
    return replace(contract, fields=tuple(fields.values()))


def _check(contract: Contract, contracts: Mapping[str, Contract]) -> None:
    """Refuses what no load could work with."""
    problems = [*_mode_problems(contract)]
    for mart in filter(None, (contract.fallback, contract.instead_of)):
        if mart not in contracts:
            problems.append(f"it names sf_{mart}, which is no mart")
    for field in contract.fields:
        place = field.column or field.name
        if field.type not in TYPES:
            problems.append(f"{place}: type {field.type!r} is not one of {', '.join(sorted(TYPES))}")
        if field.second_pass and not field.references:
            problems.append(f"{place}: second_pass is for lookups, but it has no `references`")
        for parent in field.references:
            if parent not in contracts:
                problems.append(f"{place} references sf_{parent}, which is no mart")
    if problems:
        raise ConfigurationError(
            f"sf_{contract.mart}: {'; '.join(problems)}.", "correct the mart's .yml, then run `dbt parse`"
        )


def _mode_problems(contract: Contract) -> Iterator[str]:
    """What a mode needs and the contract lacks."""
    if contract.mode not in MODES:
        yield f"mode {contract.mode!r} is not one of {', '.join(MODES)}"
    if contract.mode in ("upsert", "file") and not contract.key:
        yield f"mode {contract.mode} needs `key`, the external id field"
    if contract.mode in ("match", "update", "insert_if_absent") and not (
        contract.natural_key or contract.key
    ):
        yield f"mode {contract.mode} needs `natural_key` or `key`"
    if (contract.mode == "file") != (contract.file is not None):
        yield "mode file and meta.salesforce.file {path, sha256, size} go together"
    names = {field.name for field in contract.fields}
    for key in filter(None, (contract.key, *contract.key_fields)):
        if key not in names:
            yield f"no column carries its key field {key}"


def _strings(value: Any) -> tuple[str, ...]:
    """A string or a list of strings as a tuple."""
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _quoted(name: str) -> str:
    """The SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def _place(node: Mapping[str, Any]) -> str:
    """The YAML file of a model, for messages."""
    return str(node.get("patch_path") or node["name"]).split("://")[-1]
