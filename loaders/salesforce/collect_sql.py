"""The statements that bring the answers to one job into the ledger. Pure: a job in, SQL out.

`answers` (what the org said) and `wrote` (what the part held, as JSON) are temporary tables by result_key. The results of
accepted rows repeat what was sent; where they do, they are read in place of `wrote`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from loaders.salesforce.export import NULL_MARK, filled_sql, literal, quoted

if TYPE_CHECKING:
    from loaders.salesforce.ledger import Job

NOW = "(now() at time zone 'UTC')"
DELETIONS = ("delete", "hardDelete")
INSERTS = ("insert", "upsert", "file")  # operations that may make records
GONE = "ENTITY_IS_DELETED"  # the org's answer to a deletion that was done before


def json_sql(names: Sequence[str], prefix: str = "", *, empty: str | None = None) -> str:
    """SQL for one JSON object of text cells; null cells are left out unless `empty` says what they become."""
    cells = []
    for name in names:
        cell = f"{prefix}{quoted(name)}"
        value = f"coalesce({cell}, {literal(empty)})" if empty is not None else cell
        label = literal('"' + name + '":')
        cells.append(f"{label} || to_json({value})::varchar")
    return f"concat('{{', concat_ws(',', {', '.join(cells)}), '}}')" if cells else "'{}'"


def wrote_sql(key: str, names: Sequence[str], source: str) -> str:
    """A select of result_key, written and filled over a part or a result set: cells with a value, emptied ones as ''."""
    return f"select result_key, {json_sql(names)} as written, filled from ({_cells_sql(key, names, source)})"


def _cells_sql(key: str, names: Sequence[str], source: str) -> str:
    """A select of result_key, filled and the cells of a part or a result set; an emptied cell is ''."""
    cells = [
        f"case when part.{quoted(name)} = {literal(NULL_MARK)} then '' else nullif(part.{quoted(name)}, '') end "
        f"as {quoted(name)}"
        for name in names
    ]
    listed = ", ".join([f"{key} as result_key", f"{filled_sql(names)} as filled", *cells])
    return f"select {listed} from {source} as part"


def collected_sql(job: Job, transient: str, told_twice: bool) -> str:
    """The statement that joins the answers to what was sent, one line a row; accepted goes before refused.

    What was written is wide and read where it is stored, with `content_sql`.
    """
    once = "qualify row_number() over (partition by sent.record_key order by outcome, sf_id) = 1"
    return f"""
create or replace temp table collected as
select
    sent.record_key,
    nullif(answers.sf_id, '') as sf_id,
    outcome,
    error_code,
    error_text,
    case
        when error_code in ({transient}) then 'transient'
        when error_code is not null then 'permanent'
    end as error_class,
    case when outcome = 'accepted' then sent.payload_hash end as accepted_hash,
    case when outcome = 'accepted' then sent.filled end as filled,
    case when outcome = 'refused' then sent.payload_hash end as refused_hash,
    sent.result_key
from ledger.sent as sent
inner join answers on sent.result_key = answers.result_key
where sent.job_no = {job.job_no}
{once if told_twice else ""}"""


def content_sql(contents: str) -> str:
    """A select of `collected` with written and filled of accepted rows; `contents` is a select of them by result_key."""
    accepted = "case when collected.outcome = 'accepted' then"
    return (
        f"select collected.* exclude (filled), {accepted} content.written end as written,\n"
        f"    coalesce(collected.filled, {accepted} content.filled end) as filled\n"
        # no further condition in the join: a second one makes DuckDB compare every row with every other
        f"from collected left join ({contents}) as content on collected.result_key = content.result_key"
    )


def update_sql(org_id: str, job: Job, contents: str) -> str:
    """The statement that brings `collected` into the rows that `records` has.

    A refused change keeps the Id and the hash of what the org still holds; the refused hash is remembered
    beside it. A row that was only found in the org may not hold what was sent: it gets its Id and no hash.
    """
    return f"""
update ledger.records as known set
    sf_id = coalesce(answer.sf_id, known.sf_id),
    payload_hash = coalesce(answer.accepted_hash, known.payload_hash),
    filled = coalesce(answer.filled, known.filled),
    written = case
        when answer.written is null then known.written
        when known.written is null then answer.written
        else cast(json_merge_patch(known.written, answer.written) as varchar)
    end,
    refused_hash = answer.refused_hash,
    status = answer.outcome,
    error_code = answer.error_code,
    error_class = answer.error_class,
    error_text = answer.error_text,
    run_id = {literal(job.run_id)},
    job_id = {literal(job.job_id or "")},
    updated_at = {NOW}
from ({content_sql(contents)}) as answer
where
    known.org_id = {literal(org_id)}
    and known.mart = {literal(job.mart)}
    and known.record_key = answer.record_key"""


def known_sql(org_id: str, job: Job) -> str:
    """A select of the number of rows of `collected` that `records` has."""
    return (
        "select count(*) from collected where record_key in (\n    select record_key from ledger.records\n"
        f"    where org_id = {literal(org_id)} and mart = {literal(job.mart)}\n)"
    )


def insert_sql(org_id: str, job: Job, contents: str, *, is_known: bool) -> str:
    """The statement that adds the rows of `collected` that `records` does not have; `is_known` if it has some."""
    others = f"""
where not exists (
    select 1 from ledger.records as known
    where
        known.org_id = {literal(org_id)}
        and known.mart = {literal(job.mart)}
        and known.record_key = answer.record_key
)"""
    return f"""
insert into ledger.records by name
select
    {literal(org_id)} as org_id,
    {literal(job.mart)} as mart,
    record_key,
    sf_id,
    accepted_hash as payload_hash,
    filled,
    written,
    outcome as status,
    error_code,
    error_class,
    error_text,
    refused_hash,
    {literal(job.run_id)} as run_id,
    {literal(job.job_id or "")} as job_id,
    {NOW} as updated_at
from ({content_sql(contents)}) as answer{others if is_known else ""}"""


def _image_of(org_id: str, job: Job, row: str) -> str:
    """SQL: the before-image that the job's run has of a row."""
    return (
        f"image.org_id = {literal(org_id)} and image.run_id = {literal(job.run_id)} "
        f"and image.mart = {literal(job.mart)} and image.record_key = {row}.record_key"
    )


def journal_sql(org_id: str, job: Job, *, has_images: bool) -> list[str]:
    """The statements that journal the writes of a prepared load job, from `sent` and `images`.

    A row that an earlier round of the run carried keeps the image that was taken before the first try; `has_images` if
    there may be one. A record that the org does not have yet has nothing to keep: its line is written with the results
    (written_sql), until then `sent` knows of it.
    """
    mine = _image_of(org_id, job, "sent")
    absent = "'update'" if job.operation == "update" else "'insert'"
    present = "'delete'" if job.operation in DELETIONS else "'update'"
    join = "inner" if job.operation in INSERTS else "left"
    statements = []
    once = ""
    if has_images:
        once = f" and not exists (select 1 from ledger.before_images as image where {mine})"
        statements.append(
            f"update ledger.before_images as image set job_no = {job.job_no}\n"
            f"from ledger.sent as sent where sent.job_no = {job.job_no} and {mine}"
        )
    statements.append(f"""
insert into ledger.before_images by name
select
    {literal(org_id)} as org_id,
    {literal(job.run_id)} as run_id,
    {literal(job.mart)} as mart,
    sent.record_key,
    images.sf_id,
    images.payload,
    {NOW} as taken_at,
    {job.job_no} as job_no,
    case when images.record_key is null then {absent} else {present} end as operation,
    images.modstamp,
    'prepared' as state
from ledger.sent as sent
{join} join images on sent.record_key = images.record_key
where sent.job_no = {job.job_no}{once}""")
    return statements


def written_sql(org_id: str, job: Job, *, has_images: bool) -> list[str]:
    """The statements that note the writes that the org took, or may have taken; see journal_sql."""
    done = "collected.outcome in ('accepted', 'found')"
    statements = []
    once = ""
    if has_images:
        once = f" and not exists (select 1 from ledger.before_images as image where {_image_of(org_id, job, 'collected')})"
        statements.append(
            "update ledger.before_images as image set state = 'written',\n"
            "    sf_id = coalesce(collected.sf_id, image.sf_id)\n"
            f"from collected where image.job_no = {job.job_no} and image.state = 'prepared'\n"
            f"    and image.record_key = collected.record_key and {done}"
        )
    if job.operation in INSERTS:
        statements.append(f"""
insert into ledger.before_images by name
select
    {literal(org_id)} as org_id,
    {literal(job.run_id)} as run_id,
    {literal(job.mart)} as mart,
    collected.record_key,
    collected.sf_id,
    {NOW} as taken_at,
    {job.job_no} as job_no,
    'insert' as operation,
    'written' as state
from collected
where {done}{once}""")
    return statements


def undone_sql(org_id: str, job: Job, contents: str) -> list[str]:
    """The statements that settle a job of a rollback: accepted rows are undone, what is gone is forgotten.

    A record that an earlier run of ours wrote stays known with a hash that no row has, so that the next load sends it
    as changed. Any other is forgotten; the next load sends it as new.
    """
    deletion = job.operation != "update"
    done = "collected.outcome = 'accepted'"
    if deletion:
        done = f"({done} or collected.error_code = {literal(GONE)})"
    mine = f"known.org_id = {literal(org_id)} and known.mart = {literal(job.mart)}"
    return [
        f"update ledger.before_images as known set state = 'undone', undone_by = {literal(job.run_id)}\n"
        f"from collected where {mine} and known.undo_job = {job.job_no}\n"
        f"    and known.record_key = collected.record_key and {done}",
        "update ledger.before_images as known set undo_error = collected.error_text,\n"
        f"    undo_class = coalesce(collected.error_class, 'transient')\nfrom collected where {mine}\n"
        f"    and known.undo_job = {job.job_no} and known.record_key = collected.record_key and not coalesce({done}, false)",
        "update ledger.records as known set written = cast(json_merge_patch(known.written, answer.written) as "
        f"varchar)\nfrom ({content_sql(contents)}) as answer where {mine} and known.record_key = answer.record_key\n"
        "    and known.written is not null and answer.written is not null",
        *forgotten_sql(org_id, job.mart, job.run_id, job.job_id or "", f"from collected where {done}"),
    ]


def forgotten_sql(org_id: str, mart: str, run_id: str, job_id: str, rows: str) -> list[str]:
    """The statements that bring the records of `rows` (`from … where …`, with record_key) up to date after an undo.

    Whose journalled writes are all undone is forgotten; who still has one stays, to be sent again as changed.
    """
    kept = (
        "exists (\n    select 1 from ledger.before_images as image where image.org_id = known.org_id\n"
        "    and image.mart = known.mart and image.record_key = known.record_key and image.state = 'written'\n)"
    )
    where = (
        f"known.org_id = {literal(org_id)} and known.mart = {literal(mart)}\n"
        f"    and known.record_key in (select record_key {rows})"
    )
    stamp = f"run_id = {literal(run_id)}, job_id = {literal(job_id)}, updated_at = {NOW}"
    return [
        "update ledger.records as known set status = 'rolled_back', error_code = null, error_class = null,\n"
        f"    error_text = null, refused_hash = null, payload_hash = 'rolled back', {stamp}\n"
        f"where {where} and {kept}",
        "update ledger.records as known set status = 'rolled_back', error_code = null, error_class = null,\n"
        "    error_text = null, refused_hash = null, payload_hash = null, sf_id = null, filled = null,\n"
        f"    written = null, {stamp}\nwhere {where} and not {kept}",
        f"delete from ledger.edits as known where {where}\n    and not {kept}",
    ]


def deleted_sql(org_id: str, job: Job) -> list[str]:
    """The statements that settle a job that deleted records, over `collected`. Pure.

    What the org refused keeps its place in the ledger, with the org's words at its before-image.
    """
    done = f"(collected.outcome = 'accepted' or coalesce(collected.error_code = {literal(GONE)}, false))"
    mine = f"image.job_no = {job.job_no} and image.record_key = collected.record_key"
    return [
        f"update ledger.before_images as image set state = 'written' from collected where {mine} and {done}",
        "update ledger.before_images as image set undo_error = collected.error_text,\n"
        f"    undo_class = collected.error_class from collected where {mine} and not {done}",
        *forget_sql(org_id, job.mart, job.run_id, job.job_id or "", f"from collected where {done}"),
    ]


def forget_sql(org_id: str, mart: str, run_id: str, job_id: str, rows: str) -> list[str]:
    """The statements that note the records of `rows` as deleted: the next load of such a key makes a new record. Pure."""
    where = (
        f"known.org_id = {literal(org_id)} and known.mart = {literal(mart)}\n"
        f"    and known.record_key in (select record_key {rows})"
    )
    return [
        "update ledger.records as known set status = 'deleted', sf_id = null, payload_hash = null, filled = null,\n"
        "    written = null, error_code = null, error_class = null, error_text = null, refused_hash = null,\n"
        f"    run_id = {literal(run_id)}, job_id = {literal(job_id)}, updated_at = {NOW} where {where}",
        f"delete from ledger.edits as known where {where}",
    ]
