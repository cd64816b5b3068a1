with

int_files_unioned as (

    select * from {{ ref('int_files_unioned') }}
    where file_state = 'landed'

),

int_campaign_definitions as (

    select * from {{ ref('int_campaign_definitions') }}

),

int_owners as (

    select * from {{ ref('int_owners') }}

),

sf_files as (

    select
        int_files_unioned.record_key,
        int_owners.owner_email,
        left(coalesce(int_files_unioned.title, int_files_unioned.path_on_client), 255) as title,
        left(int_files_unioned.description, 1000) as description,
        right(int_files_unioned.path_on_client, 500) as path_on_client,
        int_files_unioned.local_path,
        int_files_unioned.sha256,
        int_files_unioned.size_bytes,
        int_files_unioned.source_url,
        int_files_unioned.storage_path,
        {{ category_field('int_files_unioned.category_path') }} as category_path,
        int_files_unioned.download_count,
        int_files_unioned.unique_download_count,
        int_files_unioned.created_at as source_created_at
    from int_files_unioned
    left join int_owners on int_files_unioned.owner_key = int_owners.record_key

    union all

    select
        record_key,
        owner_email,
        title,
        'Definition of the segment, too long for its Campaign.' as description,
        title as path_on_client,
        local_path,
        sha256,
        size_bytes,
        cast(null as varchar) as source_url,
        cast(null as varchar) as storage_path,
        cast(null as varchar) as category_path,
        cast(null as bigint) as download_count,
        cast(null as bigint) as unique_download_count,
        created_at as source_created_at
    from int_campaign_definitions

)

select * from sf_files
