"""The SQL that turns mart rows into Bulk CSV text. Pure: contracts in, SQL out; DuckDB runs it.

A cell is formatted once, the same way for the hash, the width and the file: booleans `true`/`false`, dates
`YYYY-MM-DD`, times `YYYY-MM-DDTHH:MM:SS.mmmZ` in UTC, numbers without exponent or separator, text as it is.
An empty text is no value to Salesforce, so it is null here. In the file, null is an empty cell, which leaves
the field alone; only where the last load had written a value it is `#N/A`, which empties the field. So what a
person or a default put into a field that the source never filled stays.

Limits: 100 MB of CSV a job (docs: Bulk API 2.0, "create job"); DuckDB checks a file's size every 2,048 rows
only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from loaders.salesforce.contract import NUMBER_TYPES, RECORD_KEY, Contract, Field

NULL_MARK = "#N/A"
PART_LIMIT = 100_000_000  # bytes a job may carry
PART_TARGET = 95_000_000  # what a part aims at when its rows are of ordinary width
ROWS_PER_CHECK = 2_048  # DuckDB looks at the size of a file once per vector
ID_WIDTH = 22  # an 18-character Id with quotes and separator, at most
FILE_PATH, FILE_HASH, FILE_SIZE = "_path", "_sha256", "_size"  # what `formatted` has of a file
WAREHOUSE = "warehouse"  # name under which the warehouse is attached


@dataclass(frozen=True)
class Cut:
    """How a mart's rows become files: by DuckDB at `file_size` bytes, or row by row when `exact` is set."""

    file_size: int
    exact: bool


def quoted(name: str) -> str:
    """The SQL identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def lookups(contract: Contract) -> list[Field]:
    """Fields whose cell is the Id of a parent, which only the org knows."""
    return [field for field in contract.fields if field.is_lookup]


def cell_sql(field: Field, value: str) -> str:
    """SQL for the text of one value in the Bulk CSV; `value` is SQL of the mart's type."""
    if field.type == "Checkbox":
        return f"case cast({value} as boolean) when true then 'true' when false then 'false' end"
    if field.type == "Date":
        return f"strftime(cast({value} as date), '%Y-%m-%d')"
    if field.type == "DateTime":
        return f"strftime(cast({value} as timestamp), '%Y-%m-%dT%H:%M:%S.%gZ')"
    if field.type in NUMBER_TYPES and field.scale is not None:
        return f"cast(cast({value} as decimal(38, {field.scale})) as varchar)"
    return f"nullif(cast({value} as varchar), '')"


def formatted_sql(contract: Contract, database: str = WAREHOUSE) -> str:
    """A select with `_record_key`, `_partition` and one text column a field, named by its API name.

    Lookups hold what the mart holds, a record_key or an e-mail: these texts are the same for every org.
    """
    unpacked, custom = _unpacked(contract)
    cells = [
        f"{custom[field.name] if field.column is None else cell_sql(field, quoted(field.column))} "
        f"as {quoted(field.name)}"
        for field in contract.fields
    ]
    if contract.file:
        cells += [
            f"cast({quoted(contract.file.path)} as varchar) as {FILE_PATH}",
            f"lower(cast({quoted(contract.file.sha256)} as varchar)) as {FILE_HASH}",
            f"cast({quoted(contract.file.size)} as bigint) as {FILE_SIZE}",
        ]
    partition = _partition_sql(contract)
    listed = ",\n    ".join(
        [f"cast({RECORD_KEY} as varchar) as _record_key", f"{partition} as _partition", *cells]
    )
    source = contract.source(database)
    return f"select\n    {listed}\nfrom (\n    select\n        *{unpacked}\n    from {source}\n) as mart_rows"


def _partition_sql(contract: Contract) -> str:
    """SQL for the parent that a row's part goes by; `partition_by` names the column or its field."""
    wanted = contract.partition_by
    if not wanted:
        return "null::varchar"
    field = next((one for one in contract.fields if one.name == wanted), None)
    return raw_value(field) if field else f"cast({quoted(wanted)} as varchar)"


def _unpacked(contract: Contract) -> tuple[str, dict[str, str]]:
    """The columns that take the JSON columns apart, once a row, and by field the SQL of its text in them."""
    columns, cells = "", dict[str, str]()
    for place, column in enumerate(dict.fromkeys(one.json for one in contract.fields if one.column is None)):
        names = [one.name for one in contract.fields if one.column is None and one.json == column]
        paths = ", ".join(json_path(name) for name in names)
        columns += f",\n        json_extract_string({quoted(column)}, [{paths}]) as _custom_{place}"
        cells |= {
            name: f"nullif(_custom_{place}[{number}], '')" for number, name in enumerate(names, start=1)
        }
    return columns, cells


def json_path(name: str) -> str:
    """SQL for the path to one key of a JSON object."""
    return literal(f'$."{name}"')


def raw_value(field: Field) -> str:
    """SQL for what a row of the mart holds for a field, as text."""
    if field.column is None:
        return f"json_extract_string({quoted(field.json)}, {json_path(field.name)})"
    return f"cast({quoted(field.column)} as varchar)"


def payload_sql(contract: Contract) -> str:
    """SQL over `formatted_sql` for one text that stands for all that a change could send.

    Fields that are sent on insert only are left out, so a change in them is none. The text is a JSON array
    that begins with the field names: a field that joins the contract changes every row's hash. A file is its
    content too. What the org at hand allows does not count: the hash is the same for every org.
    """
    fields = [field for field in contract.fields if not (field.audit or field.insert_only)]
    names = literal(",".join(field.name for field in fields))
    cells = [names, *(quoted(field.name) for field in fields), *([FILE_HASH] if contract.file else [])]
    return f"cast(json_array({', '.join(cells)}) as varchar)"


def width_sql(contract: Contract, payload: str) -> str:
    """SQL for an upper bound of the row's bytes in the file.

    In JSON every cell is at least as long as in CSV (quotes doubled there, escaped here; null is as long as
    `#N/A`), except Ids, which are not known yet. What the payload leaves out is counted beside it.
    """
    extra = ID_WIDTH * (len(lookups(contract)) + 1) + 32 * sum(field.audit for field in contract.fields)
    more = [quoted(one.name) for one in contract.fields if one.insert_only and not one.audit]
    beside = f" + strlen(cast(json_array({', '.join(more)}) as varchar))" if more else ""
    return f"strlen({payload}){beside} + {extra}"


def null_mark_sql(contract: Contract) -> str:
    """SQL for the name of a field whose text is literally `#N/A`: Salesforce would empty the field."""
    cases = [
        f"when {quoted(field.name)} = {literal(NULL_MARK)} then {literal(field.name)}"
        for field in contract.fields
        if not field.is_lookup
    ]
    return f"case {' '.join(cases)} end" if cases else "null::varchar"


def headers(contract: Contract, operation: str) -> list[str]:
    """The columns of a part: the fields, and for an update the Id and only what an update may send."""
    if operation == "update":
        return ["Id", *(field.name for field in contract.updated_fields)]
    return [field.name for field in contract.fields]


def result_headers(contract: Contract, operation: str) -> list[str]:
    """The columns of a part that tell its rows apart in the results."""
    if operation == "update":
        return ["Id"]
    if contract.key:
        return [contract.key]
    return [*contract.key_fields]


def export_sql(
    contract: Contract,
    operation: str,
    decisions: Sequence[str],
    part: int | None = None,
    kept: Collection[str] = (),
    extra: Sequence[str] = (),
) -> str:
    """The select behind a part: rows of `decided` with one of `decisions`, sorted by parent, then key.

    `kept` names fields that cannot be empty in the org, so that an owner who is gone from the source stays.
    `extra` adds columns that do not go into the file.

    `decided` is the table that plan.decide_sql fills; it holds the Ids of the parents under `id:<field>` and in
    kept_fields the names of the fields whose cell stays empty, because a person changed them in the org.
    """
    untouched = {*kept, contract.key, *contract.key_fields}
    cells = [_exported(contract, name, name in untouched) for name in headers(contract, operation)] + [*extra]
    chosen = ", ".join(literal(decision) for decision in decisions)
    only_part = f" and decided.part = {part}" if part is not None else ""
    listed = ",\n    ".join(cells)
    return (
        f"with formatted as (\n{formatted_sql(contract)}\n)\n"
        f"select\n    {listed}\n"
        "from formatted\ninner join decided on formatted._record_key = decided.record_key\n"
        f"where decided.decision in ({chosen}){only_part}\n"
        "order by decided.partition_value nulls first, decided.record_key"
    )


def _exported(contract: Contract, name: str, is_kept: bool) -> str:
    """One column of the part."""
    if name == "Id":
        return 'decided.sf_id as "Id"'
    field = contract.field(name)
    value = f"decided.{quoted('id:' + name)}" if field.is_lookup else f"formatted.{quoted(name)}"
    emptied = "'false'" if field.type == "Checkbox" else literal(NULL_MARK)
    if field.audit:
        return f"{value} as {quoted(name)}"
    if field.insert_only:
        # an upsert carries new and known records in one part; what is there already keeps its value
        new = "decided.decision = 'new' and not coalesce(contains(decided.kept_fields, "
        return f"case when {new}{literal(f',{name},')}), false) then {value} end as {quoted(name)}"
    if is_kept and field.type != "Checkbox":
        emptied = "null"
    had_value = f"contains(decided.was_filled, {literal(f',{name},')})"
    edited = f"contains(decided.kept_fields, {literal(f',{name},')})"
    return (
        f"case when {edited} then null when {value} is null and {had_value} then {emptied} else {value} end "
        f"as {quoted(name)}"
    )


def sent_sql(contract: Contract, operation: str, decisions: Sequence[str], file: str, part: int) -> str:
    """A select with record_key, result_key, payload_hash, is_new and filled of the rows of one part.

    `filled` names the fields that get a value, as `,Name,Website,`.
    They are read back from the file that will be sent, so what is journalled is what is in it. Only objects
    without any key of their own are taken from the table instead; their parts are cut there, row by row.
    """
    names = result_headers(contract, operation)
    known = "decided.payload_hash, decided.decision = 'new' as is_new"
    filled = filled_sql(headers(contract, operation))
    if names == ["Id"] or names == [contract.key]:
        column = "sf_id" if names == ["Id"] else "record_key"
        return (
            f"select decided.record_key, decided.{column} as result_key, {known}, {filled} as filled\n"
            f"from {read_sql([file], headers(contract, operation))} as part\n"
            f"inner join decided on part.{quoted(names[0])} = decided.{column}"
        )
    extra = ["decided.record_key", "decided.payload_hash", "decided.decision = 'new' as is_new"]
    select = export_sql(contract, operation, decisions, part, extra=extra)
    return (
        f"select record_key, {result_key_sql(names)} as result_key, payload_hash, is_new,\n"
        f"{filled} as filled from (\n{select}\n) as part"
    )


def filled_sql(names: Sequence[str]) -> str:
    """SQL for the names of the columns of `part` that hold a value, between commas."""
    cases = ", ".join(
        f"case when part.{quoted(name)} <> {literal(NULL_MARK)} then {literal(name + ',')} end"
        for name in names
    )
    return f"concat(',', {cases})"


def result_key_sql(names: Sequence[str]) -> str:
    """SQL for the one text that tells the rows of a job apart."""
    cells = ", ".join(f"coalesce({quoted(name)}, '')" for name in names)
    return f"concat_ws(chr(31), {cells})"


def cut_for(widest: int, limit: int = PART_LIMIT, target: int = PART_TARGET) -> Cut:
    """How to cut rows of at most `widest` bytes so that no file passes `limit` bytes."""
    file_size = min(target, limit - ROWS_PER_CHECK * widest)
    return Cut(file_size, exact=False) if file_size >= limit // 2 else Cut(limit - widest, exact=True)


def number_parts_sql(cut: Cut, decisions: Sequence[str]) -> str:
    """The statement that gives every row of an exact cut its part number by the running sum of widths."""
    chosen = ", ".join(literal(decision) for decision in decisions)
    return (
        "update decided set part = numbered.part from (\n"
        "    select record_key, cast((sum(width) over (\n"
        "        order by partition_value nulls first, record_key rows unbounded preceding\n"
        f"    ) - width) // {cut.file_size} as integer) as part\n"
        f"    from decided where decision in ({chosen})\n"
        ") as numbered where decided.record_key = numbered.record_key"
    )


def copy_sql(select: str, target: str, cut: Cut) -> str:
    """The COPY that writes `select` to a folder (one or more files) or, for an exact cut, to one file."""
    size = "" if cut.exact else f", file_size_bytes {cut.file_size}"
    options = "format csv, header, delimiter ',', quote '\"', escape '\"'" + size
    return f"copy (\n{select}\n) to {literal(target)} ({options})"


def read_sql(files: Sequence[str], columns: Sequence[str]) -> str:
    """A table function that reads parts or results back, every cell as text, embedded line ends kept.

    Columns are named, not sniffed: a result file may be empty, or its first rows may not be typical.
    """
    listed = ", ".join(literal(file) for file in files)
    typed = ", ".join(f"{literal(column)}: 'varchar'" for column in columns)
    return (
        f"read_csv([{listed}], columns = {{{typed}}}, auto_detect = false, header = true, delim = ',', "
        "quote = '\"', escape = '\"', new_line = '\\n', nullstr = '', max_line_size = 4000000)"
    )
