"""What people decided about a customer's own fields and objects, read from seeds. Pure: files in, values out.

`seeds/maps/<source>_fields.csv` says what becomes of each field, `seeds/salesforce/custom_objects.csv` of each object.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loaders.errors import ConfigurationError, RefusedError
from loaders.salesforce.contract import TYPES, Contract, Field

LOOKUP_TO = re.compile(r"Lookup\((?P<object>\w+)\)")  # how a map line writes a lookup


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
    needed_by: frozenset[str] = frozenset()  # objects that wait for the line; none means any

    def holds_back(self, objects: Collection[str]) -> bool:
        """Whether a load of these objects waits for a person to decide the line (COM-04)."""
        return self.status == "proposed" and (not self.needed_by or not self.needed_by.isdisjoint(objects))

    @property
    def target(self) -> str:
        """`Contact.Colour__c`, as far as the line names it."""
        return ".".join(filter(None, (self.sf_object, self.sf_field))) or "nothing"

    @property
    def place(self) -> str:
        """`file line n (entity.field)`, as messages name it."""
        return f"{self.file} line {self.line} ({self.source_entity}.{self.source_field})"


@dataclass(frozen=True)
class CustomObject:
    """One object of seeds/salesforce/custom_objects.csv that the mart of custom records fills."""

    name: str
    label: str
    plural_label: str
    name_label: str


def read_custom_objects(path: Path | None) -> list[CustomObject]:
    """The confirmed lines of custom_objects.csv, one an object, in their order; none without such a file.

    Raises ConfigurationError for a name that is no custom object's.
    """
    found: dict[str, CustomObject] = {}
    for number, row in enumerate(_seed_rows(path), start=2):
        name = _cell(row, "sf_object")
        if _cell(row, "status") != "confirmed":
            continue
        if not re.fullmatch(r"[A-Za-z]\w*__c", name):
            raise ConfigurationError(
                f"custom_objects.csv line {number}: {name!r} is no API name of a custom object.",
                "write it like Training_Course__c",
            )
        label = _cell(row, "label") or name.removesuffix("__c").replace("_", " ")
        line = CustomObject(
            name,
            label,
            _cell(row, "plural_label") or f"{label}s",
            _cell(row, "name_field") or f"{label} Name",
        )
        found.setdefault(name, line)
    return list(found.values())


def _seed_rows(path: Path | None) -> list[dict[str | None, Any]]:
    """Lines of a seed; none if there is no such file."""
    if path is None or not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_field_map(path: Path) -> list[MapLine]:
    """The lines of one `*_fields.csv`; line numbers count the header as 1."""
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
            needed_by=frozenset(filter(None, (_cell(row, "sf_object"),))),
        )
        for number, row in enumerate(_seed_rows(path), start=2)
    ]


def read_value_map(path: Path) -> list[MapLine]:
    """The lines of one `*_values.csv`. An empty status means confirmed.

    A line is needed by every object that a line of its field names: a stage that makes a Lead takes it from the Contacts.
    """
    rows = _seed_rows(path)
    objects: dict[str, set[str]] = {}
    for row in rows:
        objects.setdefault(_cell(row, "source_field"), set()).update(filter(None, (_cell(row, "sf_object"),)))
    return [
        MapLine(
            file=f"seeds/maps/{path.name}",
            line=number,
            source_entity=_cell(row, "source_field"),
            source_field=f'"{_cell(row, "source_value")}"',
            sf_object=_cell(row, "sf_object"),
            sf_field=_cell(row, "sf_field"),
            status=_cell(row, "status") or "confirmed",
            values={key: _cell(row, key) for key in row if key},
            needed_by=frozenset(objects[_cell(row, "source_field")]),
        )
        for number, row in enumerate(rows, start=2)
    ]


def read_map_lines(field_maps: Iterable[Path], value_maps: Iterable[Path] = ()) -> list[MapLine]:
    """The lines of all these seeds, fields first."""
    return [
        *(line for path in field_maps for line in read_field_map(path)),
        *(line for path in value_maps for line in read_value_map(path)),
    ]


def proposed_objects(custom_objects: Path | None) -> list[str]:
    """The lines of custom_objects.csv that nobody has confirmed or ignored yet, with their place."""
    return [
        f"seeds/salesforce/custom_objects.csv line {number} ({_cell(row, 'source_object')}) -> {_cell(row, 'sf_object')}"
        for number, row in enumerate(_seed_rows(custom_objects), start=2)
        if _cell(row, "status") == "proposed"
    ]


def refuse_proposed(
    field_maps: Sequence[Path],
    contracts: Iterable[Contract],
    custom_objects: Path | None = None,
    value_maps: Sequence[Path] = (),
) -> None:
    """Nothing when every map line, of a field or a value, that these objects need is decided.

    Raises RefusedError naming the lines that are still `proposed` (COM-04: no record moves before the map is
    confirmed). A proposed line without a target object could concern any, so it closes the gate for all.
    """
    contracts = list(contracts)
    objects = {contract.object for contract in contracts}
    open_lines = [
        f"{line.place} -> {line.target}"
        for line in read_map_lines(field_maps, value_maps)
        if line.holds_back(objects)
    ]
    if any(contract.object_column for contract in contracts):
        open_lines += proposed_objects(custom_objects)
    if open_lines:
        shown = "\n".join(f"  {line}" for line in open_lines[:10])
        more = f"\n  and {len(open_lines) - 10} more" if len(open_lines) > 10 else ""
        raise RefusedError(
            f"{len(open_lines)} map line(s) are still `proposed`; nothing was sent:\n{shown}{more}",
            "set each to `confirmed` or `ignored` (with a note), run `dbt build`, then this command again",
        )


def custom_field(line: MapLine, json_columns: Sequence[str], by_object: Mapping[str, Sequence[str]]) -> Field:
    """The field that a confirmed map line stands for; `Lookup(Contact)` refers to the marts of that object."""
    kind = line.values.get("sf_type", "")
    target = LOOKUP_TO.fullmatch(kind)
    if not line.sf_field or not (target or kind in TYPES - {"Lookup"}):
        raise ConfigurationError(
            f"{line.place} is confirmed but has no valid sf_field and sf_type (got {line.sf_field!r}, {kind!r}).",
            f"use one of: {', '.join(sorted(TYPES - {'Lookup'}))}, or Lookup(Object)",
        )
    references = tuple(by_object.get(target["object"], ())) if target else ()
    if target and not references:
        raise ConfigurationError(
            f"{line.place} refers to {target['object']}, which no mart fills.",
            "load that object too, or give the field another type",
        )
    return Field(
        name=line.sf_field,
        column=None,
        type="Lookup" if target else kind,
        length=whole_number(line.values.get("length")),
        precision=whole_number(line.values.get("precision")),
        scale=whole_number(line.values.get("scale")),
        references=references,
        label=line.values.get("label") or "",
        json=json_columns[-1 if target else 0],
    )


def _cell(row: Mapping[str | None, Any], name: str) -> str:
    """A trimmed CSV cell; short lines read as empty."""
    return str(row.get(name) or "").strip()


def whole_number(value: Any) -> int | None:
    """An integer or nothing, from YAML or CSV."""
    return int(value) if value not in (None, "") else None
