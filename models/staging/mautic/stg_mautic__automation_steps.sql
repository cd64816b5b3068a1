with recursive

campaign_events as (

    {{ landed('mautic', 'campaign_events') }}

),

emails as (

    {{ landed('mautic', 'emails') }}

),

sms_messages as (

    {{ landed('mautic', 'sms_messages') }}

),

pages as (

    {{ landed('mautic', 'pages') }}

),

assets as (

    {{ landed('mautic', 'assets') }}

),

focus as (

    {{ landed('mautic', 'focus') }}

),

mautic_steps as (

    select * from {{ ref('mautic_steps') }}

),

-- what a step works with, by the name that people know
things as (

    select
        'email' as channel,
        id,
        name
    from emails
    union all
    select
        'sms' as channel,
        id,
        name
    from sms_messages
    union all
    select
        'page' as channel,
        id,
        title as name
    from pages
    union all
    select
        'asset' as channel,
        id,
        title as name
    from assets
    union all
    select
        'focus' as channel,
        id,
        name
    from focus

),

-- parents before children, the yes branch before the no branch
placed as (

    select
        campaign_events.id,
        1 as tree_depth,
        lpad(cast(campaign_events.event_order as varchar), 6, '0')
        || lpad(cast(campaign_events.id as varchar), 12, '0') as place
    from campaign_events
    left join campaign_events as parents
        on
            campaign_events.parent_id = parents.id
            and campaign_events.campaign_id = parents.campaign_id
    where parents.id is null

    union all

    select
        children.id,
        placed.tree_depth + 1 as tree_depth,
        placed.place || '/'
        || case children.decision_path when 'yes' then '1' when 'no' then '2' else '0' end
        || lpad(cast(children.event_order as varchar), 6, '0')
        || lpad(cast(children.id as varchar), 12, '0') as place
    from placed
    inner join campaign_events as parents on placed.id = parents.id
    inner join campaign_events as children
        on parents.id = children.parent_id and parents.campaign_id = children.campaign_id

),

described as (

    select
        campaign_events.id,
        campaign_events.campaign_id,
        campaign_events.parent_id,
        coalesce(campaign_events.name, '(no name)') as step_name,
        coalesce(campaign_events.event_type, 'not known') as step_kind,
        coalesce(campaign_events.type, 'not known') as step_type,
        campaign_events.decision_path as branch,
        things.name as works_with,
        coalesce(placed.tree_depth, 1) as tree_depth,
        placed.place,
        campaign_events.deleted is not null as is_deleted,
        -- Mautic keeps the numbers of an older choice when the choice changes, so the mode decides
        case campaign_events.trigger_mode
            when 'interval'
                then
                    'after ' || cast(campaign_events.trigger_interval as varchar) || ' '
                    || case campaign_events.trigger_interval_unit
                        when 'i' then 'minute'
                        when 'h' then 'hour'
                        when 'd' then 'day'
                        when 'm' then 'month'
                        when 'y' then 'year'
                        else coalesce(campaign_events.trigger_interval_unit, 'unit not known')
                    end
                    || case when campaign_events.trigger_interval = 1 then '' else 's' end
            when 'date' then 'on ' || cast(campaign_events.trigger_date as varchar)
        end as waits_for,
        campaign_events.trigger_hour as at_hour,
        campaign_events.trigger_restricted_start_hour as not_before,
        campaign_events.trigger_restricted_stop_hour as not_after,
        campaign_events.trigger_restricted_dow as week_days,
        coalesce(mautic_steps.flow_element, 'no element known: decide by hand') as flow_element,
        {{ row_document('campaign_events', ['properties', 'trigger_restricted_dow']) }}
            as definition
    from campaign_events
    left join placed on campaign_events.id = placed.id
    left join things
        on campaign_events.channel = things.channel and campaign_events.channel_id = things.id
    left join mautic_steps
        on
            campaign_events.event_type = mautic_steps.step_kind
            and campaign_events.type = mautic_steps.step_type

),

positioned as (

    select
        *,
        row_number() over (partition by campaign_id order by place nulls last, id) as position
    from described

),

stg_mautic__automation_steps as (

    select
        cast(positioned.id as varchar) as source_id,
        cast(positioned.campaign_id as varchar) as campaign_source_id,
        positioned.step_name,
        positioned.step_kind,
        positioned.step_type,
        positioned.branch,
        positioned.works_with,
        concat_ws(
            ', ',
            positioned.waits_for,
            'at ' || cast(positioned.at_hour as varchar),
            'not before ' || cast(positioned.not_before as varchar),
            'not after ' || cast(positioned.not_after as varchar),
            'on week days ' || nullif(nullif(positioned.week_days, '[]'), 'null')
        ) as wait_text,
        positioned.flow_element,
        positioned.tree_depth,
        positioned.position,
        parents.position as comes_after,
        positioned.is_deleted,
        positioned.definition
    from positioned
    left join positioned as parents
        on
            positioned.parent_id = parents.id
            and positioned.campaign_id = parents.campaign_id

)

select * from stg_mautic__automation_steps
