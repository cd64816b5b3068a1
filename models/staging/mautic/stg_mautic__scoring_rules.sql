with

points as (

    {{ landed('mautic', 'points') }}

),

point_triggers as (

    {{ landed('mautic', 'point_triggers') }}

),

point_trigger_events as (

    {{ landed('mautic', 'point_trigger_events') }}

),

point_groups as (

    {{ landed('mautic', 'point_groups') }}

),

events_of as (

    select
        point_trigger_events.trigger_id,
        {{ json_list_agg(
            json_document({
                'position': 'action_order', 'id': 'id', 'kind': "'action'", 'type': 'type',
                'name': 'name',
            }),
            'action_order, id'
        ) }} as steps,
        {{ json_list_agg(
            row_document('point_trigger_events', ['properties']), 'action_order, id'
        ) }} as events,
        {{ text_agg(
            "'  ' || coalesce(name, '') || ' (' || coalesce(type, '') || ')'",
            "'\n'", 'action_order, id'
        ) }} as readable
    from point_trigger_events
    group by point_trigger_events.trigger_id

),

rules as (

    select
        {{ record_key('mautic', 'point_action', 'points.id') }} as record_key,
        cast(points.id as varchar) as source_id,
        'point action' as kind,
        {{ clean_text('points.name') }} as name,
        points.is_published = 1 as is_active,
        'Contact does: ' || coalesce(points.type, 'not known') as trigger_text,
        {{ json_document({
            'position': '1', 'kind': "'action'", 'type': 'points.type', 'delta': 'points.delta',
        }) }} as step,
        null as events,
        null as steps,
        case when points.delta < 0 then 'Takes ' else 'Gives ' end
        || cast(abs(coalesce(points.delta, 0)) as varchar)
        || ' points'
        || coalesce(' in group "' || point_groups.name || '"', '')
        || case when points.repeatable = 1 then ', every time' else ', once per contact' end
            as readable,
        {{ row_document('points', ['properties']) }} as rule_row,
        points.date_added,
        points.date_modified
    from points
    left join point_groups on points.group_id = point_groups.id

    union all

    select
        {{ record_key('mautic', 'point_trigger', 'point_triggers.id') }} as record_key,
        cast(point_triggers.id as varchar) as source_id,
        'point trigger' as kind,
        {{ clean_text('point_triggers.name') }} as name,
        point_triggers.is_published = 1 as is_active,
        'Score reaches ' || cast(coalesce(point_triggers.points, 0) as varchar)
        || coalesce(' in group "' || point_groups.name || '"', '') as trigger_text,
        null as step,
        events_of.events,
        events_of.steps,
        'Then:' || coalesce('{{ "\n" }}' || events_of.readable, ' nothing')
        || case
            when point_triggers.trigger_existing_leads = 1
                then '{{ "\n" }}Also for contacts that were above it when the trigger was made'
            else ''
        end as readable,
        {{ row_document('point_triggers') }} as rule_row,
        point_triggers.date_added,
        point_triggers.date_modified
    from point_triggers
    left join point_groups on point_triggers.group_id = point_groups.id
    left join events_of on point_triggers.id = events_of.trigger_id

),

stg_mautic__scoring_rules as (

    select
        record_key,
        source_id,
        kind,
        name,
        is_active,
        trigger_text,
        coalesce('[' || step || ']', steps, '[]') as steps,
        '[]' as waits,
        '[]' as audience,
        readable,
        {{ json_document({}, {'rule': 'rule_row', 'events': "coalesce(events, '[]')"}) }}
            as definition,
        cast(date_added as timestamp) as created_at,
        cast(date_modified as timestamp) as modified_at
    from rules

)

select * from stg_mautic__scoring_rules
