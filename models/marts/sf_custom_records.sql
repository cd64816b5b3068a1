with

int_custom_records_placed as (

    select * from {{ ref('int_custom_records_placed') }}
    where exclusion is null

),

int_custom_record_fields as (

    select * from {{ ref('int_custom_record_fields') }}

),

int_custom_record_lookups as (

    select * from {{ ref('int_custom_record_lookups') }}
    where sf_field is not null

),

lookups_of as (

    select
        holder_key,
        max(holder_sf_object) as holder_sf_object,
        bool_or(is_junction) as is_junction,
        min(linked_at) as linked_at,
        {{ json_object_agg('sf_field', 'parent_key') }} as lookups
    from int_custom_record_lookups
    group by 1

),

sf_custom_records as (

    select
        int_custom_records_placed.record_key,
        int_custom_records_placed.sf_object,
        int_custom_records_placed.owner_email,
        coalesce(
            left(int_custom_records_placed.record_name, 80), int_custom_records_placed.record_key
        ) as record_name,
        int_custom_records_placed.category_path,
        int_custom_records_placed.created_at as source_created_at,
        int_custom_record_fields.fields,
        lookups_of.lookups
    from int_custom_records_placed
    left join int_custom_record_fields
        on int_custom_records_placed.record_key = int_custom_record_fields.record_key
    left join lookups_of on int_custom_records_placed.record_key = lookups_of.holder_key

    union all

    select
        holder_key as record_key,
        holder_sf_object as sf_object,
        cast(null as varchar) as owner_email,
        left(holder_key, 80) as record_name,
        cast(null as varchar) as category_path,
        linked_at as source_created_at,
        cast(null as varchar) as fields,
        lookups
    from lookups_of
    where is_junction

)

select * from sf_custom_records
