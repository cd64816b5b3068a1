with

campaigns as (

    {{ landed('mautic', 'campaigns') }}

),

base_mautic__categories as (

    select * from {{ ref('base_mautic__categories') }}

),

base_mautic__campaigns as (

    select
        {{ record_key('mautic', 'campaign', 'campaigns.id') }} as record_key,
        cast(campaigns.id as varchar) as source_id,
        {{ record_key('mautic', 'user', 'campaigns.created_by') }} as owner_key,
        'campaign' as kind,
        {{ clean_text('campaigns.name') }} as campaign_name,
        {{ clean_text('campaigns.description', keep_lines=true) }} as description,
        cast(null as varchar) as definition,
        -- Mautic has a switch and two dates, no status
        case
            when campaigns.deleted is not null then 'deleted'
            when campaigns.publish_down < {{ present_moment() }} then 'ended'
            when coalesce(campaigns.is_published, 0) <> 1 then 'not published'
            when campaigns.publish_up > {{ present_moment() }} then 'scheduled'
            else 'active'
        end as status,
        base_mautic__categories.category_path,
        cast(campaigns.publish_up as timestamp) as starts_at,
        cast(campaigns.publish_down as timestamp) as ends_at,
        cast(campaigns.date_added as timestamp) as created_at,
        cast(campaigns.date_modified as timestamp) as modified_at
    from campaigns
    left join base_mautic__categories on campaigns.category_id = base_mautic__categories.id

)

select * from base_mautic__campaigns
