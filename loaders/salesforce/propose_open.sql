-- Which fields nobody has decided yet (COM-04). The files propose_*.sql run in the order of propose.STEPS, over tables that
-- propose_inputs.py fills: seeds, registry, what landed, what the org describes. Same input, same output.
create or replace temp macro value_key(value) as
    coalesce(nullif(regexp_replace(lower(value), '[^\p{L}\p{N}]', '', 'g'), ''), lower(value), '');

-- 1 for the same, 0 for nothing in common. Either measure alone is too kind to words that begin alike: "Account Tier" is no "Account Type".
create or replace temp macro likeness(one, other) as case
    when one = other then 1.0
    when one = '' or other = '' then 0.0
    else (
        jaro_winkler_similarity(left(one, 100), left(other, 100))
        + 1 - levenshtein(left(one, 100), left(other, 100)) / greatest(length(left(one, 100)), length(left(other, 100)))
    ) / 2
end;

create or replace temp macro as_words(name) as array_to_string(
    list_transform(
        list_filter(string_split(replace(replace(name, '_', ' '), '-', ' '), ' '), lambda word: word <> ''),
        lambda word: upper(word[1]) || word[2:]
    ), ' '
);

-- The two dbt tests assert_every_registered_field_is_decided and assert_every_source_column_is_decided ask the same.
create or replace temp table open_fields as
with known as (
    select source_system, source_entity, source_field, label, field_type, null as column_type from registry
    union all
    select source_system, source_entity, column_name, null, null, data_type from landed where source_entity is not null
), fields as (
    select
        source_system,
        source_entity,
        source_field,
        coalesce(max(label), as_words(source_field)) as label,
        max(label) is not null as is_registered,
        max(field_type) as field_type,
        max(column_type) as column_type
    from known
    group by source_system, source_entity, source_field
)
select fields.*
from fields
where not exists (
    select 1 from declared
    inner join entity_tables using (source_system, table_name)
    where declared.source_system = fields.source_system
        and entity_tables.source_entity = fields.source_entity
        and declared.column_name = fields.source_field
)
and not exists (
    select 1 from map_fields
    where map_fields.source_system = fields.source_system
        and map_fields.source_entity = fields.source_entity
        and map_fields.source_field = fields.source_field
);
