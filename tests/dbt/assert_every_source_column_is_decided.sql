-- Every column that landed is used, ignored for a reason, or has a line in the field map.
with

columns_landed as (

    {{ landed_source_columns() }}

),

columns_declared as (

    {{ declared_source_columns() }}

),

int_field_map as (

    select * from {{ ref('int_field_map') }}

),

-- fields of the customer live in these tables only; new columns elsewhere are declared
entities as (

    {{ entity_tables() }}

)

select
    columns_landed.source_system,
    columns_landed.table_name,
    columns_landed.column_name,
    columns_landed.source_system || ' column '
    || columns_landed.table_name || '.' || columns_landed.column_name
    || case
        when entities.source_entity is not null then ': add a line to seeds/maps/'
        else ': declare it in the sources file of '
    end
    || columns_landed.source_system
    || case when entities.source_entity is not null then '_fields.csv' else '' end as finding
from columns_landed
left join entities
    on
        columns_landed.source_system = entities.source_system
        and columns_landed.table_name = entities.table_name
left join columns_declared
    on
        columns_landed.source_system = columns_declared.source_system
        and columns_landed.table_name = columns_declared.table_name
        and columns_landed.column_name = columns_declared.column_name
left join int_field_map
    on
        columns_landed.source_system = int_field_map.source_system
        and entities.source_entity = int_field_map.source_entity
        and columns_landed.column_name = int_field_map.source_field
where columns_declared.column_name is null and int_field_map.source_field is null
