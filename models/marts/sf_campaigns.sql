with

int_campaigns_shaped as (

    select * from {{ ref('int_campaigns_shaped') }}
    where is_migrated

),

sf_campaigns as (

    select
        record_key,
        owner_email,
        campaign_name,
        sf_status as status,
        sf_type as type,
        kind as source_kind,
        description,
        {{ category_field('category_path') }} as category_path,
        is_active,
        is_informational,
        source_members,
        start_date,
        end_date,
        created_at as source_created_at
    from int_campaigns_shaped

)

select * from sf_campaigns
