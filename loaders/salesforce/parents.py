"""The SQL that turns what a mart says about a parent into the Id that it has in the org at hand. Pure.

A parent is a row of a mart that was loaded (`ledger.records`), or will be by a dry run (`planned`), or something
that the org has of itself: users, price books, record types (`resolved`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.export import literal, quoted

RECORD_TYPES = "record type"
PLANNED = "planned"  # stands for the Id of a record that a dry run would create


def record_types_of(sobject: str) -> str:
    """The name under which `resolved` keeps the record types of an object."""
    return f"{RECORD_TYPES}:{sobject}"


def parents_of(contract: Contract, field: Field) -> tuple[str, ...]:
    """What a lookup may refer to: marts, or the record types of the contract's object."""
    return (record_types_of(contract.object),) if field.record_type else field.references


def is_matched(parent: str, contracts: Mapping[str, Contract]) -> bool:
    """Whether the org has the parents of itself; their keys are compared without case."""
    return parent not in contracts or contracts[parent].mode == "match"


def parent_ctes(
    contract: Contract, fields: Sequence[Field], contracts: Mapping[str, Contract], org_id: str
) -> list[str]:
    """One CTE a parent: match_key, sf_id, copies."""
    names = dict.fromkeys(name for field in fields for name in parents_of(contract, field))
    return [f"{_cte(name)} as (\n    {_select(name, contracts, org_id)}\n)" for name in names]


def _select(name: str, contracts: Mapping[str, Contract], org_id: str) -> str:
    """The keys of one parent with their Ids. A file is linked by its document, not by the version that was uploaded."""
    if is_matched(name, contracts):
        return f"select match_key, sf_id, copies from resolved where mart = {literal(name)}"
    sf_id = (
        "json_extract_string(written, '$.ContentDocumentId')" if contracts[name].mode == "file" else "sf_id"
    )
    return f"""select record_key as match_key, min(sf_id) as sf_id, 1 as copies
    from (
        select record_key, {sf_id} as sf_id from ledger.records
        where org_id = {literal(org_id)} and mart = {literal(name)} and sf_id is not null
        union all
        select record_key, {literal(PLANNED)} from planned where mart = {literal(name)}
    ) as parents
    group by record_key"""


def _cte(name: str) -> str:
    """Name of the CTE of a parent."""
    return quoted(f"parent:{name}")


def alias(field: Field, parent: str) -> str:
    """Alias of the join of one lookup to one parent."""
    return quoted(f"{field.name}:{parent}")


def parent_joins(
    contract: Contract, fields: Sequence[Field], contracts: Mapping[str, Contract], rows: str
) -> str:
    """The joins of every lookup of the from item `rows` to everything that it may refer to."""
    joins = []
    for field in fields:
        for name in parents_of(contract, field):
            value = f"{rows}.{quoted(field.name)}"
            key = f"lower(trim({value}))" if is_matched(name, contracts) else value
            joined = alias(field, name)
            joins.append(f"    left join {_cte(name)} as {joined} on {key} = {joined}.match_key")
    return "\n".join(joins)


def resolved_id(contract: Contract, field: Field) -> str:
    """SQL for the Id behind a lookup, null when it is missing or ambiguous."""
    ids = [
        f"case when {alias(field, name)}.copies = 1 then {alias(field, name)}.sf_id end"
        for name in parents_of(contract, field)
    ]
    return ids[0] if len(ids) == 1 else f"coalesce({', '.join(ids)})"
