"""The mapping workbook: what becomes of every object and field, by which rule, for which requirement, proved by which test.

Generated from what decides, never written by hand: contracts and descriptions from dbt's manifest, the seeds, and the
tests' own marks. A test fails when `docs/mapping.md` is not what this module makes of them (COM-09, COM-10).
"""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from loaders.errors import ConfigurationError

Row = dict[str, str]


@dataclass(frozen=True)
class Ratio:
    """How many objects of one source map one to one."""

    source_system: str
    one_to_one: int
    objects: int


@dataclass(frozen=True)
class MappedField:
    """One Salesforce field: where its value comes from and what it is."""

    sf_object: str
    sf_field: str
    sf_type: str
    filled_by: str  # mart and column, or source field of a customer's own field
    rule: str
    picklist: str = ""


@dataclass(frozen=True)
class Requirement:
    """One requirement id with the models and seeds that carry it and the tests that prove it."""

    id: str
    lives_in: list[str]
    proved_by: list[str]


@dataclass(frozen=True)
class Workbook:
    """Everything that the workbook shows, in a fixed order."""

    objects: list[Row]
    ratios: list[Ratio]
    fields: list[MappedField]
    requirements: list[Requirement]


def read_workbook(manifest: Path, seeds: Path, tests: Path) -> Workbook:
    """The workbook of a parsed project. Raises ConfigurationError when the manifest is missing."""
    if not manifest.exists():
        raise ConfigurationError(f"{manifest} is not there.", "run `dbt parse` first")
    document = json.loads(manifest.read_text(encoding="utf-8"))
    objects = _lines(seeds / "maps" / "object_map.csv")
    return Workbook(
        objects=objects,
        ratios=[
            Ratio(
                source,
                sum(row["class"] == "1:1" for row in objects if row["source_system"] == source),
                sum(row["source_system"] == source for row in objects),
            )
            for source in dict.fromkeys(row["source_system"] for row in objects)
        ],
        fields=[*_contract_fields(document), *_customer_fields(seeds)],
        requirements=_requirements(document, objects, tests),
    )


def as_markdown(workbook: Workbook) -> str:
    """The workbook as Markdown tables."""
    environment = Environment(loader=PackageLoader("loaders.reports"), trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    environment.filters["cell"] = lambda text: " ".join(str(text).split()).replace("|", "\\|")
    return environment.get_template("workbook.md.jinja").render(
        book=workbook, marts=sorted({field.sf_object for field in workbook.fields})
    )


def write_spreadsheet(workbook: Workbook, path: Path) -> None:
    """The workbook as an XLSX file, one sheet a table."""
    from openpyxl import Workbook as Spreadsheet  # late: only this needs it
    from openpyxl.styles import Font

    book = Spreadsheet()
    book.remove(book.worksheets[0])
    sheets: dict[str, list[Mapping[str, Any]]] = {
        "Objects": list(workbook.objects),
        "Fields": [vars(field) for field in workbook.fields],
        "Requirements": [
            {"id": item.id, "lives_in": ", ".join(item.lives_in), "proved_by": ", ".join(item.proved_by)}
            for item in workbook.requirements
        ],
    }
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        sheet.append(list(rows[0]) if rows else [])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in rows:
            sheet.append([str(value) for value in row.values()])
            for cell in sheet[sheet.max_row]:
                cell.data_type = "s"  # a text that starts with = is no formula
        sheet.freeze_panes = "A2"
    book.save(path)


def _lines(path: Path) -> list[Row]:
    """Lines of a seed."""
    with path.open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def _meta(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {**(thing.get("meta") or {}), **((thing.get("config") or {}).get("meta") or {})}


def _contract_fields(document: Mapping[str, Any]) -> Iterator[MappedField]:
    """The fields of all marts, by object and in column order."""
    models = [node for node in document["nodes"].values() if _meta(node).get("salesforce")]
    for node in sorted(models, key=lambda node: str(node["name"])):
        for column in node["columns"].values():
            field = _meta(column).get("salesforce")
            if not field:
                continue
            size = field.get("length") or field.get("precision")
            yield MappedField(
                sf_object=str(_meta(node)["salesforce"].get("object") or "by row"),
                sf_field=field["field"],
                sf_type=f"{field['type']}({size})" if size else str(field["type"]),
                filled_by=f"{node['name']}.{column['name']}",
                rule=column.get("description") or "",
                picklist=str(field.get("picklist") or ""),
            )


def _customer_fields(seeds: Path) -> Iterator[MappedField]:
    """The customer's own fields, line by line of the field maps; ignored ones with their reason."""
    for path in sorted((seeds / "maps").glob("*_fields.csv")):
        source = path.stem.removesuffix("_fields")
        for row in _lines(path):
            size = row["length"] or row["precision"]
            yield MappedField(
                sf_object=row["sf_object"] or "none",
                sf_field=row["sf_field"] or f"({row['status']})",
                sf_type=f"{row['sf_type']}({size})" if size else row["sf_type"],
                filled_by=f"{source} {row['source_entity']}.{row['source_field']}",
                rule=row["note"] or row["status"],
            )


def _requirements(document: Mapping[str, Any], objects: list[Row], tests: Path) -> list[Requirement]:
    """Requirement ids, with what carries them and the tests that are marked with them."""
    lives_in: dict[str, set[str]] = {}
    proved_by: dict[str, set[str]] = {}
    unit_tests: dict[str, list[str]] = {}
    for test in document.get("unit_tests", {}).values():
        unit_tests.setdefault(str(test["model"]), []).append(str(test["name"]))
    for node in document["nodes"].values():
        for requirement in _meta(node).get("requirements") or ():
            lives_in.setdefault(requirement, set()).add(str(node["name"]))
            proved_by.setdefault(requirement, set()).update(
                f"unit tests of {node['name']}" for _ in unit_tests.get(str(node["name"]), [])[:1]
            )
    for row in objects:
        for requirement in row["requirements"].split():
            lives_in.setdefault(requirement, set()).add("object_map")
    for requirement, test_name in _marked_tests(tests):
        proved_by.setdefault(requirement, set()).add(test_name)
    return [
        Requirement(name, sorted(lives_in.get(name, ())), sorted(proved_by.get(name, ())))
        for name in sorted(lives_in.keys() | proved_by.keys())
    ]


def _marked_tests(tests: Path) -> Iterator[tuple[str, str]]:
    """(requirement id, module and test) for every mark."""
    for path in sorted(tests.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                if (
                    isinstance(decorator, ast.Call)
                    and ast.unparse(decorator.func) == "pytest.mark.requirement"
                ):
                    for argument in decorator.args:
                        if isinstance(argument, ast.Constant):
                            yield str(argument.value), f"{path.stem}: {node.name}"
