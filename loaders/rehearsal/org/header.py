"""What the columns of a request mean: a field, or a parent named by one of its external ids.

`Name`, `Account.Source_System_ID__c` and `Contact:Who.Source_System_ID__c` are the three forms that
Bulk API accepts (Bulk API 2.0 guide, "Relationship fields in a header row"). Nothing here reads
records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loaders.rehearsal.org.catalogue import Catalogue, FieldInfo, ObjectInfo
from loaders.rehearsal.org.failures import HeaderError


@dataclass(frozen=True)
class Column:
    """One column of the input: cell `c<index>` goes into `field`; `parent` and `parent_field` if it
    names a parent."""

    index: int
    name: str
    field: FieldInfo
    parent: ObjectInfo | None = None
    parent_field: FieldInfo | None = None


def resolve(catalogue: Catalogue, info: ObjectInfo, names: Sequence[str]) -> list[Column]:
    """The meaning of every column, in order. Raises HeaderError for the first unknown or repeated one."""
    columns: list[Column] = []
    seen: set[str] = set()
    for index, name in enumerate(names):
        key = name.strip().lower()
        if not key or key in seen:
            raise HeaderError(f"Duplicate field name: {name}" if key else "Field name not found : ")
        seen.add(key)
        columns.append(_column(catalogue, info, index, name.strip()))
    return columns


def _column(catalogue: Catalogue, info: ObjectInfo, index: int, name: str) -> Column:
    if "." not in name:
        if not info.has(name) or info.field(name).storage_type is None:
            raise HeaderError(f"Field name not found : {name}")
        return Column(index, name, info.field(name))
    path, _, key = name.rpartition(".")
    target, _, relationship = path.rpartition(":")
    field = info.relationship(relationship)
    if field is None or "." in path:
        raise HeaderError(f"Field name not found : {name}")
    parents = [target] if target else list(field.reference_to)
    for parent_name in parents:
        if not catalogue.has(parent_name) or parent_name.lower() not in map(str.lower, field.reference_to):
            continue
        parent = catalogue.object(parent_name)
        if parent.has(key):
            parent_field = parent.field(key)
            if parent_field.external_id or parent_field.id_lookup or parent_field.unique:
                return Column(index, name, field, parent, parent_field)
    raise HeaderError(f"Field name not found : {name}")
