with

lead_lists as (

    {{ landed('mautic', 'lead_lists') }}

),

base_mautic__names as (

    select * from {{ ref('base_mautic__names') }}

),

readable as (

    select
        id,
        case when json_valid(filters) and filters not in ('null', '{}') then filters else '[]' end
            as filters
    from lead_lists

),

conditions as (

    select
        readable.id as leadlist_id,
        cast(items.json_key as bigint) as position,
        items.json_item,
        {{ json_at('items.json_item', 'field') }} as filter_field,
        -- older releases keep the value outside of properties
        coalesce(
            {{ json_at('items.json_item', 'properties.filter') }},
            {{ json_at('items.json_item', 'filter') }}
        ) as filter_value
    from readable
    cross join lateral ({{ json_items('readable.filters') }}) as items

),

asked as (

    select
        leadlist_id,
        position,
        filter_field,
        {{ json_texts_of('filter_value') }} as id
    from conditions

    union all

    select
        leadlist_id,
        position,
        filter_field,
        '' as id
    from conditions

),

resolved as (

    select
        asked.leadlist_id,
        asked.position,
        {{ json_list_agg(
            'cast(to_json(base_mautic__names.name) as varchar)', 'base_mautic__names.name'
        ) }} as names
    from asked
    inner join base_mautic__names
        on
            asked.filter_field = base_mautic__names.filter_field
            and asked.id = base_mautic__names.id
    where base_mautic__names.name is not null
    group by 1, 2

),

base_mautic__segment_filters as (

    select
        conditions.leadlist_id,
        {{ json_list_agg(
            json_with('conditions.json_item', 'names', 'resolved.names'), 'conditions.position'
        ) }} as filters,
        count(*) as conditions
    from conditions
    left join resolved
        on
            conditions.leadlist_id = resolved.leadlist_id
            and conditions.position = resolved.position
    group by 1

)

select * from base_mautic__segment_filters
