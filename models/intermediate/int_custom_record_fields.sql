with

int_custom_record_values_unioned as (

    select * from {{ ref('int_custom_record_values_unioned') }}

),

int_custom_records_placed as (

    select * from {{ ref('int_custom_records_placed') }}
    where exclusion is null

),

int_field_map as (

    select * from {{ ref('int_field_map') }}
    where status = 'confirmed' and sf_type not like 'Lookup(%'

),

shaped as (

    select
        int_custom_records_placed.record_key,
        int_field_map.sf_field,
        {{ salesforce_value_of('int_custom_record_values_unioned.value', 'int_field_map.sf_type') }}
            as sf_value
    from int_custom_record_values_unioned
    inner join int_custom_records_placed
        on int_custom_record_values_unioned.record_key = int_custom_records_placed.record_key
    inner join int_field_map
        on
            int_custom_records_placed.source_system = int_field_map.source_system
            and int_custom_records_placed.source_object = int_field_map.source_entity
            and int_custom_record_values_unioned.source_field = int_field_map.source_field
            and int_custom_records_placed.sf_object = int_field_map.sf_object

),

int_custom_record_fields as (

    select
        record_key,
        {{ json_object_agg('sf_field', 'sf_value') }} as fields
    from shaped
    where sf_value is not null
    group by 1

)

select * from int_custom_record_fields
