-- Every field that the source's own registry knows is mapped or ignored, by a line or by a model.
with

registry as (

    {{ union_feeds('stg_{}__field_registry', var('feeds')['field_registry']) }}

),

columns_declared as (

    {{ declared_source_columns() }}

),

entities as (

    {{ entity_tables() }}

),

int_field_map as (

    select * from {{ ref('int_field_map') }}

),

undecided as (

    select
        registry.source_system,
        registry.source_entity,
        registry.source_field,
        'is registered as "' || registry.label || '" (' || registry.field_type
        || ') but nobody has decided about it: add a line to seeds/maps/'
        || registry.source_system || '_fields.csv' as problem
    from registry
    left join entities
        on
            registry.source_system = entities.source_system
            and registry.source_entity = entities.source_entity
    left join columns_declared
        on
            entities.source_system = columns_declared.source_system
            and entities.table_name = columns_declared.table_name
            and registry.source_field = columns_declared.column_name
    left join int_field_map
        on
            registry.source_system = int_field_map.source_system
            and registry.source_entity = int_field_map.source_entity
            and registry.source_field = int_field_map.source_field
    where columns_declared.column_name is null and int_field_map.source_field is null

)

select
    source_system,
    source_entity,
    source_field,
    source_system || ' ' || source_entity || ' field ' || source_field || ' ' || problem as finding
from undecided
