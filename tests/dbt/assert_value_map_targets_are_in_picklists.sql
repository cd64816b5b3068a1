-- A decision can only name a value that the picklist has.
with

int_value_map as (

    select * from {{ ref('int_value_map') }}

),

picklists as (

    select * from {{ ref('picklists') }}

)

select
    int_value_map.source_system,
    int_value_map.source_field,
    int_value_map.source_value,
    int_value_map.source_system || ' ' || int_value_map.source_field || ' "'
    || coalesce(int_value_map.source_value, '') || '": '
    || int_value_map.sf_object || '.' || int_value_map.sf_field
    || ' has no value "' || int_value_map.sf_value || '" in seeds/salesforce/picklists.csv'
        as finding
from int_value_map
left join picklists
    on
        int_value_map.sf_object = picklists.sf_object
        and int_value_map.sf_field = picklists.sf_field
        and int_value_map.sf_value = picklists.sf_value
where
    int_value_map.sf_object is not null
    and int_value_map.sf_field is not null
    and picklists.sf_value is null
