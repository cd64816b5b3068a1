with

emails as (

    {{ landed('mautic', 'emails') }}

),

email_list_xref as (

    {{ landed('mautic', 'email_list_xref') }}

),

lead_lists as (

    {{ landed('mautic', 'lead_lists') }}

),

sms_messages as (

    {{ landed('mautic', 'sms_messages') }}

),

push_notifications as (

    {{ landed('mautic', 'push_notifications') }}

),

dynamic_content as (

    {{ landed('mautic', 'dynamic_content') }}

),

messages as (

    {{ landed('mautic', 'messages') }}

),

message_channels as (

    {{ landed('mautic', 'message_channels') }}

),

channels_of as (

    select
        message_channels.message_id,
        {{ text_agg("channel || coalesce(' ' || channel_id, '')", "', '", 'id') }} as channels,
        {{ json_list_agg(row_document('message_channels', ['properties']), 'id') }} as documents
    from message_channels
    group by message_channels.message_id

),

segments_of as (

    select
        email_list_xref.email_id,
        {{ text_agg("lead_lists.name", "', '", 'lead_lists.id') }} as segment_names,
        {{ json_list_agg(
            json_document({'kind': "'segment'", 'name': 'lead_lists.name'}), 'lead_lists.id'
        ) }} as audience
    from email_list_xref
    inner join lead_lists on email_list_xref.leadlist_id = lead_lists.id
    group by email_list_xref.email_id

),

templates as (

    select
        {{ record_key('mautic', 'email', 'emails.id') }} as record_key,
        cast(emails.id as varchar) as source_id,
        'email' as kind,
        {{ clean_text('emails.name') }} as name,
        emails.is_published = 1 as is_active,
        case emails.email_type
            when 'list' then 'Sent to segments: ' || coalesce(segments_of.segment_names, 'none')
            else 'Sent by campaigns, forms or people'
        end as trigger_text,
        coalesce(segments_of.audience, '[]') as audience,
        'Subject: ' || coalesce(emails.subject, '(none)')
        || coalesce(
            '{{ "\n" }}From: ' || nullif(concat_ws(' ', emails.from_name, emails.from_address), ''),
            ''
        )
        || coalesce('{{ "\n" }}Reply to: ' || nullif(emails.reply_to_address, ''), '')
        || coalesce('{{ "\n" }}Preheader: ' || nullif(emails.preheader_text, ''), '')
        || '{{ "\n" }}Theme: ' || coalesce(nullif(emails.template, ''), 'none (own HTML)')
        || '{{ "\n" }}Sent: ' || cast(coalesce(emails.sent_count, 0) as varchar)
        || ', opened: ' || cast(coalesce(emails.read_count, 0) as varchar) as readable,
        {{ row_document(
            'emails', ['content', 'utm_tags', 'variant_settings', 'dynamic_content', 'headers']
        ) }} as definition,
        cast(emails.date_added as timestamp) as created_at,
        cast(emails.date_modified as timestamp) as modified_at
    from emails
    left join segments_of on emails.id = segments_of.email_id

    union all

    select
        {{ record_key('mautic', 'sms', 'id') }} as record_key,
        cast(id as varchar) as source_id,
        'text message' as kind,
        {{ clean_text('name') }} as name,
        is_published = 1 as is_active,
        'Sent by campaigns' as trigger_text,
        '[]' as audience,
        coalesce(message, '') as readable,
        {{ row_document('sms_messages') }} as definition,
        cast(date_added as timestamp) as created_at,
        cast(date_modified as timestamp) as modified_at
    from sms_messages

    union all

    select
        {{ record_key('mautic', 'push_notification', 'id') }} as record_key,
        cast(id as varchar) as source_id,
        'push notification' as kind,
        {{ clean_text('name') }} as name,
        is_published = 1 as is_active,
        'Sent by campaigns' as trigger_text,
        '[]' as audience,
        coalesce(heading, '') || '{{ "\n" }}' || coalesce(message, '')
        || coalesce('{{ "\n" }}Opens: ' || nullif(url, ''), '') as readable,
        {{ row_document('push_notifications', ['utm_tags', 'mobileSettings']) }} as definition,
        cast(date_added as timestamp) as created_at,
        cast(date_modified as timestamp) as modified_at
    from push_notifications

    union all

    select
        {{ record_key('mautic', 'dynamic_content', 'id') }} as record_key,
        cast(id as varchar) as source_id,
        'dynamic content' as kind,
        {{ clean_text('name') }} as name,
        is_published = 1 as is_active,
        case
            when is_campaign_based = 1 then 'Shown by a campaign'
            else
                'Shown in slot '
                || coalesce(slot_name, 'not named')
                || ' to those whom the filters take'
        end as trigger_text,
        coalesce(filters, '[]') as audience,
        coalesce(content, '') as readable,
        {{ row_document('dynamic_content', ['filters', 'variant_settings', 'utm_tags']) }}
            as definition,
        cast(date_added as timestamp) as created_at,
        cast(date_modified as timestamp) as modified_at
    from dynamic_content

    union all

    select
        {{ record_key('mautic', 'message', 'messages.id') }} as record_key,
        cast(messages.id as varchar) as source_id,
        'marketing message' as kind,
        {{ clean_text('messages.name') }} as name,
        messages.is_published = 1 as is_active,
        'Sent by campaigns, on the channel that the contact prefers' as trigger_text,
        '[]' as audience,
        'Channels: ' || coalesce(channels_of.channels, 'none') as readable,
        {{ json_document(
            {}, {'message': row_document('messages'), 'channels': "coalesce(channels_of.documents, '[]')"}
        ) }} as definition,
        cast(messages.date_added as timestamp) as created_at,
        cast(messages.date_modified as timestamp) as modified_at
    from messages
    left join channels_of on messages.id = channels_of.message_id

),

stg_mautic__templates as (

    select
        record_key,
        source_id,
        kind,
        name,
        is_active,
        trigger_text,
        '[]' as steps,
        '[]' as waits,
        audience,
        readable,
        definition,
        created_at,
        modified_at
    from templates

)

select * from stg_mautic__templates
