"""Circles of lookups, loaded in two passes. Pure.

A manager is a person of the same mart, a course names the lesson that names the course: no order of loading gives
every row its parent's Id. So a contract with such lookups becomes two: the first loads the records without them, the
second, named `<mart>.links`, fills them by an update once all have an Id. Both are contracts like any other, with
lines of their own in the ledger, so delta, edits and rollback need to know nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from loaders.salesforce.contract import Contract

LINKS = ".links"


def first_pass(contract: Contract) -> Contract:
    """The contract without the lookups of the second pass."""
    later = contract.later_fields
    if not later:
        return contract
    fields = tuple(field for field in contract.fields if field not in later)
    return replace(contract, fields=fields, left_to_second=later)


def second_pass(contract: Contract) -> Contract | None:
    """The update that fills the lookups left out by the first pass, None if there are none."""
    later = contract.later_fields
    if not later or contract.mode not in ("upsert", "insert_if_absent"):
        return None
    return replace(
        contract,
        mart=f"{contract.mart}{LINKS}",
        mode="update",
        natural_key=None,
        partition_by=None,
        fields=later,
        json_columns=(),
        first_pass=contract.mart,
    )


def with_passes(contracts: Mapping[str, Contract]) -> dict[str, Contract]:
    """The contracts as they are loaded and rolled back: each, and its second pass if it has one."""
    found: dict[str, Contract] = {}
    for mart, contract in contracts.items():
        found[mart] = first_pass(contract)
        second = second_pass(contract)
        if second:
            found[second.mart] = second
    return found
