"""The fields that this project adds to an org, as the rehearsal org sees them: the contracts and the
confirmed map lines.

The manifest is read again when it or a map changes, so a rebuilt project needs no restart. A manifest
that is missing or unreadable declares nothing; the loader's own preflight is the place that complains
about it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loaders.errors import MigrationError
from loaders.rehearsal.org.catalogue import AUDIT_FIELDS, Catalogue, FieldInfo

TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Html": "textarea",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Checkbox": "boolean",
    "Date": "date",
    "DateTime": "datetime",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "AutoNumber": "string",
}
LENGTHS = {
    "Text": 255,
    "TextArea": 255,
    "LongTextArea": 32768,
    "Html": 32768,
    "Email": 80,
    "Phone": 40,
    "Url": 255,
    "Picklist": 255,
    "MultiselectPicklist": 4099,
    "Lookup": 18,
}

# Objects whose CreatedDate and the like may be set on insert once the org allows it (Salesforce help,
# "Set Audit Fields").
AUDITABLE = frozenset(
    [
        "Account",
        "Attachment",
        "CampaignMember",
        "Case",
        "CaseComment",
        "Contact",
        "ContentNote",
        "ContentVersion",
        "EmailMessage",
        "Event",
        "Lead",
        "Opportunity",
        "Task",
    ]
)


class Declaration:
    """The declared fields of one project; `changed` says when to read them again."""

    def __init__(self, manifest: Path | None, field_maps: Sequence[Path]) -> None:
        self.manifest = manifest
        self.field_maps = tuple(field_maps)
        # seeds/maps lies beside seeds/salesforce; without a map, target/manifest.json lies beside seeds
        seeds = (
            self.field_maps[0].parents[1] if self.field_maps else (manifest or Path()).parent.parent / "seeds"
        )
        self.picklists = seeds / "salesforce" / "picklists.csv"
        self.custom_objects = self.picklists.with_name("custom_objects.csv")
        self._seen: tuple[int, ...] | None = None

    def changed(self) -> bool:
        """True once after every change of a file, and the first time."""
        seeds = (*self.field_maps, self.picklists, self.custom_objects)
        paths = [path for path in (self.manifest, *seeds) if path]
        stamps = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
        if stamps == self._seen:
            return False
        self._seen = stamps
        return True

    def fields(self) -> dict[str, list[FieldInfo]]:
        """The declared fields by object."""
        found: dict[str, list[FieldInfo]] = {}
        for item, owner, marts in self._contract_fields():
            found.setdefault(owner, []).append(_from_contract(item, marts, self.picklists))
        known = {(owner, item.name) for owner, items in found.items() for item in items}
        for path in self.field_maps:
            for row in _rows(path):
                place = (row.get("sf_object") or "", row.get("sf_field") or "")
                if row.get("status") == "confirmed" and all(place) and place not in known:
                    found.setdefault(row["sf_object"], []).append(_from_map(row))
        return found

    def _contract_fields(self) -> list[tuple[Any, str, Mapping[str, str]]]:
        if self.manifest is None or not self.manifest.exists():
            return []
        from loaders.salesforce.manifest import read_contracts

        try:
            contracts = read_contracts(self.manifest, self.field_maps, self.custom_objects)
        except (MigrationError, ValueError, KeyError, OSError):
            return []
        marts = {mart: contract.object for mart, contract in contracts.items()}
        return [
            (item, contract.object, marts)
            for contract in contracts.values()
            for item in contract.fields
            if item.name.endswith("__c")
        ]


def with_audit_fields(catalogue: Catalogue) -> Catalogue:
    """The catalogue of an org with "Set Audit Fields upon Record Creation": describe calls them
    createable."""
    changed = []
    for info in catalogue.objects.values():
        if info.name in AUDITABLE or info.custom:
            fields = {
                key: replace(field, createable=True) if field.name in AUDIT_FIELDS else field
                for key, field in info.fields.items()
            }
            changed.append(replace(info, fields=fields))
    return catalogue.with_objects(changed)


def declared_field(
    name: str,
    kind: str,
    *,
    label: str = "",
    length: int | None = None,
    precision: int | None = None,
    scale: int | None = None,
    required: bool = False,
    unique: bool = False,
    external_id: bool = False,
    picklist: tuple[tuple[str, str, bool, bool], ...] = (),
    restricted: bool = False,
    references: tuple[str, ...] = (),
    help_text: str | None = None,
) -> FieldInfo:
    """A custom field from its Metadata API type (`Text`, `Number`, …); a unique text compares
    case-sensitively."""
    describe = TYPES.get(kind, "string")
    return FieldInfo(
        name=name,
        label=label or name.removesuffix("__c").replace("_", " "),
        type=describe,
        length=length or LENGTHS.get(kind, 0),
        precision=(precision or 18) if describe in ("double", "currency", "percent") else 0,
        scale=scale or 0,
        nillable=describe != "boolean" and not required,
        defaulted_on_create=describe == "boolean",
        default_value="false" if describe == "boolean" else None,
        unique=unique,
        external_id=external_id,
        case_sensitive=unique and describe == "string",
        id_lookup=external_id,
        restricted_picklist=restricted,
        picklist_values=picklist,
        reference_to=references,
        relationship_name=name.removesuffix("__c") + "__r" if references else None,
        custom=True,
        help_text=help_text,
    )


def _from_contract(item: Any, marts: Mapping[str, str], seeds: Path) -> FieldInfo:
    parents = tuple(
        dict.fromkeys(marts[m.removeprefix("sf_")] for m in item.references if m.removeprefix("sf_") in marts)
    )
    return declared_field(
        item.name,
        item.type,
        label=item.label,
        length=item.length,
        precision=item.precision,
        scale=item.scale,
        unique=item.unique,
        external_id=item.external_id,
        restricted=bool(item.restricted),
        references=parents,
        picklist=_seed_values(item.picklist, seeds) if item.restricted else (),
        help_text=item.help or None,
    )


def _seed_values(seed: str | None, path: Path) -> tuple[tuple[str, str, bool, bool], ...]:
    """The values of the picklist seed `Object.Field`; none without such a seed: then the picklist takes any
    until a deployment brings its values."""
    owner, _, name = (seed or "").partition(".")
    return tuple(
        (row["sf_value"], row["sf_value"], True, (row.get("is_default") or "").lower() == "true")
        for row in (_rows(path) if name else [])
        if (row.get("sf_object"), row.get("sf_field")) == (owner, name) and row.get("sf_value")
    )


def _from_map(row: Mapping[str, str]) -> FieldInfo:
    def number(key: str) -> int | None:
        return int(row[key]) if (row.get(key) or "").isdigit() else None

    return declared_field(
        row["sf_field"],
        row.get("sf_type") or "Text",
        label=row.get("label") or "",
        length=number("length"),
        precision=number("precision"),
        scale=number("scale"),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
