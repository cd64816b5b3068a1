"""What has to be sent, decided by SQL over the marts and the ledger. Pure: contracts in, SQL and values out.

Every row of a mart gets one decision:

    new       not in the org as far as the ledger knows
    changed   in the org with another content
    same      in the org with this content
    blocked   something it refers to is not in the org; held back, named, and tried again by the next run
    refused   Salesforce refused exactly this content before, for a reason that sending again cannot cure

The tables that the statements read (`ledger.records`, `resolved`, `planned`, `org_keys`) are made by
ledger.py and load.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loaders.errors import ConfigurationError
from loaders.salesforce.contract import CUSTOM_FIELDS, Contract, Field, load_order
from loaders.salesforce.export import (
    WAREHOUSE,
    formatted_sql,
    literal,
    lookups,
    null_mark_sql,
    payload_sql,
    quoted,
    width_sql,
)

DECISIONS = ("new", "changed", "same", "blocked", "refused")
SENT = ("new", "changed")


@dataclass(frozen=True)
class Counts:
    """How many rows of a mart got which decision."""

    new: int = 0
    changed: int = 0
    same: int = 0
    blocked: int = 0
    refused: int = 0
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
        if self.gone:
            parts.append(f"{self.gone:,} no longer in the mart (left in the org)")
        return f"{contract.mart} -> {contract.object}: {', '.join(parts)}"


def choose(contracts: Mapping[str, Contract], marts: Sequence[str] | None) -> list[Contract]:
    """The contracts of `marts` (all if None) in load order; marts that are only matched come along.

    Raises ConfigurationError for a name that is no mart, and for a circle of references.
    """
    order = load_order(contracts)
    wanted = {mart.removeprefix("sf_") for mart in marts} if marts is not None else set(order)
    unknown = sorted(wanted - set(order))
    if unknown:
        raise ConfigurationError(
            f"No such mart: {', '.join(unknown)}.",
            f"choose from: {', '.join(order) or 'none (run `dbt build`)'}",
        )
    for mart in tuple(wanted):
        wanted |= {parent for parent in contracts[mart].parents if contracts[parent].mode == "match"}
    return [contracts[mart] for mart in order if mart in wanted]


def decide_sql(
    contract: Contract,
    contracts: Mapping[str, Contract],
    org_id: str,
    *,
    retry_failed: bool = False,
    sampled: bool = False,
    overwrite_edits: bool = False,
) -> str:
    """The statement that fills the temporary table `decided`, one line a mart row.

    Columns: record_key, decision, payload_hash, width, part, partition_value, sf_id, was_filled, kept_fields,
    `id:<field>` for each lookup, and for blocked rows reason, field, missing_mart, missing_key. With
    `overwrite_edits` a row counts as changed if an earlier load left a person's edit of it alone.
    """
    fields = lookups(contract)
    keys = "".join(f"        {quoted(field.name)},\n" for field in fields)
    ids = "".join(
        f"        {_resolved_id(field, contracts)} as {quoted('id:' + field.name)},\n" for field in fields
    )
    blocks = _blocks(contract, contracts)
    mart = literal(contract.mart)
    in_sample = f"where record_key in (select record_key from sample where mart = {mart})"
    sample = in_sample if sampled else ""
    edits = f"select record_key from ledger.edits where org_id = {literal(org_id)} and mart = {mart}"
    edited = f"hashed.record_key in ({edits})" if overwrite_edits else "false"
    ctes = ",\n".join(
        [
            *_parent_ctes(fields, contracts, org_id),
            _known_cte(contract, org_id),
            _moved_cte(contract, contracts, org_id),
        ]
    )
    return f"""
create or replace temp table decided as
with formatted as (
{formatted_sql(contract)}
),
hashed as (
    select
        _record_key as record_key,
        _partition as partition_value,
{keys}        {payload_sql(contract)} as payload,
        md5(payload) as payload_hash,
        {width_sql(contract, "payload")} as width,
        {null_mark_sql(contract)} as null_marked
    from formatted
    {sample}
),
{ctes},
joined as (
    select
        hashed.record_key,
        hashed.partition_value,
        hashed.payload_hash,
        hashed.width,
        known.sf_id,
        known.payload_hash as known_hash,
        known.refused_hash,
        known.is_permanent,
        known.filled as was_filled,
        {edited} as is_edited,
{ids}        {_first(blocks, 0)} as reason,
        {_first(blocks, 1)} as field,
        {_first(blocks, 2)} as missing_mart,
        {_first(blocks, 3)} as missing_key
    from hashed
{_parent_joins(fields, contracts)}
    left join known on hashed.record_key = known.record_key
    left join moved on hashed.record_key = moved.record_key and known.sf_id is null
)
select
    * exclude (known_hash, refused_hash, is_permanent, is_edited),
    null::varchar as kept_fields,
    {_decision(contract, retry_failed)} as decision,
    0 as part
from joined"""


def _decision(contract: Contract, retry_failed: bool) -> str:
    """SQL for the decision of a joined row; what is the same needs no parent, so blocks come after it."""
    refused = "false" if retry_failed else "refused_hash = payload_hash and is_permanent"
    # An upsert that found the record but never wrote it still writes all of it; other modes update it by Id.
    unwritten = "known_hash is null" if contract.mode == "upsert" else "sf_id is null"
    return f"""case
        when sf_id is not null and known_hash = payload_hash and refused_hash is null and not is_edited then 'same'
        when reason is not null then 'blocked'
        when {refused} then 'refused'
        when {unwritten} then 'new'
        else 'changed'
    end"""


def _known_cte(contract: Contract, org_id: str) -> str:
    """What the ledger knows of this mart's rows, and what the org was asked for beyond that."""
    return f"""known as (
    select
        coalesce(written.record_key, found.record_key) as record_key,
        coalesce(written.sf_id, found.sf_id) as sf_id,
        written.payload_hash,
        written.refused_hash,
        written.filled,
        written.status = 'refused' and written.error_class = 'permanent' as is_permanent
    from (
        select * from ledger.records
        where org_id = {literal(org_id)} and mart = {literal(contract.mart)}
    ) as written
    full join (select * from org_keys where mart = {literal(contract.mart)}) as found
        on written.record_key = found.record_key
)"""


def _moved_cte(contract: Contract, contracts: Mapping[str, Contract], org_id: str) -> str:
    """Records that another mart loaded and no longer holds: a Lead that became a Contact, say.

    Creating them again would make two of one person, so they wait for a decision.
    """
    selects = [
        f"""        select known.record_key, known.sf_id, known.mart from ledger.records as known
        where
            known.org_id = {literal(org_id)}
            and known.mart = {literal(other.mart)}
            and known.sf_id is not null
            and not exists (
                select 1 from {quoted(WAREHOUSE)}.{other.relation} as rows_of
                where rows_of.record_key = known.record_key
            )"""
        for other in contracts.values()
        if other.mart != contract.mart and other.key and other.mode not in ("match", "file")
    ]
    nothing = "        select record_key, sf_id, mart from ledger.records where false"
    stacked = "\n        union all\n".join(selects or [nothing])
    return f"""moved as (
    select record_key, min(sf_id) as sf_id, min(mart) as mart
    from (
{stacked}
    ) as others
    group by record_key
)"""


def _parent_name(mart: str) -> str:
    """Name of the CTE with the Ids of one parent mart."""
    return f"parent_{mart}"


def _parent_ctes(fields: Sequence[Field], contracts: Mapping[str, Contract], org_id: str) -> list[str]:
    """One CTE a parent mart: match_key, sf_id, copies."""
    ctes = []
    for mart in dict.fromkeys(mart for field in fields for mart in field.references):
        select = f"select match_key, sf_id, copies from resolved where mart = {literal(mart)}"
        if contracts[mart].mode != "match":
            select = f"""select record_key as match_key, min(sf_id) as sf_id, 1 as copies
    from (
        select record_key, sf_id from ledger.records
        where org_id = {literal(org_id)} and mart = {literal(mart)} and sf_id is not null
        union all
        select record_key, 'planned' from planned where mart = {literal(mart)}
    ) as parents
    group by record_key"""
        ctes.append(f"{_parent_name(mart)} as (\n    {select}\n)")
    return ctes


def _join_name(field: Field, mart: str) -> str:
    """Alias of the join of one lookup to one parent mart."""
    return quoted(f"{field.name}:{mart}")


def _parent_joins(fields: Sequence[Field], contracts: Mapping[str, Contract]) -> str:
    """The joins of every lookup to every mart it may refer to. E-mail addresses are matched without case."""
    joins = []
    for field in fields:
        for mart in field.references:
            value = f"hashed.{quoted(field.name)}"
            key = f"lower(trim({value}))" if contracts[mart].mode == "match" else value
            alias = _join_name(field, mart)
            joins.append(f"    left join {_parent_name(mart)} as {alias} on {key} = {alias}.match_key")
    return "\n".join(joins)


def _resolved_id(field: Field, contracts: Mapping[str, Contract]) -> str:
    """SQL for the Id behind a lookup, null when it is missing or ambiguous."""
    ids = [
        f"case when {_join_name(field, mart)}.copies = 1 then {_join_name(field, mart)}.sf_id end"
        for mart in field.references
    ]
    return ids[0] if len(ids) == 1 else f"coalesce({', '.join(ids)})"


def _blocks(contract: Contract, contracts: Mapping[str, Contract]) -> list[tuple[str, str, str, str, str]]:
    """Why a row can be held back: (reason, field, missing mart, missing key, condition) as SQL, in order."""
    blocks = [("'no_record_key'", "null", "null", "null", "hashed.record_key is null")]
    for field in lookups(contract):
        value = f"hashed.{quoted(field.name)}"
        first = field.references[0]
        copies = f"{_join_name(field, first)}.copies > 1"
        common = (literal(field.name), literal(first), value)
        kind = "user" if contracts[first].mode == "match" else "parent"
        if kind == "user":
            blocks.append(("'ambiguous_user'", *common, copies))
        missing = f"{value} is not null and ({_resolved_id(field, contracts)}) is null"
        blocks.append((f"'missing_{kind}'", *common, missing))
    blocks.append(("'null_mark'", "hashed.null_marked", "null", "null", "hashed.null_marked is not null"))
    blocks.append(("'moved'", "null", "moved.mart", "moved.sf_id", "moved.record_key is not null"))
    if contract.mode == "update":
        blocks.append(("'not_in_org'", "null", "null", "null", "known.sf_id is null"))
    return blocks


def _first(blocks: Sequence[tuple[str, str, str, str, str]], position: int) -> str:
    """SQL for one attribute of the first block that applies."""
    whens = " ".join(f"when {block[4]} then {block[position]}" for block in blocks)
    return f"case {whens} end"


def undeclared_sql(contract: Contract) -> str:
    """A select of the keys in `custom_fields` that no confirmed map line declares; they would be lost."""
    known = ", ".join(literal(field.name) for field in contract.fields if field.column is None) or "''"
    return f"""
select key, count(*), min(record_key)
from (
    select record_key, unnest(json_keys({CUSTOM_FIELDS})) as key
    from {quoted(WAREHOUSE)}.{contract.relation}
    where {CUSTOM_FIELDS} is not null
) as keys
where key not in ({known})
group by key
order by key"""


def counts_sql(contract: Contract, org_id: str) -> str:
    """One row with the attributes of Counts, in their order, over `decided`."""
    by_decision = ",\n    ".join(f"count(*) filter (decision = {literal(name)})" for name in DECISIONS)
    return f"""
select
    {by_decision},
    (
        select count(*) from ledger.records as known
        where
            known.org_id = {literal(org_id)}
            and known.mart = {literal(contract.mart)}
            and known.sf_id is not null
            and not exists (
                select 1 from {quoted(WAREHOUSE)}.{contract.relation} as rows_of
                where rows_of.record_key = known.record_key
            )
    ),
    coalesce(max(width) filter (decision in ('new', 'changed')), 0),
    coalesce(sum(width) filter (decision in ('new', 'changed')), 0)
from decided"""


def blocked_text_sql(contract: Contract) -> str:
    """SQL over `decided` for the sentence that says why a row is blocked and what cures it."""
    return f"""case reason
    when 'missing_parent' then concat(
        field, ' needs ', missing_mart, ' ', missing_key, ', which is not in the org; load ', missing_mart,
        ' first'
    )
    when 'missing_user' then concat(
        field, ' needs an active user with the e-mail ', missing_key,
        '; create or activate the user, or change the owner in the source'
    )
    when 'ambiguous_user' then concat(
        field, ': several active users have the e-mail ', missing_key, '; leave it to one of them'
    )
    when 'null_mark' then concat(
        field, ' is literally #N/A, which the Bulk API reads as an order to empty it; ',
        'correct it in the source'
    )
    when 'moved' then concat(
        'was loaded as ', missing_mart, ' ', missing_key, ' and is in this mart now; convert or delete that ',
        'record in the org first, or change the decision back'
    )
    when 'not_in_org' then 'no such {contract.object} in the org, and this mart only updates'
    when 'no_record_key' then 'the mart row has no record_key'
end"""
