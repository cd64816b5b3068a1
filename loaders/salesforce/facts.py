"""Facts about standard objects that describe does not tell, from facts.csv. Pure.

Storage in KB a record (docs: "Data and File Storage Allocations"; C11), whether a permission set can grant
rights on the object (its children take their parent's), on which object its custom fields are defined (those
of Task and Event live on Activity), which standard fields a page layout must show, whether a record that was
loaded can be changed at all (a sent EmailMessage cannot, Z15), and by which lookup alone the object can be asked.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class ObjectFacts:
    """One line of facts.csv; `storage_kb` is 0 where records are free or count as files."""

    storage_kb: int
    object_rights: bool
    custom_fields_on: str
    layout_fields: tuple[str, ...]
    updatable: bool = True
    asked_by: str = ""


def object_facts(name: str) -> ObjectFacts:
    """The facts of an object; a custom or unlisted one weighs 2 KB and has rights and fields of its own."""
    return _facts().get(name) or ObjectFacts(2, True, name, ("Name",))


@cache
def _facts() -> dict[str, ObjectFacts]:
    """facts.csv by object."""
    document = files("loaders.salesforce").joinpath("facts.csv").read_text(encoding="utf-8")
    return {
        row["sf_object"]: ObjectFacts(
            storage_kb=int(row["storage_kb"]),
            object_rights=row["object_rights"] == "true",
            custom_fields_on=row["custom_fields_on"],
            layout_fields=tuple(row["layout_fields"].split()),
            updatable=row["updatable"] == "true",
            asked_by=row["asked_by"],
        )
        for row in csv.DictReader(document.splitlines())
    }
