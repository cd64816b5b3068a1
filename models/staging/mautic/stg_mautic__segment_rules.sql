with

lead_lists as (

    {{ landed('mautic', 'lead_lists') }}

),

lead_lists_leads as (

    {{ landed('mautic', 'lead_lists_leads') }}

),

base_mautic__segment_filters as (

    select * from {{ ref('base_mautic__segment_filters') }}

),

conditions as (

    select
        base_mautic__segment_filters.leadlist_id,
        cast(items.json_key as bigint) as position,
        {{ json_at('items.json_item', 'glue') }} as glue,
        {{ json_at('items.json_item', 'object') }} as filter_object,
        {{ json_at('items.json_item', 'field') }} as filter_field,
        coalesce({{ json_at('items.json_item', 'operator') }}, 'is') as filter_operator,
        {{ json_at('items.json_item', 'names') }} as filter_names,
        coalesce(
            {{ json_at('items.json_item', 'properties.filter') }},
            {{ json_at('items.json_item', 'filter') }}
        ) as filter_value
    from base_mautic__segment_filters
    cross join lateral (
        {{ json_items('base_mautic__segment_filters.filters') }}
    ) as items

),

worded as (

    select
        leadlist_id,
        position,
        -- an "or" opens a new group, whose lines all have to hold
        case
            when position = 0 then '  '
            when glue = 'or' then 'or when{{ "\n" }}  '
            else '  and '
        end
        || coalesce(filter_object || ' ', '')
        || case
            -- fields of the custom objects plugin are named by id, others hold ids as values
            when starts_with(filter_field, 'cm') and filter_names is not null
                then filter_names || ' ' || filter_operator || coalesce(' ' || filter_value, '')
            else
                filter_field || ' ' || filter_operator
                || coalesce(' ' || coalesce(filter_names, filter_value), '')
        end as words
    from conditions

),

words_of as (

    select
        leadlist_id,
        {{ text_agg('words', "'\n'", 'position') }} as readable
    from worded
    group by leadlist_id

),

members_of as (

    select
        leadlist_id,
        count(*) as members
    from lead_lists_leads
    where manually_removed = 0
    group by leadlist_id

),

stg_mautic__segment_rules as (

    select
        {{ record_key('mautic', 'segment_rule', 'lead_lists.id') }} as record_key,
        cast(lead_lists.id as varchar) as source_id,
        'segment' as kind,
        {{ clean_text('lead_lists.name') }} as name,
        lead_lists.is_published = 1 and lead_lists.deleted is null as is_active,
        case
            when words_of.leadlist_id is not null
                then 'Mautic rebuilds the members on its schedule'
            when {{ is_json('lead_lists.filters') }}
                then 'Members are added by hand or by automations'
            else 'Not known: the filters cannot be read'
        end as trigger_text,
        '[]' as steps,
        '[]' as waits,
        coalesce(base_mautic__segment_filters.filters, '[]') as audience,
        case
            when words_of.readable is not null then 'In when{{ "\n" }}' || words_of.readable
            when {{ is_json('lead_lists.filters') }} then 'No filters.'
            else 'The filters cannot be read; the definition has them as they are.'
        end
        || '{{ "\n" }}Members when it was landed: '
        || cast(coalesce(members_of.members, 0) as varchar) as readable,
        {{ row_document('lead_lists', ['filters']) }} as definition,
        cast(lead_lists.date_added as timestamp) as created_at,
        cast(lead_lists.date_modified as timestamp) as modified_at
    from lead_lists
    left join base_mautic__segment_filters
        on lead_lists.id = base_mautic__segment_filters.leadlist_id
    left join words_of on lead_lists.id = words_of.leadlist_id
    left join members_of on lead_lists.id = members_of.leadlist_id

)

select * from stg_mautic__segment_rules
