"""What a rollback does to each record, decided by SQL over the ledger and `images`. Pure.

delete    we made it and nobody else touched it
restore   it was there before; the fields that differ from the before-image are written back
gone      we made it and it is no longer in the org: the ledger forgets it
same      it holds what it held before: nothing to write
skip      a person's work would be lost, or the way back is not known; the reason says which
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from loaders.salesforce.contract import Contract
from loaders.salesforce.export import NULL_MARK, literal, quoted
from loaders.salesforce.images import edits_sql

REASONS = {
    "edited": "a person edited it since; look at the record, then delete or correct it by hand",
    "deleted": "it was updated by the load and is no longer in the org",
    "written_again": "a later run wrote it; roll that one back first",
    "no_image": "it was written before before-images were kept",
    "converted": "a Lead was converted, which Salesforce cannot take back; correct Contact and Account by hand",
    "not_in_bin": "it was deleted and the recycle bin no longer has it; create it again by hand or by a load",
    "has_children": "other records hang on it and would be deleted with it; roll those back or move them first",
}


@dataclass(frozen=True)
class Scope:
    """Which writes to undo: those of one run, of some marts, or of one record."""

    run_id: str | None = None
    marts: tuple[str, ...] = ()
    record_key: str | None = None

    def condition(self, org_id: str, table: str = "image") -> str:
        """SQL over ledger.before_images for the writes in scope that are not undone yet."""
        parts = [f"{table}.org_id = {literal(org_id)}", f"{table}.state = 'written'"]
        if self.run_id:
            parts.append(f"{table}.run_id = {literal(self.run_id)}")
        if self.marts:
            parts.append(f"{table}.mart in ({', '.join(literal(mart) for mart in self.marts)})")
        if self.record_key:
            parts.append(f"{table}.record_key = {literal(self.record_key)}")
        return " and ".join(parts)

    def command(self, target: str, hard: bool, yes: bool) -> str:
        """The command that does, or goes on with, this rollback."""
        parts = ["load-sf rollback"]
        parts += [self.run_id] if self.run_id else []
        parts += [f"--mart {mart}" for mart in self.marts]
        parts += [f"--record {self.record_key}"] if self.record_key else []
        parts.append(f"--target {target}")
        return " ".join([*parts, *(["--hard"] if hard else []), *(["--yes"] if yes else [])])


def in_scope_sql(scope: Scope, contract: Contract, org_id: str) -> str:
    """A select of the writes in scope of one mart: record_key, run_id and what else the plan needs."""
    return (
        "select image.record_key, image.run_id, image.sf_id, image.operation, image.payload, image.job_no,\n"
        "    image.undo_class\n"
        f"from ledger.before_images as image where {scope.condition(org_id)}\n"
        f"    and image.mart = {literal(contract.mart)}"
    )


def wanted_sql(scope: Scope, contract: Contract, org_id: str) -> str:
    """A select of record_key and sf_id of the records to look at in the org."""
    return (
        f"select record_key, max(sf_id) as sf_id from ({in_scope_sql(scope, contract, org_id)}) as scoped\n"
        "where sf_id is not null group by record_key"
    )


def plan_sql(scope: Scope, contract: Contract, org_id: str, *, again: bool = False) -> str:
    """The statement that fills `undo_plan`: record_key, sf_id, action, reason, detail, before, current, part.

    `again` leaves only rows that the org refused for a passing reason.
    """
    mine = f"org_id = {literal(org_id)} and mart = {literal(contract.mart)}"
    having = "having bool_or(undo_class = 'transient')" if again else ""
    back = f"select record_key from brought_back where mart = {literal(contract.mart)}"
    return f"""
create or replace temp table undo_plan as
with in_scope as (
{in_scope_sql(scope, contract, org_id)}
),
scoped as (
    select
        record_key,
        max(sf_id) as sf_id,
        arg_min(operation, job_no) as operation,
        max(job_no) as last_job,
        -- of several images the oldest wins, field by field
        list_reduce(
            list(cast(payload as json) order by job_no desc) filter (payload is not null),
            lambda newer, older: json_merge_patch(newer, older)
        ) as before
    from in_scope
    -- what was deleted on request came back before, or could not; what the scope itself inserted stays deleted
    where record_key not in ({back})
    group by record_key
    {having}
),
later as (
    select image.record_key, min(image.run_id) as run_id
    from ledger.before_images as image
    inner join scoped on image.record_key = scoped.record_key
    where image.{mine.replace(" and mart", " and image.mart")} and image.state = 'written'
        and image.job_no > scoped.last_job
    group by 1
),
edited_cells as (
{edits_sql(contract, org_id, with_kept=False)}
),
edited as (
    select record_key, string_agg(concat(field, ' is ', theirs), ', ' order by field) as detail
    from edited_cells group by 1
),
writers as (
    select records.record_key, any_value(jobs.user_id) as user_id
    from ledger.records as records
    inner join ledger.jobs as jobs on records.job_id = jobs.job_id and records.org_id = jobs.org_id
    where records.{mine.replace(" and mart", " and records.mart")}
    group by 1
)
select
    scoped.record_key,
    scoped.sf_id,
    case
        when later.run_id is not null then 'written_again'
        when operation = 'convert' then 'converted'
        when images.record_key is null then case when operation <> 'insert' then 'deleted' end
        -- an earlier try may have restored it, and only its answer was lost
        when operation <> 'insert' and images.payload = cast(scoped.before as varchar) then null
        when left(images.modified_by, 15) <> left(writers.user_id, 15) then 'edited'
        when edited.record_key is not null then 'edited'
        when operation <> 'insert' and scoped.before is null then 'no_image'
    end as reason,
    case
        when later.run_id is not null then later.run_id
        when left(images.modified_by, 15) <> left(writers.user_id, 15)
            then concat_ws(': ', concat('by user ', images.modified_by, ' at ', images.modified_at), edited.detail)
        else edited.detail
    end as detail,
    case
        when reason is not null then 'skip'
        when images.record_key is null then 'gone'
        when operation = 'insert' then 'delete'
        else 'restore'
    end as action,
    cast(scoped.before as varchar) as before,
    images.payload as current,
    0 as part
from scoped
left join images on scoped.record_key = images.record_key
left join later on scoped.record_key = later.record_key
left join edited on scoped.record_key = edited.record_key
left join writers on scoped.record_key = writers.record_key"""


def restore_sql(contract: Contract, writable: Collection[str]) -> str:
    """The statement that fills `undo_cells` with one text column a field that a restore may write.

    A cell is null, which the org ignores, where the record holds what it held before.
    """
    cells = []
    for field in contract.fields:
        if field.audit or field.name not in writable:
            continue
        path = literal(f'$."{field.name}"')
        before, now = (f"json_extract_string({side}, {path})" for side in ("before", "current"))
        emptied = "'false'" if field.type == "Checkbox" else literal(NULL_MARK)
        cells.append(
            f"case when {before} <> coalesce({now}, '') then coalesce(nullif({before}, ''), {emptied}) end "
            f"as {quoted(field.name)}"
        )
    listed = "".join(f",\n    {cell}" for cell in cells)
    return (
        f"create or replace temp table undo_cells as select record_key, sf_id as {quoted('Id')}{listed}\n"
        "from undo_plan where action = 'restore'"
    )


def unchanged_sql(fields: Collection[str]) -> str:
    """The statement that marks restores without any cell to write as `same`."""
    nothing = " and ".join(f"undo_cells.{quoted(name)} is null" for name in fields) or "true"
    return (
        "update undo_plan set action = 'same' from undo_cells\n"
        f"where undo_plan.action = 'restore' and undo_plan.record_key = undo_cells.record_key and {nothing}"
    )
