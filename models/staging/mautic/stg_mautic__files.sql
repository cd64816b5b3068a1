with

assets as (

    {{ landed('mautic', 'assets') }}

),

files as (

    {{ landed('mautic', 'files') }}

),

base_mautic__categories as (

    select * from {{ ref('base_mautic__categories') }}

),

stg_mautic__files as (

    select
        {{ record_key('mautic', 'asset', 'assets.id') }} as record_key,
        {{ record_key('mautic', 'user', 'assets.created_by') }} as owner_key,
        {{ clean_text('assets.title') }} as title,
        {{ clean_text('assets.description', keep_lines=true) }} as description,
        coalesce(
            {{ clean_text('files.file_name') }},
            {{ clean_text('assets.original_file_name') }},
            assets.alias || coalesce('.' || assets.extension, '')
        ) as path_on_client,
        -- the old address works as long as the instance does
        case
            when assets.storage_location = 'remote' then assets.remote_path
            else
                '{{ var("mautic_url") }}'
                || '/asset/' || cast(assets.id as varchar)
                || ':' || assets.alias
        end as source_url,
        coalesce(assets.path, assets.remote_path) as storage_path,
        coalesce(files.mime, assets.mime) as mime_type,
        coalesce(files.state, 'not landed') as file_state,
        files.reason as file_state_reason,
        files.local_path,
        files.sha256,
        coalesce(files.size_bytes, assets.size) as size_bytes,
        coalesce(assets.download_count, 0) as download_count,
        coalesce(assets.unique_download_count, 0) as unique_download_count,
        coalesce(assets.is_published = 1, false) as is_active,
        base_mautic__categories.category_path,
        cast(assets.date_added as timestamp) as created_at,
        cast(assets.date_modified as timestamp) as modified_at
    from assets
    left join files
        on files.record_table = 'assets' and cast(assets.id as varchar) = files.record_id
    left join base_mautic__categories on assets.category_id = base_mautic__categories.id

)

select * from stg_mautic__files
