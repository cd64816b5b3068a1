"""Contracts as the org at hand can take them. Pure: contract and describe in, contract and notes out.

What an org cannot take is never left out silently: every note is told in the run's output, and preflight has a
finding for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import AUDIT_FIELDS, DescribedObject, OrgState, required_objects
from loaders.salesforce.facts import object_facts


@dataclass(frozen=True)
class Fit:
    """A contract fitted to an org; `left_out` says why the mart is not loaded at all, and is empty if it is."""

    contract: Contract
    notes: tuple[str, ...] = ()
    left_out: str = ""


def fitted(contract: Contract, contracts: Mapping[str, Contract], org: OrgState) -> Fit:
    """The contract without the audit fields that the user may not set, and with what nobody may update marked so."""
    left_out = left_out_because(contract, contracts, org)
    described = org.object(contract.object)
    if left_out or described is None or contract.mode == "match":
        return Fit(contract, (), left_out)
    missing = unset_audit_fields(contract, described)
    fields = tuple(field for field in contract.fields if field.name not in missing)
    frozen = frozenset(
        field.name
        for field in fields
        if (found := described.field(field.name)) and not found.updateable and not field.audit
    )
    fit = replace(contract, fields=fields, frozen=frozen)
    fit = replace(fit, never_updated=never_updated(fit, described))
    notes = [audit_note(contract, missing)] if missing else []
    return Fit(fit, tuple(notes))


def unset_audit_fields(contract: Contract, described: DescribedObject) -> list[str]:
    """The audit fields that the org lets this user not set."""
    return [
        field.name
        for field in contract.fields
        if field.audit
        and contract.mode != "upsert"
        and not ((found := described.field(field.name)) and found.createable)
    ]


def audit_note(contract: Contract, missing: list[str]) -> str:
    """What to tell about audit fields that are left out."""
    names = ", ".join(missing)
    dates = " The org will show the time of the load." if AUDIT_FIELDS.intersection(missing) else ""
    return (
        f"sf_{contract.mart}: {contract.object}.{names} left out, because the user may not set it "
        f"(Set Audit Fields upon Record Creation).{dates}"
    )


def never_updated(contract: Contract, described: DescribedObject) -> bool:
    """Whether records that were inserted stay as they are, whatever the mart says later."""
    if contract.mode not in ("insert_if_absent", "file"):
        return False
    keys = {contract.key, *contract.key_fields}
    changeable = any(field.name not in keys for field in contract.updated_fields)
    return not (described.updateable and object_facts(contract.object).updatable and changeable)


def left_out_because(contract: Contract, contracts: Mapping[str, Contract], org: OrgState) -> str:
    """Why a mart is left out of a load into this org; empty if it is loaded (Z12, Z28)."""
    missing = missing_features(contract, org)
    if missing:
        other = f"; sf_{contract.fallback} takes their place" if contract.fallback else ""
        return f"the org does not have {', '.join(missing)}, which sf_{contract.mart} requires{other}"
    rival = contracts.get(contract.instead_of or "")
    if rival and not missing_features(rival, org):
        return f"sf_{rival.mart} is loaded, which sf_{contract.mart} is only a stand-in for"
    return ""


def missing_features(contract: Contract, org: OrgState) -> list[str]:
    """Those of `requires` (`Case`, `Account.RecordTypeId`) that the org lacks, by describe (Z12, Z28)."""
    missing = []
    for need, name in zip(contract.requires, required_objects(contract), strict=True):
        described = org.object(name)
        field = need.partition(".")[2]
        if described is None or (field and described.field(field) is None):
            missing.append(need)
    return missing
