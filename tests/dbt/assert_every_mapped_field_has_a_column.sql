{{ config(severity='warn') }}
-- A line of the field map for a column that this instance does not have: misspelt, or another
-- customer's. Nothing is lost by it, so it only warns.
with

registry as (

    {{ union_feeds('stg_{}__field_registry', var('feeds')['field_registry']) }}

),

columns_landed as (

    {{ landed_source_columns() }}

),

entities as (

    {{ entity_tables() }}

),

int_field_map as (

    select * from {{ ref('int_field_map') }}

),

without_column as (

    select
        int_field_map.source_system,
        int_field_map.source_entity,
        int_field_map.source_field,
        'is mapped to ' || int_field_map.sf_object || '.' || int_field_map.sf_field
        || ' but has no column' as problem
    from int_field_map
    inner join entities
        on
            int_field_map.source_system = entities.source_system
            and int_field_map.source_entity = entities.source_entity
    left join columns_landed
        on
            entities.source_system = columns_landed.source_system
            and entities.table_name = columns_landed.table_name
            and int_field_map.source_field = columns_landed.column_name
    where
        int_field_map.status <> 'ignored'
        and columns_landed.column_name is null
        -- before the first landing the tables have only the columns that every instance has
        and int_field_map.source_system in (select registry.source_system from registry)

)

select
    source_system,
    source_entity,
    source_field,
    source_system || ' ' || source_entity || ' field ' || source_field || ' ' || problem as finding
from without_column
