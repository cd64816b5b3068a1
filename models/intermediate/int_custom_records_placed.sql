with

int_custom_records_unioned as (

    select * from {{ ref('int_custom_records_unioned') }}

),

custom_objects as (

    select * from {{ ref('custom_objects') }}

),

int_owners as (

    select * from {{ ref('int_owners') }}

),

int_custom_records_placed as (

    select
        int_custom_records_unioned.source_system,
        int_custom_records_unioned.record_key,
        int_custom_records_unioned.source_object,
        case when custom_objects.status = 'confirmed' then custom_objects.sf_object end
            as sf_object,
        int_owners.owner_email,
        int_custom_records_unioned.record_name,
        int_custom_records_unioned.category_path,
        int_custom_records_unioned.created_at,
        case
            when custom_objects.status = 'ignored' then 'custom object is ignored'
            when custom_objects.status = 'confirmed' then null
            else 'custom object is not decided'
        end as exclusion
    from int_custom_records_unioned
    left join custom_objects
        on int_custom_records_unioned.source_object = custom_objects.source_object
    left join int_owners on int_custom_records_unioned.owner_key = int_owners.record_key

)

select * from int_custom_records_placed
