with

lead_lists as (

    {{ landed('mautic', 'lead_lists') }}

),

base_mautic__segment_filters as (

    select * from {{ ref('base_mautic__segment_filters') }}

),

base_mautic__categories as (

    select * from {{ ref('base_mautic__categories') }}

),

base_mautic__segments as (

    select
        {{ record_key('mautic', 'segment', 'lead_lists.id') }} as record_key,
        cast(lead_lists.id as varchar) as source_id,
        {{ record_key('mautic', 'user', 'lead_lists.created_by') }} as owner_key,
        'segment' as kind,
        {{ clean_text('lead_lists.name') }} as campaign_name,
        {{ clean_text('lead_lists.description', keep_lines=true) }} as description,
        {{ json_document(
            {
                'segment': 'lead_lists.name', 'public_name': 'lead_lists.public_name', 'alias': 'lead_lists.alias',
                'is_global': 'coalesce(lead_lists.is_global = 1, false)',
                'is_preference_center': 'coalesce(lead_lists.is_preference_center = 1, false)',
            },
            {
                'filters': "coalesce(base_mautic__segment_filters.filters,"
                ~ " case when lead_lists.filters in ('null', '{}') then '[]' else lead_lists.filters end, '[]')",
            },
        ) }} as definition,
        case
            when lead_lists.deleted is not null then 'deleted'
            when lead_lists.is_published = 1 then 'active'
            else 'not published'
        end as status,
        base_mautic__categories.category_path,
        cast(null as timestamp) as starts_at,
        cast(null as timestamp) as ends_at,
        cast(lead_lists.date_added as timestamp) as created_at,
        cast(lead_lists.date_modified as timestamp) as modified_at
    from lead_lists
    left join base_mautic__segment_filters
        on lead_lists.id = base_mautic__segment_filters.leadlist_id
    left join base_mautic__categories on lead_lists.category_id = base_mautic__categories.id

)

select * from base_mautic__segments
