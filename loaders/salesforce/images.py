"""Reads what the org holds of records that are about to be written, and tells what people changed since.

One bulk query fills the temporary table `images` (record_key, sf_id, payload, modstamp, modified_at, modified_by); the
rest is SQL. Few records are asked for by Id or key, many with all records of the object that have a key: a query may
have 100,000 characters (docs: "SOQL and SOSL Limits").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from loaders.salesforce import bulk
from loaders.salesforce.collect_sql import NOW, json_sql
from loaders.salesforce.contract import NUMBER_TYPES, Contract, Field
from loaders.salesforce.export import literal, quoted, read_sql
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.match import describe_fields, natural_keys
from loaders.salesforce.results import header_of
from loaders.salesforce.session import Org
from loaders.salesforce.soql import id_lists

FEW = 2_000  # records that are asked for one by one
STAMPS = ("LastModifiedDate", "LastModifiedById", "SystemModstamp")


def read_images(org: Org, ledger: Ledger, contract: Contract, wanted: str, folder: Path) -> int:
    """How many of the records of `wanted` the org has; fills `images` with them.

    `wanted` is a select of record_key and sf_id; without an Id the record is looked for by the mart's external id.
    """
    ledger.con.execute(f"create or replace temp table wanted as {wanted}")
    ledger.con.execute("delete from images")
    by_id, by_key = ledger.one("select count(sf_id), count(*) - count(sf_id) from wanted")
    if contract.key is None:
        by_key = 0
    if not by_id and not by_key:
        return 0
    visible = describe_fields(org, contract.object)
    fields = [field.name for field in contract.fields if not field.audit and field.name in visible]
    stamps = [name for name in STAMPS if name in visible]
    columns = list(dict.fromkeys(["Id", *fields, *stamps]))
    files: list[str] = []
    for condition in _conditions(ledger, contract, by_id, by_key):
        soql = f"SELECT {', '.join(columns)} FROM {contract.object} WHERE {condition}"
        files += [str(file) for file in bulk.query_to_files(org, soql, folder) if header_of(file)]
    if files:
        ledger.con.execute(_fill_sql(contract, fields, stamps, read_sql(files, columns)))
    found: int = ledger.one("select count(*) from images")[0]
    return found


def _conditions(ledger: Ledger, contract: Contract, by_id: int, by_key: int) -> Iterator[str]:
    """The conditions of the queries that find the wanted records.

    A first load knows no Id: then whatever has a key is asked for, which is nothing, or all of it is wanted.
    """
    if contract.key and (not by_id or by_id + by_key > FEW):
        yield f"{contract.key} != null"
        return
    for column, name in (("sf_id", "Id"), ("record_key", contract.key or "")):
        rows = "sf_id is not null" if name == "Id" else "sf_id is null"
        count = by_id if name == "Id" else by_key
        if count:
            values = ledger.rows(f"select {column} from wanted where {rows} order by 1")
            yield from id_lists(name, [value for (value,) in values])


def _fill_sql(contract: Contract, fields: Sequence[str], stamps: Sequence[str], source: str) -> str:
    """The statement that fills `images`; a record is found by its Id if we know that, else by its key."""
    shown = {name: f"current.{quoted(name)}" if name in stamps else "null::varchar" for name in STAMPS}
    select = (
        f"select wanted.record_key, current.{quoted('Id')}, {json_sql(fields, 'current.', empty='')},\n"
        f"    {shown['SystemModstamp']}, {shown['LastModifiedDate']}, {shown['LastModifiedById']}\n"
        f"from {source} as current inner join wanted on "
    )
    by_id = f"{select}wanted.sf_id = current.{quoted('Id')}"
    if contract.key is None or contract.key not in fields:
        return f"insert into images {by_id}"
    # two joins on equality instead of one on `or`, which DuckDB would do row against row
    by_key = f"{select}wanted.sf_id is null and wanted.record_key = current.{quoted(contract.key)}"
    return f"insert into images {by_id} union all {by_key}"


def moment_sql(stamp: str) -> str:
    """SQL for a time of the API (`…+0000` or `…Z`) as timestamp, to the second."""
    return (
        f"date_trunc('second', try_cast(regexp_replace({stamp}, '(\\+0000|\\+00:00|Z)$', '') as timestamp))"
    )


def differs_sql(kind: str, ours: str, theirs: str) -> str:
    """SQL: whether two texts of a field are different values, given its type as SQL.

    Salesforce trims text, folds e-mails to lower case, cuts fractions of seconds and pads numbers.
    """
    plain = "rtrim(ltrim(replace({}, chr(13), ''), e' \\t\\n'), e' \\t\\n')"
    text_a, text_b = plain.format(ours), plain.format(theirs)
    numbers = ", ".join(literal(name) for name in sorted(NUMBER_TYPES))
    return f"""(case
        when coalesce({ours}, '') = coalesce({theirs}, '') then false
        when {kind} in ({numbers}) then try_cast({ours} as double) is distinct from try_cast({theirs} as double)
        when {kind} = 'Checkbox' then lower(coalesce(nullif({ours}, ''), 'false'))
            <> lower(coalesce(nullif({theirs}, ''), 'false'))
        when {kind} = 'DateTime' then {moment_sql(ours)} is distinct from {moment_sql(theirs)}
        when {kind} = 'Lookup' then left({ours}, 15) <> left({theirs}, 15)
        when {kind} = 'Email' then lower(trim({ours})) <> lower(trim({theirs}))
        when {kind} = 'MultiselectPicklist' then list_sort(string_split({ours}, ';'))
            <> list_sort(string_split({theirs}, ';'))
        else {text_a} <> {text_b}
    end)"""


def edits_sql(contract: Contract, org_id: str, *, with_kept: bool = True) -> str:
    """A select of the cells of `images` that a person changed since we wrote them: record_key, sf_id, field, ours, theirs.

    A record that nobody touched since our last write has none, however the org may have reshaped our values. A cell
    that was found edited before stays so until it holds our value again. `with_kept` adds the values that were there
    before we took the record over: no load may write them, but nobody edited them either.
    """
    keys = {contract.key, *natural_keys(contract)}
    compared: list[Field] = [field for field in contract.fields if not field.audit and field.name not in keys]
    kinds = ", ".join(f"({literal(field.name)}, {literal(field.type)})" for field in compared) or "('', '')"
    mine = f"org_id = {literal(org_id)} and mart = {literal(contract.mart)}"
    known_edit = f"select record_key, field from ledger.edits where {mine}"
    kept = f"""union
    select touched.record_key, touched.sf_id, payload, written, edits.field, since
    from touched inner join ({known_edit}) as edits on touched.record_key = edits.record_key"""
    kept = kept if with_kept else ""
    return f"""
with kinds(field, kind) as (values {kinds}),
last_write as (
    select job_id, any_value(finished_at) as finished_at, any_value(user_id) as user_id
    from ledger.jobs where org_id = {literal(org_id)} and job_id is not null group by job_id
),
touched as (
    select
        images.record_key, images.sf_id, images.payload, records.written,
        (
            last_write.finished_at is null or last_write.user_id is null
            or left(images.modified_by, 15) is distinct from left(last_write.user_id, 15)
            or {moment_sql("images.modified_at")} > {moment_sql("last_write.finished_at")}
        ) as since
    from images
    inner join (select * from ledger.records where {mine} and written is not null) as records
        on images.record_key = records.record_key
    left join last_write on records.job_id = last_write.job_id
),
cells as (
    select record_key, sf_id, payload, written, unnest(json_keys(written)) as field, since
    from touched
    where since or record_key in (select record_key from ({known_edit}))
    {kept}
),
compared as (
    select
        record_key, sf_id, cells.field, kind, since,
        coalesce(json_extract_string(written, '$."' || cells.field || '"'), '') as ours,
        json_extract_string(payload, '$."' || cells.field || '"') as theirs
    from cells inner join kinds on cells.field = kinds.field
)
select record_key, sf_id, field, ours, theirs
from compared
where
    theirs is not null
    and (since or (record_key, field) in ({known_edit}))
    and {differs_sql("kind", "ours", "theirs")}"""


def note_edits(ledger: Ledger, contract: Contract, org_id: str, run_id: str) -> int:
    """How many cells of the records in `images` people changed; replaces what `ledger.edits` says of these records."""
    ledger.con.execute(f"create or replace temp table kept_edits as {edits_sql(contract, org_id)}")
    mine = f"org_id = {literal(org_id)} and mart = {literal(contract.mart)}"
    with ledger.transaction():
        ledger.con.execute(
            f"delete from ledger.edits where {mine} and record_key in (select record_key from images)"
        )
        ledger.con.execute(
            f"insert into ledger.edits select {literal(org_id)}, {literal(contract.mart)}, record_key, sf_id, field,\n"
            f"ours, theirs, {literal(run_id)}, {NOW} from kept_edits"
        )
    count: int = ledger.one("select count(*) from kept_edits")[0]
    return count


KEEP_SQL = """
update decided set kept_fields = kept.fields from (
    select record_key, concat(',', string_agg(field, ','), ',') as fields from kept_edits group by record_key
) as kept where decided.record_key = kept.record_key"""
