"""Contract against describe: does the org have what the marts fill, and may we write it? Pure.

Nothing here looks at rows: `load-sf schema check` and `load-sf preflight` share these findings. Severities: a
blocker makes rows or whole jobs fail, a warning means that the org differs from what was agreed although rows
may still fit, a note is for people to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loaders.salesforce.contract import NUMBER_TYPES, TEXT_TYPES, Contract, Field
from loaders.salesforce.describe import AUDIT_FIELDS, DescribedField, DescribedObject, OrgState
from loaders.salesforce.findings import BLOCKER, INFO, WARNING, Finding
from loaders.salesforce.fit import audit_note, left_out_because, missing_features, unset_audit_fields

SAME_TYPES: Mapping[str, frozenset[str]] = {
    "Text": frozenset({"string", "textarea", "combobox", "encryptedstring"}),
    "TextArea": frozenset({"textarea", "string"}),
    "LongTextArea": frozenset({"textarea"}),
    "Html": frozenset({"textarea"}),
    "Email": frozenset({"email"}),
    "Phone": frozenset({"phone"}),
    "Url": frozenset({"url"}),
    "Number": frozenset({"double", "int"}),
    "Currency": frozenset({"currency"}),
    "Percent": frozenset({"percent"}),
    "Checkbox": frozenset({"boolean"}),
    "Date": frozenset({"date"}),
    "DateTime": frozenset({"datetime"}),
    "Picklist": frozenset({"picklist", "combobox"}),
    "MultiselectPicklist": frozenset({"multipicklist"}),
    "Lookup": frozenset({"reference", "id"}),
}
TEXT = frozenset(
    {
        "string",
        "textarea",
        "email",
        "phone",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
    }
)
NUMBERS = frozenset({"int", "double", "currency", "percent"})
DEPLOY = "run `load-sf schema deploy`"


def structure_findings(contracts: Mapping[str, Contract], org: OrgState) -> list[Finding]:
    """What is missing or different, for all contracts that write to the org."""
    return [
        finding
        for contract in contracts.values()
        for finding in (
            _matched(contract, org) if contract.mode == "match" else _written(contract, contracts, org)
        )
    ]


def writable_contracts(contracts: Mapping[str, Contract], org: OrgState) -> dict[str, Contract]:
    """The contracts whose rows can be checked: their object is there, and they are not left out."""
    return {
        mart: contract
        for mart, contract in contracts.items()
        if contract.mode != "match"
        and org.object(contract.object)
        and not left_out_because(contract, contracts, org)
    }


def _matched(contract: Contract, org: OrgState) -> Iterator[Finding]:
    """A mart that is only looked up needs its object and its key."""
    described = org.object(contract.object)
    if described is None:
        yield _object_missing(contract)
        return
    for name in contract.key_fields or (str(contract.key),):
        if described.field(name) is None:
            yield Finding(
                BLOCKER,
                "FIELD_MISSING",
                f"{contract.object} has no field {name}, by which it is looked up.",
                "correct natural_key in the mart's .yml",
                contract.mart,
                name,
            )


def _written(contract: Contract, contracts: Mapping[str, Contract], org: OrgState) -> Iterator[Finding]:
    """A mart that is written: object, key, every field, and what the object asks for beyond them."""
    left_out = left_out_because(contract, contracts, org)
    if left_out:
        yield _left_out(contract, left_out, bool(missing_features(contract, org)))
        return
    described = org.object(contract.object)
    if described is None:
        yield _object_missing(contract)
        return
    yield from _object_rights(contract, described)
    for field in contract.fields:
        yield from _field_findings(contract, contracts, field, described, org)
    unset = unset_audit_fields(contract, described)
    if unset:
        yield Finding(
            WARNING,
            "AUDIT_FIELDS_OFF",
            audit_note(contract, unset),
            "switch it on in Setup > User Interface and assign the permission set SF_Migration_Load, or accept it",
            contract.mart,
            unset[0],
        )
    yield from _key(contract, described)
    if contract.mode != "update":
        yield from _unfilled(contract, described)


def _left_out(contract: Contract, reason: str, lacking: bool) -> Finding:
    """A mart that the load leaves out. The rows are counted by preflight."""
    return Finding(
        WARNING if lacking else INFO,
        "FEATURE_MISSING" if lacking else "STAND_IN_NOT_NEEDED",
        f"sf_{contract.mart} is left out: {reason}.",
        "enable it in the org, or accept that these rows stay behind" if lacking else "nothing",
        contract.mart,
    )


def _object_missing(contract: Contract) -> Finding:
    custom = contract.object.endswith("__c")
    return Finding(
        BLOCKER,
        "OBJECT_MISSING",
        f"The org has no object {contract.object}, or the user may not see it.",
        f"{DEPLOY} and assign its permission set"
        if custom
        else "enable the object, or give the user access to it",
        contract.mart,
    )


def _object_rights(contract: Contract, described: DescribedObject) -> Iterator[Finding]:
    """Whether the user may create and edit records of the object at all."""
    wanted = {"create": described.createable, "edit": described.updateable}
    if contract.mode == "update":
        wanted.pop("create")
    if contract.mode in ("insert_if_absent", "file"):
        wanted.pop("edit")
    for verb, allowed in wanted.items():
        if not allowed:
            yield Finding(
                BLOCKER,
                "OBJECT_READ_ONLY",
                f"The user may not {verb} {contract.object} records.",
                "assign the permission set SF_Migration_Load (Campaign also needs Marketing User)",
                contract.mart,
            )


def _field_findings(
    contract: Contract,
    contracts: Mapping[str, Contract],
    field: Field,
    described: DescribedObject,
    org: OrgState,
) -> Iterator[Finding]:
    """One field of the contract against its describe."""
    found = described.field(field.name)
    if found is None:
        yield _field_missing(contract, field, org)
        return
    yield from _access(contract, field, found)
    yield from _type(contract, field, found)
    if field.references:
        yield from _reference(contract, contracts, field, found)
    if field.external_id and not (found.external_id or found.id_lookup):
        yield _differs(contract, field, "NOT_EXTERNAL_ID", "is no external id in the org")
    if field.unique and not found.unique:
        yield _differs(contract, field, "NOT_UNIQUE", "is not unique in the org")


def _field_missing(contract: Contract, field: Field, org: OrgState) -> Finding:
    """A field that describe does not show; Salesforce fails the whole job for one unknown header."""
    name = f"{contract.object}.{field.name}"
    if (contract.object.lower(), field.name.lower()) in org.hidden_fields:
        return Finding(
            BLOCKER,
            "FIELD_HIDDEN",
            f"{name} exists, but the user has no field-level security for it.",
            "assign the permission set SF_Migration_Fields to the user of the load",
            contract.mart,
            field.name,
        )
    step = (
        f"{DEPLOY}, and assign its permission set"
        if field.name.endswith("__c")
        else ("give the user field-level security, or take the column out of the contract")
    )
    return Finding(
        BLOCKER,
        "FIELD_MISSING",
        f"{name} is not in the org, or not visible.",
        step,
        contract.mart,
        field.name,
    )


def _access(contract: Contract, field: Field, found: DescribedField) -> Iterator[Finding]:
    """Whether the field may be written in the way that the mode writes it."""
    code, name = "INVALID_FIELD_FOR_INSERT_UPDATE", f"{contract.object}.{field.name}"
    audit = field.audit or field.name in AUDIT_FIELDS
    if audit and contract.mode == "upsert":
        yield Finding(
            BLOCKER,
            code,
            f"{name} is settable on insert only, but sf_{contract.mart} upserts.",
            "set mode: insert_if_absent in the mart's .yml, or keep the date in Source_Created_At__c",
            contract.mart,
            field.name,
        )
    elif field.audit and not found.createable:
        return  # left out, and told once for the mart
    elif not found.createable and contract.mode != "update":
        yield Finding(
            BLOCKER,
            code,
            f"{name} is read-only for the user.",
            "assign the permission set SF_Migration_Fields, or take the column out of the contract",
            contract.mart,
            field.name,
        )
    elif _is_frozen(contract, field, found):
        needed = contract.mode == "update" or field in contract.later_fields
        yield Finding(
            BLOCKER if needed else INFO,
            code,
            f"{name} can be set on insert only; a later change of it is not sent.",
            "take it out of the contract" if needed else "nothing for a first load",
            contract.mart,
            field.name,
        )


def _is_frozen(contract: Contract, field: Field, found: DescribedField) -> bool:
    """Whether nobody may update a field that the contract would update; key fields never change."""
    if found.updateable or field.audit or field.insert_only or field.name in contract.key_fields:
        return False
    return contract.mode == "update" or found.createable


def kind_of_contract(field: Field) -> str:
    """What sort of value a contract's field is: text, number, or its own type in lower case."""
    if field.type in TEXT_TYPES:
        return "text"
    if field.type in NUMBER_TYPES:
        return "number"
    return {"Checkbox": "boolean", "Lookup": "reference"}.get(field.type, field.type.lower())


def kind_of_describe(found: DescribedField) -> str:
    """What sort of value a described field is, in the same words."""
    if found.type in TEXT:
        return "text"
    if found.type in NUMBERS:
        return "number"
    return "reference" if found.type == "id" else found.type


def _type(contract: Contract, field: Field, found: DescribedField) -> Iterator[Finding]:
    """Type, length and digits."""
    name = f"{contract.object}.{field.name}"
    if kind_of_contract(field) != kind_of_describe(found):
        yield Finding(
            BLOCKER,
            "TYPE_DIFFERS",
            f"{name} is {found.type} in the org and {field.type} in the contract.",
            "correct the contract or map line, or rename the field that the org had before",
            contract.mart,
            field.name,
        )
        return
    if found.type not in SAME_TYPES[field.type]:
        yield Finding(
            WARNING,
            "TYPE_DIFFERS",
            f"{name} is {found.type} in the org and {field.type} in the contract.",
            "values are checked against the org's type; correct the contract if that is what you want",
            contract.mart,
            field.name,
        )
    custom = found.name.endswith("__c")
    step = DEPLOY if custom else "nothing: every row is checked against the org's length"
    severity = WARNING if custom else INFO
    is_text = kind_of_describe(found) == "text" and found.type not in ("picklist", "multipicklist")
    if is_text and field.length and found.length and found.length < field.length:
        yield Finding(
            severity,
            "FIELD_TOO_SHORT",
            f"{name} holds {found.length} characters in the org, {field.length} agreed.",
            step,
            contract.mart,
            field.name,
        )
    if found.type in NUMBERS - {"int"} and field.precision and found.precision and _narrower(field, found):
        yield Finding(
            severity,
            "NUMBER_TOO_NARROW",
            f"{name} is ({found.precision}, {found.scale}) in the org, "
            f"({field.precision}, {field.scale or 0}) agreed.",
            step,
            contract.mart,
            field.name,
        )


def _narrower(field: Field, found: DescribedField) -> bool:
    """Whether the org's field has fewer digits before or after the point than agreed."""
    wanted_scale = field.scale or 0
    return found.precision - found.scale < (field.precision or 0) - wanted_scale or found.scale < wanted_scale


def _reference(
    contract: Contract, contracts: Mapping[str, Contract], field: Field, found: DescribedField
) -> Iterator[Finding]:
    """Whether the lookup may point where the contract points it."""
    allowed = {name.lower() for name in found.reference_to}
    for parent in field.references:
        target = "ContentDocument" if contracts[parent].mode == "file" else contracts[parent].object
        if target.lower() not in allowed:
            yield Finding(
                BLOCKER,
                "REFERENCE_DIFFERS",
                f"{contract.object}.{field.name} refers to {', '.join(found.reference_to)}, not to {target}.",
                "correct `references` in the mart's .yml",
                contract.mart,
                field.name,
            )


def _differs(contract: Contract, field: Field, code: str, text: str) -> Finding:
    """An attribute of a field that a deployment sets; without an external id flag an upsert is impossible."""
    is_key = field.name == contract.key
    severity = BLOCKER if is_key and code == "NOT_EXTERNAL_ID" else WARNING
    return Finding(
        severity, code, f"{contract.object}.{field.name} {text}.", DEPLOY, contract.mart, field.name
    )


def _key(contract: Contract, described: DescribedObject) -> Iterator[Finding]:
    """An upsert needs a key field that Salesforce accepts as one, whatever the contract's own flags say."""
    found = described.field(contract.key) if contract.key and contract.mode == "upsert" else None
    declared = any(field.name == contract.key and field.external_id for field in contract.fields)
    if found and not declared and not (found.external_id or found.id_lookup):
        yield Finding(
            BLOCKER,
            "NOT_EXTERNAL_ID",
            f"{contract.object}.{found.name} is no external id, so nothing can upsert on it.",
            "set external_id: true in the mart's .yml, then " + DEPLOY,
            contract.mart,
            found.name,
        )


def _unfilled(contract: Contract, described: DescribedObject) -> Iterator[Finding]:
    """Fields that every insert needs and that no column fills."""
    filled = {field.name.lower() for field in contract.fields}
    for name, found in described.fields.items():
        if found.required_on_create and name not in filled and found.name != "Id":
            yield Finding(
                BLOCKER,
                "REQUIRED_FIELD_MISSING",
                f"{contract.object}.{found.name} is required, but no column fills it.",
                "add the column to the mart, or make the field optional in the org",
                contract.mart,
                found.name,
            )
