with

webhooks as (

    {{ landed('mautic', 'webhooks') }}

),

webhook_events as (

    {{ landed('mautic', 'webhook_events') }}

),

events_of as (

    select
        webhook_id,
        {{ text_agg("event_type", "', '", 'event_type') }} as event_types,
        {{ json_list_agg(json_document({'type': 'event_type'}), 'event_type') }} as events
    from webhook_events
    group by webhook_id

),

-- an address can carry a token, which is nobody's business outside of Mautic
addressed as (

    select
        *,
        {{ regex_extract('webhook_url', '^[a-zA-Z]+://(?:[^/@]*@)?([^/?#]+[^?#]*)', 1) }} as address
    from webhooks

),

stg_mautic__webhooks as (

    select
        {{ record_key('mautic', 'webhook', 'addressed.id') }} as record_key,
        cast(addressed.id as varchar) as source_id,
        'webhook' as kind,
        {{ clean_text('addressed.name') }} as name,
        addressed.is_published = 1 as is_active,
        'Mautic reports: ' || coalesce(events_of.event_types, 'nothing') as trigger_text,
        '['
        || {{ json_document({
            'position': '1', 'kind': "'action'", 'type': "'HTTP POST'",
            'works_with': 'addressed.address',
        }) }}
        || ']' as steps,
        '[]' as waits,
        '[]' as audience,
        'Posts to ' || coalesce(addressed.address, 'no address') as readable,
        {{ json_document(
            {
                'id': 'addressed.id', 'name': 'addressed.name', 'description': 'addressed.description',
                'address': 'addressed.address', 'order': 'addressed.events_orderby_dir',
                'category_id': 'addressed.category_id', 'is_published': 'addressed.is_published',
            },
            {'events': "coalesce(events_of.events, '[]')"}
        ) }} as definition,
        cast(addressed.date_added as timestamp) as created_at,
        cast(addressed.date_modified as timestamp) as modified_at
    from addressed
    left join events_of on addressed.id = events_of.webhook_id

)

select * from stg_mautic__webhooks
