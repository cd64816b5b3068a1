"""Which rows go into which part, so that two jobs that run at once never lock one parent (C5). Pure: SQL out.

A row locks the records that its lookups name. Rows are laid out parent by parent and cut by bytes: a parent of ordinary
size is never cut; a very large one fills parts of its own. What two parts still share (the rest of a large parent, or a
second lookup such as WhoId beside WhatId) is found afterwards, and send.py does not run these two at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from loaders.salesforce.contract import Contract
from loaders.salesforce.export import literal, lookups, quoted

NEVER_LOCKED = ("005", "012", "00G")  # Id prefixes: users, record types, groups and queues
LARGE = 0.05  # share of a part above which a parent may be cut, and below which it is kept whole
PIECES = 64  # pieces of a part that a large parent, or the rows without a parent, are laid out in
SLACK = 1.2  # times the least number of jobs that may be used to keep large parents to themselves (C5)

LOCKS = "create or replace temp table part_locks (job_no integer, lock varchar)"
CLASHES = """
select distinct one.job_no, other.job_no
from part_locks as one inner join part_locks as other on one.lock = other.lock and one.job_no <> other.job_no
order by all"""


def lock_columns(contract: Contract) -> list[str]:
    """The columns of `decided` that hold what a row may lock; none if the object has no parents."""
    columns = [quoted("id:" + field.name) for field in lookups(contract) if not field.record_type]
    own = contract.first_pass or contract.mart
    if any(own in field.references for field in lookups(contract)):
        columns.append("sf_id")  # a row may be the parent of another
    return [] if columns == [quoted("id:OwnerId")] else columns


def place_sql(columns: Sequence[str]) -> str:
    """The statement that gives rows of marts without `partition_by` their first parent as such."""
    ids = ", ".join(_lockable(name) for name in columns if name != "sf_id")
    return f"update decided set partition_value = coalesce({ids}) where partition_value is null"


def locks_sql(job_no: int, columns: Sequence[str], decisions: Sequence[str], part: int | None) -> str:
    """The statement that notes what the rows of a part lock; `part` is None if it has all rows."""
    where = f"decision in ({', '.join(literal(one) for one in decisions)})"
    where += "" if part is None else f" and part = {part}"
    selects = " union all ".join(
        f"select {_lockable(name)} as lock from decided where {where}" for name in columns
    )
    return f"insert into part_locks select distinct {job_no}, lock from ({selects}) where lock is not null"


def sample_sql(decisions: Sequence[str], every: int) -> str:
    """The statement that puts one row of `every` into part -1, to see how long its line really is."""
    return (
        f"update decided set part = -1 where decision in ({', '.join(literal(one) for one in decisions)})\n"
        f"    and hash(record_key) % {every} = 0"
    )


def atoms_sql(decisions: Sequence[str], limit: int) -> str:
    """The statement that fills `part_atoms`: what is never cut, in the order of sending, with its bytes.

    zone 0 has the large parents in pieces, zone 1 whole parents, zone 2 the rows without one in pieces. `limit` is what
    a part may hold, in the bytes of `width`.
    """
    chosen = ", ".join(literal(one) for one in decisions)
    grain = max(limit // PIECES, 1)
    return f"""
create or replace temp table part_atoms as
with rows_of as (
    select record_key, width, partition_value as parent from decided where decision in ({chosen})
),
parents as (
    select parent, sum(width) as bytes,
        case when parent is null then 2 when sum(width) > {limit * LARGE} then 0 else 1 end as zone,
        case when parent is null or sum(width) > {limit * LARGE} then sum(width) // {grain} + 1 else 1 end as pieces
    from rows_of group by parent
),
pieces as (
    select parents.zone, parents.parent, any_value(parents.pieces) as pieces,
        hash(rows_of.record_key) % parents.pieces as piece, sum(rows_of.width) as bytes
    from rows_of inner join parents on rows_of.parent is not distinct from parents.parent
    group by 1, 2, 4
)
select *, sum(bytes) over (order by zone, parent, piece rows unbounded preceding) - bytes as start, 0 as part
from pieces"""


def parts_sql(totals: Sequence[tuple[int, int]], limit: int) -> str:
    """The statement that cuts `part_atoms` into parts of equal size.

    `totals` has zone and bytes of each zone. The large parents get parts of their own where that takes no more than
    SLACK times the least number of jobs.
    """
    sums = dict(totals)
    large, rest = sums.get(0, 0), sums.get(1, 0) + sums.get(2, 0)
    least = _count(large + rest, limit)
    alone = _count(large, limit) + _count(rest, limit)
    if not large or not rest or alone > least * SLACK:
        return f"update part_atoms set part = start * {least} // {large + rest}"
    count, more = _count(large, limit), _count(rest, limit)
    return (
        f"update part_atoms set part = case when zone = 0 then start * {count} // {large}\n"
        f"    else {count} + (start - {large}) * {more} // {rest} end"
    )


def number_sql(decisions: Sequence[str]) -> str:
    """The statement that gives every row of `decided` the part of its piece."""
    chosen = ", ".join(literal(one) for one in decisions)
    return (
        "update decided set part = part_atoms.part from part_atoms\n"
        f"where decision in ({chosen})\n"
        "    and decided.partition_value is not distinct from part_atoms.parent\n"
        "    and hash(decided.record_key) % part_atoms.pieces = part_atoms.piece"
    )


def _count(total: int, limit: int) -> int:
    """Parts that so many bytes take."""
    return -(-total // limit)


def _lockable(column: str) -> str:
    """SQL for the Id in a column, null if it is of a kind that is never locked."""
    prefixes = ", ".join(literal(prefix) for prefix in NEVER_LOCKED)
    return f"case when left({column}, 3) not in ({prefixes}) then {column} end"
