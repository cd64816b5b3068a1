"""The statement that decides about every row of a mart; plan.py says which decisions there are. Pure.

The tables that it reads (`ledger.records`, `resolved`, `planned`, `org_keys`, `org_clashes`, `sample`) are made by
ledger.py and filled by match.py and load.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loaders.salesforce.contract import Contract
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
from loaders.salesforce.parents import (
    alias,
    is_matched,
    parent_ctes,
    parent_joins,
    parents_of,
    resolved_id,
)

Block = tuple[str, str, str, str, str]  # SQL: reason, field, missing mart, missing key, condition


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
        f"        {resolved_id(contract, field)} as {quoted('id:' + field.name)},\n" for field in fields
    )
    blocks = _blocks(contract, contracts)
    mart = literal(contract.mart)
    first = literal(contract.first_pass or contract.mart)
    in_sample = f"where _record_key in (select record_key from sample where mart = {first})"
    edits = f"select record_key from ledger.edits where org_id = {literal(org_id)} and mart = {mart}"
    edited = f"hashed.record_key in ({edits})" if overwrite_edits else "false"
    ctes = ",\n".join(
        [
            *parent_ctes(contract, fields, contracts, org_id),
            _second_known(contract, org_id) if contract.first_pass else _known(contract, org_id),
            _moved(contract, contracts, org_id),
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
        {null_mark_sql(contract)} as null_marked,
        {_place_sql(contract)} as place
    from formatted
    {in_sample if sampled else ""}
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
{parent_joins(contract, fields, contracts, "hashed")}
    {_known_join(contract)}
    left join moved on hashed.record_key = moved.record_key and known.sf_id is null
    left join org_clashes on org_clashes.mart = {mart} and hashed.record_key = org_clashes.record_key
)
select
    * exclude (known_hash, refused_hash, is_permanent, is_edited),
    null::varchar as kept_fields,
    {_decision(contract, retry_failed)} as decision,
    0 as part
from joined"""


def _known_join(contract: Contract) -> str:
    """How rows meet what is known of them. A second pass is about records that are there and have, or had, a link."""
    if not contract.first_pass:
        return "left join known on hashed.record_key = known.record_key"
    linked = " or ".join(f"hashed.{quoted(field.name)} is not null" for field in lookups(contract))
    return (
        "inner join known on hashed.record_key = known.record_key\n"
        f"        and ({linked} or known.payload_hash is not null)"
    )


def _place_sql(contract: Contract) -> str:
    """SQL for the place of a row among those with its natural key; the second would be refused, or worse, merged."""
    if contract.key or contract.mode != "insert_if_absent":
        return "1"
    cells = ", ".join(f"lower(trim({quoted(name)}))" for name in contract.key_fields)
    return f"row_number() over (partition by {cells} order by _record_key)"


def _decision(contract: Contract, retry_failed: bool) -> str:
    """SQL for the decision of a joined row; what is the same needs no parent, so blocks come after it."""
    refused = "false" if retry_failed else "refused_hash = payload_hash and is_permanent"
    # An upsert that found the record but never wrote it still writes all of it; other modes update it by Id.
    unwritten = "known_hash is null" if contract.mode == "upsert" else "sf_id is null"
    frozen = ""
    if contract.never_updated:
        frozen = """
        when sf_id is not null and known_hash is null then 'same'
        when sf_id is not null then 'differing'"""
    return f"""case
        when sf_id is not null and known_hash = payload_hash and refused_hash is null and not is_edited then 'same'{frozen}
        when reason is not null then 'blocked'
        when {refused} then 'refused'
        when {unwritten} then 'new'
        else 'changed'
    end"""


def _known(contract: Contract, org_id: str) -> str:
    """What the ledger knows of this mart's rows, and what the org was asked for beyond that.

    A refusal says nothing any more about a record that was found in the org since: it is updated, not inserted.
    """
    return f"""known as (
    select
        coalesce(written.record_key, found.record_key) as record_key,
        coalesce(written.sf_id, found.sf_id) as sf_id,
        written.payload_hash,
        written.refused_hash,
        written.filled,
        written.status = 'refused' and written.error_class = 'permanent'
            and (written.sf_id is not null or found.sf_id is null) as is_permanent
    from (
        select * from ledger.records
        where org_id = {literal(org_id)} and mart = {literal(contract.mart)}
    ) as written
    full join (select * from org_keys where mart = {literal(contract.mart)}) as found
        on written.record_key = found.record_key
)"""


def _second_known(contract: Contract, org_id: str) -> str:
    """The records of the first pass, and what the ledger knows of the second; links of another record are none."""
    org, first = literal(org_id), literal(str(contract.first_pass))
    mine = "written.sf_id = record.sf_id"
    return f"""known as (
    select
        record.record_key,
        record.sf_id,
        case when {mine} then written.payload_hash end as payload_hash,
        case when {mine} then written.refused_hash end as refused_hash,
        case when {mine} then written.filled end as filled,
        written.status = 'refused' and written.error_class = 'permanent' as is_permanent
    from (
        select record_key, max(sf_id) as sf_id from (
            select record_key, sf_id from ledger.records
            where org_id = {org} and mart = {first} and sf_id is not null
            union all
            select record_key, '' from planned where mart = {first}
        ) as either group by record_key
    ) as record
    left join (
        select * from ledger.records where org_id = {org} and mart = {literal(contract.mart)}
    ) as written
        on record.record_key = written.record_key
)"""


def _moved(contract: Contract, contracts: Mapping[str, Contract], org_id: str) -> str:
    """Records that another mart loaded and no longer holds: a Lead that became a Contact, say.

    Creating them again would make two of one person, so they wait for a decision.
    """
    others = [
        other
        for other in contracts.values()
        if other.name != contract.name and other.key and other.mode in ("upsert", "insert_if_absent")
    ]
    selects = [
        f"""        select known.record_key, known.sf_id, known.mart from ledger.records as known
        where
            known.org_id = {literal(org_id)}
            and known.mart = {literal(other.mart)}
            and known.sf_id is not null
            and not exists (
                select 1 from {other.source(WAREHOUSE)} as rows_of
                where rows_of.record_key = known.record_key
            )"""
        for other in ([] if contract.first_pass else others)
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


def _blocks(contract: Contract, contracts: Mapping[str, Contract]) -> list[Block]:
    """Why a row can be held back, in order."""
    blocks: list[Block] = [("'no_record_key'", "null", "null", "null", "hashed.record_key is null")]
    for field in lookups(contract):
        value = f"hashed.{quoted(field.name)}"
        parents = parents_of(contract, field)
        common = (literal(field.name), literal(" or ".join(parents)), value)
        matched = [name for name in parents if is_matched(name, contracts)]
        copies = " or ".join(f"{alias(field, name)}.copies > 1" for name in matched)
        if matched:
            blocks.append(
                ("'ambiguous_user'" if _is_user(matched, contracts) else "'ambiguous_match'", *common, copies)
            )
        kind = "parent" if len(matched) < len(parents) else "match"
        kind = "user" if _is_user(parents, contracts) else kind
        missing = f"{value} is not null and ({resolved_id(contract, field)}) is null"
        blocks.append(
            (literal("missing_record_type" if field.record_type else f"missing_{kind}"), *common, missing)
        )
    blocks.append(("'null_mark'", "hashed.null_marked", "null", "null", "hashed.null_marked is not null"))
    blocks.append(("'moved'", "null", "moved.mart", "moved.sf_id", "moved.record_key is not null"))
    blocks.append(("'second_of_key'", "null", "null", "null", "hashed.place > 1"))
    clash = "org_clashes.record_key is not null and known.sf_id is null"
    blocks.append(("'several_in_org'", "null", "null", "null", clash))
    if contract.mode == "update" and not contract.first_pass:
        blocks.append(("'not_in_org'", "null", "null", "null", "known.sf_id is null"))
    return blocks


def _is_user(parents: Sequence[str], contracts: Mapping[str, Contract]) -> bool:
    """Whether all of these parents are users."""
    return all(name in contracts and contracts[name].object == "User" for name in parents)


def _first(blocks: Sequence[Block], position: int) -> str:
    """SQL for one attribute of the first block that applies."""
    whens = " ".join(f"when {block[4]} then {block[position]}" for block in blocks)
    return f"case {whens} end"


def blocked_text_sql(contract: Contract) -> str:
    """SQL over `decided` for the sentence that says why a row is blocked and what cures it."""
    key = contract.natural_key or contract.key or ""
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
    when 'missing_match' then concat(
        field, ' needs ', missing_mart, ' ', missing_key, ', which the org does not have; create it there'
    )
    when 'ambiguous_match' then concat(
        field, ': the org has several ', missing_mart, ' ', missing_key, '; remove the duplicates there'
    )
    when 'missing_record_type' then concat(
        'the record type ', missing_key, ' of {contract.object} is missing, inactive or not assigned to the user; ',
        'run `load-sf schema deploy`, or correct it in the org'
    )
    when 'null_mark' then concat(
        field, ' is literally #N/A, which the Bulk API reads as an order to empty it; ',
        'correct it in the source'
    )
    when 'moved' then concat(
        'was loaded as ', missing_mart, ' ', missing_key, ' and is in this mart now; convert or delete that ',
        'record in the org first, or change the decision back'
    )
    when 'second_of_key' then 'another row of the mart has the same {key}; merge the two in the mart'
    when 'several_in_org' then
        'several {contract.object} records of the org have the same {key}; merge them there'
    when 'in_org_already' then concat(
        'the org has ', missing_key, ' with the same ', field, '; say in the var existing_records what becomes of it'
    )
    when 'several_matches' then concat(
        'the org has several records with the same ', field, ': ', missing_key, '; merge them there'
    )
    when 'shared_match' then concat(
        'has the same ', field, ' as ', missing_key, '; merge the rows in the source, or correct one of them'
    )
    when 'claimed_match' then concat(
        'has the same ', field, ' as ', missing_key, '; merge the two in the org, or empty the key there'
    )
    when 'claim_refused' then concat(
        'could not take over ', missing_key, '; correct what the text names, then load again'
    )
    when 'not_in_org' then 'no such {contract.object} in the org, and this mart only updates'
    when 'no_record_key' then 'the mart row has no record_key'
end"""
