"""What has to be sent, decided by SQL over the marts and the ledger. Pure: contracts in, SQL and values out.

Every row of a mart gets one decision:

    new       not in the org as far as the ledger knows
    changed   in the org with another content
    same      in the org with this content
    blocked   something it refers to is not in the org; held back, named, and tried again by the next run
    refused   Salesforce refused exactly this content before, for a reason that sending again cannot cure
    differing in the org with another content, but Salesforce lets nobody update such records: listed, not sent

decide.py has the statement that decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loaders.errors import ConfigurationError
from loaders.salesforce.contract import Contract, load_order
from loaders.salesforce.export import WAREHOUSE, literal, quoted

DECISIONS = ("new", "changed", "same", "blocked", "refused", "differing")
SENT = ("new", "changed")


@dataclass(frozen=True)
class Counts:
    """How many rows of a mart got which decision."""

    new: int = 0
    changed: int = 0
    same: int = 0
    blocked: int = 0
    refused: int = 0
    differing: int = 0
    gone: int = 0  # in the org by our doing, but no longer in the mart
    widest: int = 0  # bytes, over the rows to send
    bytes: int = 0  # upper bound over the rows to send

    @property
    def to_send(self) -> int:
        """Rows that a load would send."""
        return self.new + self.changed

    def line(self, contract: Contract) -> str:
        """The plan in one line: `accounts -> Account: 310 new, 85 changed, 809 same`."""
        parts = [f"{self.new:,} new", f"{self.changed:,} changed", f"{self.same:,} same"]
        if self.blocked:
            parts.append(f"{self.blocked:,} blocked")
        if self.refused:
            parts.append(f"{self.refused:,} refused before (--retry-failed sends them again)")
        if self.differing:
            parts.append(f"{self.differing:,} differing, which nobody can update")
        if self.gone:
            parts.append(f"{self.gone:,} no longer in the mart (left in the org)")
        return f"{contract.mart} -> {contract.object}: {', '.join(parts)}"


def choose(contracts: Mapping[str, Contract], marts: Sequence[str] | None) -> list[Contract]:
    """The contracts of `marts` (all if None) in load order; marts that are only matched come along.

    Raises ConfigurationError for a name that is no mart, and for a circle of references.
    """
    order = load_order(contracts)
    names = dict.fromkeys(name for mart in order for name in (mart, contracts[mart].name))
    wanted = {mart.removeprefix("sf_") for mart in marts} if marts is not None else set(order)
    unknown = sorted(wanted - set(names))
    if unknown:
        offered = dict.fromkeys(contracts[mart].name for mart in order)
        raise ConfigurationError(
            f"No such mart: {', '.join(unknown)}.",
            f"choose from: {', '.join(offered) or 'none (run `dbt build`)'}",
        )
    wanted = {mart for mart in order if wanted & {mart, contracts[mart].name, contracts[mart].first_pass}}
    for mart in tuple(wanted):
        wanted |= {parent for parent in contracts[mart].parents if contracts[parent].mode == "match"}
    return [contracts[mart] for mart in order if mart in wanted]


def undeclared_sql(contract: Contract) -> str:
    """A select of the keys in the JSON columns that no confirmed map line declares; they would be lost."""
    selects = []
    for column in contract.json_columns:
        fields = (*contract.fields, *contract.left_to_second)
        known = [field.name for field in fields if field.column is None and field.json == column]
        listed = ", ".join(literal(name) for name in known) or "''"
        rows = (
            f"select record_key, unnest(json_keys({quoted(column)})) as key from {contract.source(WAREHOUSE)}"
        )
        selects.append(
            f"select key, record_key from (\n    {rows}\n    where {quoted(column)} is not null\n) as keys\n"
            f"where key not in ({listed})"
        )
    return (
        f"select key, count(*), min(record_key) from (\n{' union all '.join(selects)}\n) as undeclared\n"
        "group by key order by key"
    )


def strange_objects_sql(contract: Contract, objects: Sequence[str]) -> str:
    """A select of the objects that rows of a mart of many objects name and no confirmed line has: object, rows, key."""
    column = quoted(str(contract.object_column))
    known = ", ".join(literal(name) for name in objects) or "''"
    return (
        f"select coalesce({column}, 'no object'), count(*), min(record_key)\n"
        f"from {quoted(WAREHOUSE)}.{contract.relation}\n"
        f"where {column} is null or {column} not in ({known}) group by 1 order by 1"
    )


def counts_sql(contract: Contract, org_id: str) -> str:
    """One row with the attributes of Counts, in their order, over `decided`."""
    by_decision = ",\n    ".join(f"count(*) filter (decision = {literal(name)})" for name in DECISIONS)
    return f"""
select
    {by_decision},
    {_gone_sql(contract, org_id)},
    coalesce(max(width) filter (decision in ('new', 'changed')), 0),
    coalesce(sum(width) filter (decision in ('new', 'changed')), 0)
from decided"""


def _gone_sql(contract: Contract, org_id: str) -> str:
    """SQL for how many records of a mart are in the org by our doing and no longer in the mart."""
    if contract.first_pass:
        return "0"  # the first pass counts them
    return f"""(
        select count(*) from ledger.records as known
        where
            known.org_id = {literal(org_id)}
            and known.mart = {literal(contract.mart)}
            and known.sf_id is not null
            and not exists (
                select 1 from {contract.source(WAREHOUSE)} as rows_of
                where rows_of.record_key = known.record_key
            )
    )"""
