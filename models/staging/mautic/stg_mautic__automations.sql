with

campaigns as (

    {{ landed('mautic', 'campaigns') }}

),

campaign_leadlist_xref as (

    {{ landed('mautic', 'campaign_leadlist_xref') }}

),

campaign_form_xref as (

    {{ landed('mautic', 'campaign_form_xref') }}

),

lead_lists as (

    {{ landed('mautic', 'lead_lists') }}

),

forms as (

    {{ landed('mautic', 'forms') }}

),

steps as (

    select * from {{ ref('stg_mautic__automation_steps') }}

),

entrances as (

    select
        campaign_leadlist_xref.campaign_id,
        'segment' as kind,
        coalesce(lead_lists.name, 'deleted segment ' || campaign_leadlist_xref.leadlist_id) as name
    from campaign_leadlist_xref
    left join lead_lists on campaign_leadlist_xref.leadlist_id = lead_lists.id

    union all

    select
        campaign_form_xref.campaign_id,
        'form' as kind,
        coalesce(forms.name, 'deleted form ' || campaign_form_xref.form_id) as name
    from campaign_form_xref
    left join forms on campaign_form_xref.form_id = forms.id

),

entrances_of as (

    select
        campaign_id,
        {{ text_agg(
            "case kind when 'segment' then 'enters segment ' else 'submits form ' end || name",
            "' or '", 'kind, name'
        ) }} as trigger_text,
        {{ json_list_agg(json_document({'kind': 'kind', 'name': 'name'}), 'kind, name') }}
            as audience
    from entrances
    group by campaign_id

),

steps_of as (

    select
        campaign_source_id,
        {{ json_list_agg(
            json_document(
                {
                    'position': 'position', 'id': 'source_id', 'after': 'comes_after', 'branch': 'branch',
                    'kind': 'step_kind', 'type': 'step_type', 'name': 'step_name', 'works_with': 'works_with',
                    'wait': "nullif(wait_text, '')", 'flow_element': 'flow_element',
                },
            ),
            'position',
        ) }} as steps,
        {{ text_agg(
            "repeat('  ', tree_depth - 1) || position || '. '"
            ~ " || case when branch is null then '' else 'if ' || branch || ': ' end || step_name"
            ~ " || ' [' || step_type || coalesce(': ' || works_with, '') || ']'"
            ~ " || case when wait_text = '' then '' else ', ' || wait_text end",
            "'\n'", 'position'
        ) }} as readable
    from steps
    where not is_deleted
    group by campaign_source_id

),

waits_of as (

    select
        campaign_source_id,
        {{ json_list_agg(
            json_document({'position': 'position', 'wait': 'wait_text'}), 'position'
        ) }} as waits
    from steps
    where not is_deleted and wait_text <> ''
    group by campaign_source_id

),

events_of as (

    select
        campaign_source_id,
        {{ json_list_agg('definition', 'position') }} as events
    from steps
    group by campaign_source_id

),

stg_mautic__automations as (

    select
        {{ record_key('mautic', 'automation', 'campaigns.id') }} as record_key,
        cast(campaigns.id as varchar) as source_id,
        'campaign' as kind,
        {{ clean_text('campaigns.name') }} as name,
        campaigns.is_published = 1 and campaigns.deleted is null as is_active,
        coalesce(
            'Contact ' || entrances_of.trigger_text,
            'Contacts are added by hand, by API or by another campaign'
        )
            as trigger_text,
        coalesce(steps_of.steps, '[]') as steps,
        coalesce(waits_of.waits, '[]') as waits,
        coalesce(entrances_of.audience, '[]') as audience,
        coalesce(steps_of.readable, 'No steps.') as readable,
        {{ json_document(
            {}, {'campaign': row_document('campaigns', ['canvas_settings']), 'events': "coalesce(events_of.events, '[]')"}
        ) }} as definition,
        cast(campaigns.date_added as timestamp) as created_at,
        cast(campaigns.date_modified as timestamp) as modified_at
    from campaigns
    left join entrances_of on campaigns.id = entrances_of.campaign_id
    left join steps_of on cast(campaigns.id as varchar) = steps_of.campaign_source_id
    left join waits_of on cast(campaigns.id as varchar) = waits_of.campaign_source_id
    left join events_of on cast(campaigns.id as varchar) = events_of.campaign_source_id

)

select * from stg_mautic__automations
