"""The general rules as SQL: what every object refuses, in the order in which Salesforce reports it.

Each function returns expressions that are null for a good row and an error text (`values.error`) for a
bad one. They read the columns that `writer` lays out: `t_<i>` trimmed cell, `v_<i>` typed value,
`g_<Field>`, `n_<Field>`, `m_<Field>`, `target_*` of the record that the row meets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from loaders.rehearsal.org.catalogue import AUDIT_FIELDS, FieldInfo, ObjectInfo
from loaders.rehearsal.org.header import Column
from loaders.rehearsal.org.rules import ObjectRules, Unique
from loaders.rehearsal.org.store import literal, quote, table
from loaders.rehearsal.org.values import error, parse

NO_ACCESS = (
    ". Please check the security settings of this field and verify that it is read/write for your profile or "
    "permission set."
)


def closed(info: ObjectInfo, operation: str) -> list[str]:
    """Objects whose records the API does not make or change."""
    found = []
    if not info.createable and operation != "update":
        text = literal(f"entity type cannot be inserted: {info.label}")
        refusal = error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text)
        new = "true" if operation == "insert" else "target_id is null"
        found.append(f"case when {new} then {refusal} end")
    if not info.updateable and operation != "insert":
        text = literal(f"entity type cannot be updated: {info.label}")
        refusal = error("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text)
        found.append(
            refusal if operation == "update" else f"case when target_id is not null then {refusal} end"
        )
    return found


def unreadable(columns: Sequence[Column], api: str) -> list[str]:
    """Cells that are no value of their field's type; the two APIs word it differently."""
    found = []
    for column in columns:
        if column.parent:
            continue
        parsed = parse(column.field, f"t_{column.index}")
        if not parsed.unreadable:
            continue
        if api == "bulk":
            head = f"Failed to deserialize field at col {column.index}. Due to, '"
            tail = f"' is not a valid value for the type {column.field.soap_type}"
            code, fields = "INVALID_FIELD", literal(column.field.name)
        else:
            head = f"Cannot deserialize instance of {column.field.type} from VALUE_STRING value "
            tail = " or request may be missing a required field at [line:1, column:1]"
            code, fields = "JSON_PARSER_ERROR", "''"
        message = f"{literal(head)} || left(t_{column.index}, 255) || {literal(tail)}"
        found.append(f"case when {parsed.unreadable} then {error(code, message, fields)} end")
    return found


def keys(info: ObjectInfo, operation: str, key: Column | None, external_id: FieldInfo | None) -> list[str]:
    """Ids and external ids that are missing, malformed, unknown, or given twice in a chunk."""
    if operation == "insert":
        if key is None:
            return []
        refusal = error("INVALID_FIELD_FOR_INSERT_UPDATE", "'cannot specify Id in an insert call'", "'Id'")
        return [f"case when cand.t_{key.index} is not null then {refusal} end"]
    label = external_id.name if external_id else "Id"
    where = " in an update call" if operation == "update" else ""
    missing = error("MISSING_ARGUMENT", literal(f"{label} not specified{where}"))
    if key is None:
        return [missing] if operation == "update" or external_id else []
    cell = f"cand.t_{key.index}"
    kind = "external id" if external_id else "id"
    twin = error("DUPLICATE_VALUE", f"'Duplicate {kind} specified: ' || {cell}", literal(label))
    several = error(
        "DUPLICATE_EXTERNAL_ID", "'More than one record found for external id field: [' || target_ids || ']'"
    )
    found = []
    if external_id or operation == "update":
        found.append(f"case when {cell} is null then {missing} end")
    if not external_id:
        malformed = error("MALFORMED_ID", f"'malformed id ' || {cell}", "'Id'")
        head = literal(info.label + " ID: id value of incorrect type: ")
        wrong = error("MALFORMED_ID", f"{head} || {cell}", "'Id'")
        unknown = error("INVALID_CROSS_REFERENCE_KEY", literal("invalid cross reference id"))
        deleted = error("ENTITY_IS_DELETED", literal("entity is deleted"))
        prefix = literal(info.key_prefix or "")
        found += [
            f"case when {cell} is not null and cand.row_key is null then {malformed} end",
            f"case when {prefix} <> '' and left(cand.row_key, 3) <> {prefix} then {wrong} end",
            f"case when {cell} is not null and target_id is null then {unknown} end",
            f"case when target_deleted then {deleted} end",
        ]
    return [*found, f"case when twins > 1 then {twin} end", f"case when target_n > 1 then {several} end"]


def value_errors(columns: Sequence[Column]) -> list[str]:
    """Lengths, formats, ranges and restricted picklists of the given cells."""
    found: list[str] = []
    for column in columns:
        if not column.parent:
            found.extend(parse(column.field, f"t_{column.index}").errors)
    return found


def record_types(info: ObjectInfo, given: Sequence[FieldInfo]) -> list[str]:
    """Record types that the user may not use, and values that a record type does not allow.

    Salesforce holds a record type against restricted picklists only; any other picklist takes every value
    through the API.
    """
    found = []
    if any(field.name == "RecordTypeId" for field in given):
        closed = [literal(one.id) for one in info.record_types if not one.available]
        if closed:
            message = "'Record Type ID: this ID value isn''t valid for the user: ' || \"m_RecordTypeId\""
            refusal = error("INVALID_CROSS_REFERENCE_KEY", message, "'RecordTypeId'")
            found.append(
                f'case when "g_RecordTypeId" and "m_RecordTypeId" in ({", ".join(closed)}) then {refusal} end'
            )
    for field in given:
        if not field.restricted_picklist:
            continue
        value = quote("m_" + field.name)
        for one in info.record_types:
            allowed = one.picklists.get(field.name.lower())
            if allowed is None:
                continue
            known = "[" + ", ".join(literal(text) for text in allowed) + "]::varchar[]"
            unknown = f"list_filter(string_split({value}, ';'), lambda x: not list_contains({known}, x))"
            wrong = f"len({unknown}) > 0"
            refusal = error(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{literal(field.label + ': bad value for restricted picklist field: ')} || {value}",
                literal(field.name),
            )
            found.append(
                f'case when {quote("g_" + field.name)} and "m_RecordTypeId" = {literal(one.id)} and {wrong} '
                f"then {refusal} end"
            )
    return found


def access(info: ObjectInfo, fields: Iterable[FieldInfo], operation: str, key: str | None) -> list[str]:
    """Fields that the operation may not write, if the row gives them a value."""
    on_insert: list[str] = []
    on_update: list[str] = []
    for field in fields:
        if field.name == "Id" or field.name == key:
            continue
        audit = field.name in AUDIT_FIELDS
        if not field.createable or (audit and operation == "upsert"):
            on_insert.append(field.name)
        if not field.updateable or audit:
            on_update.append(field.name)
    found = []
    for plain, condition in ((on_insert, "is_new"), (on_update, "not is_new")):
        if plain:
            names = [f"case when {quote('g_' + name)} then {literal(name)} end" for name in plain]
            any_given = " or ".join(quote("g_" + name) for name in plain)
            listed = f"array_to_string(list_filter([{', '.join(names)}], lambda x: x is not null), ', ')"
            message = f"'Unable to create/update fields: ' || {listed} || {literal(NO_ACCESS)}"
            refusal = error("INVALID_FIELD_FOR_INSERT_UPDATE", message, listed)
            found.append(f"case when {condition} and ({any_given}) then {refusal} end")
    return found


def frozen(rules: ObjectRules, given: Sequence[FieldInfo], operation: str) -> list[str]:
    """Changes of records that may not change any more."""
    blocked = [f for f in given if not f.custom and f.name not in rules.never_frozen]
    if operation == "insert" or rules.frozen_when is None or not blocked:
        return []
    touched = " or ".join(quote("g_" + field.name) for field in blocked)
    refusal = error("INSUFFICIENT_ACCESS_OR_READONLY", "'insufficient access rights on object id'")
    return [f"case when not is_new and ({rules.frozen_when}) and ({touched}) then {refusal} end"]


def storage(kilobytes: int, left: float | None, first_row: int) -> list[str]:
    """New rows for which the data storage does not suffice; `left` in kilobytes, None without limit."""
    if left is None:
        return []
    refusal = error("STORAGE_LIMIT_EXCEEDED", "'storage limit exceeded'")
    return [f"case when is_new and (row_no - {first_row} + 1) * {kilobytes} > {left} then {refusal} end"]


def required(info: ObjectInfo, given: Sequence[FieldInfo]) -> list[str]:
    """Values that must be there: all on insert, none taken away on update."""
    names = {field.name for field in given}
    conditions: list[tuple[str, str]] = []
    for field in info.fields.values():
        if field.storage_type is None or field.type == "boolean":
            continue
        if field.required_on_create:
            missing = f" and {quote('m_' + field.name)} is null" if field.name in names else ""
            conditions.append((f"is_new{missing}", field.name))
        if field.name in names and not field.nillable and field.updateable:
            cleared = f"not is_new and {quote('g_' + field.name)} and {quote('n_' + field.name)} is null"
            conditions.append((cleared, field.name))
    found = []
    if conditions:
        parts = [f"case when {condition} then {literal(name)} end" for condition, name in conditions]
        any_missing = " or ".join(f"({condition})" for condition, _ in conditions)
        listed = f"array_to_string(list_filter([{', '.join(parts)}], lambda x: x is not null), ', ')"
        refusal = error(
            "REQUIRED_FIELD_MISSING", f"'Required fields are missing: [' || {listed} || ']'", listed
        )
        found.append(f"case when {any_missing} then {refusal} end")
    for field in given:
        if field.type == "boolean":
            message = literal(f"{field.label}: value not of required type: null")
            refusal = error("INVALID_TYPE_ON_FIELD_IN_RECORD", message, literal(field.name))
            empty = f"{quote('g_' + field.name)} and {quote('n_' + field.name)} is null"
            found.append(f"case when {empty} then {refusal} end")
    return found


def references(
    columns: Sequence[Column],
    info: ObjectInfo,
    allowed: Callable[[FieldInfo], Iterable[str]],
    inactive_owners: bool = False,
) -> list[str]:
    """Lookups that lead nowhere, to the wrong object, or to an inactive owner; `allowed` gives a
    field's key prefixes."""
    found = []
    for column in columns:
        field, cell = column.field, f"t_{column.index}"
        name = literal(field.name)
        if field.type != "reference" or not field.reference_to:
            continue
        if column.parent and column.parent_field:
            where = f" not found for field {column.parent_field.name} in entity {column.parent.name}"
            absent = error(
                "INVALID_FIELD", f"'Foreign key external ID: ' || {cell} || {literal(where)}", name
            )
            several = error(
                "DUPLICATE_EXTERNAL_ID",
                f"'More than one record found for external id field: [' || x_{column.index}.ids || ']'",
                name,
            )
            found.append(f"case when {cell} is not null and x_{column.index}.id is null then {absent} end")
            found.append(f"case when x_{column.index}.n > 1 then {several} end")
        else:
            wrong = error(
                "MALFORMED_ID", f"{literal(field.label + ': id value of incorrect type: ')} || {cell}", name
            )
            absent = error("INVALID_CROSS_REFERENCE_KEY", "'invalid cross reference id'", name)
            deleted = error("ENTITY_IS_DELETED", "'entity is deleted'", name)
            there = f"r_{column.index}"
            prefixes = ", ".join(literal(prefix) for prefix in sorted(allowed(column.field)))
            misfit = f"v_{column.index} is null or left(v_{column.index}, 3) not in ({prefixes or 'null'})"
            found.append(f"case when {cell} is not null and ({misfit}) then {wrong} end")
            found.append(f"case when {cell} is not null and {there}.id is null then {absent} end")
            found.append(f"case when {there}.is_deleted then {deleted} end")
        if field.name == "OwnerId" and not inactive_owners:
            alias = f"x_{column.index}" if column.parent else f"r_{column.index}"
            text = (
                f"'operation performed with inactive user [' || {alias}.id || '] as owner of ' || "
                f"{literal(info.name.lower())}"
            )
            refusal = error("INACTIVE_OWNER_OR_USER", text, "'OwnerId'")
            found.append(f"case when {alias}.is_active = false then {refusal} end")
    return found


def comparable(field: FieldInfo, value: str) -> str:
    """SQL: the form in which two values of a unique or external id field are the same."""
    if field.storage_type != "VARCHAR" or field.case_sensitive or field.type in ("id", "reference"):
        return value
    return f"lower({value})"


def duplicate_text(field: FieldInfo, holder: str) -> str:
    """SQL: what Salesforce says of a value that the record `holder` (an id expression) has already."""
    return f"'duplicate value found: {field.name} duplicates value on record with id: ' || left({holder}, 15)"


def uniqueness(
    info: ObjectInfo, unique: Sequence[FieldInfo], cells: Mapping[str, str], rows: str
) -> tuple[list[str], list[str]]:
    """Common table expressions that find the holders of unique values, and the errors against them.

    `cells` names the typed cell of each field, `rows` is the from clause of the batch.
    """
    expressions, errors = [], []
    for number, field in enumerate(unique):
        stored, wanted = comparable(field, quote(field.name)), comparable(field, cells[field.name])
        expressions.append(
            f'u_{number} as (select {stored} as key, min("Id") as id, max("Id") as other from '
            f"{table(info.name)} "
            f'where not "IsDeleted" and {stored} in (select {wanted} from {rows}) group by 1)'
        )
        holder = f"case when u_{number}.id = target_id then u_{number}.other else u_{number}.id end"
        message = duplicate_text(field, holder)
        other = f"u_{number}.id is not null and {holder} is distinct from target_id"
        taken = f"{quote('g_' + field.name)} and {other}"
        errors.append(f"case when {taken} then {error('DUPLICATE_VALUE', message)} end")
    return expressions, errors


def together(info: ObjectInfo, number: int, rule: Unique) -> str:
    """Common table expression with the holders of the keys that a rule makes of several fields."""
    live = 'not "IsDeleted" and ' if info.has("IsDeleted") else ""
    return (
        f'y_{number} as (select {rule.stored} as key, min("Id") as id from {table(info.name)} '
        f"where {live}{rule.stored} in (select {rule.new} from merged) group by 1)"
    )


def taken_together(number: int, rule: Unique) -> str:
    """The error of a row whose key another record has."""
    refusal = error(rule.code, literal(rule.message))
    return (
        f"case when y_{number}.id is distinct from target_id and y_{number}.id is not null then {refusal} end"
    )
