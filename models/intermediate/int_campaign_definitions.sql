with

int_campaigns_shaped as (

    select * from {{ ref('int_campaigns_shaped') }}
    where definition_for_file is not null and is_migrated

),

int_campaign_definitions as (

    select
        definition_key as record_key,
        record_key as campaign_key,
        owner_email,
        definition_title as title,
        {{ sha256_of('definition_for_file') }} || '.json' as local_path,
        {{ sha256_of('definition_for_file') }} as sha256,
        {{ byte_length('definition_for_file') }} as size_bytes,
        definition_for_file as definition,
        created_at
    from int_campaigns_shaped

)

select * from int_campaign_definitions
