with

sent as (

    select * from {{ ref('base_mautic__emails_sent') }}

),

clicks as (

    select * from {{ ref('base_mautic__email_clicks') }}

),

replies as (

    select * from {{ ref('base_mautic__email_replies') }}

),

base_mautic__email_activities as (

    select
        {{ record_key('mautic', 'email_stat', 'sent.id') }} as record_key,
        {{ record_key('mautic', 'contact', 'sent.lead_id') }} as person_record_key,
        coalesce(
            {{ record_key('mautic', 'campaign', 'sent.campaign_id') }},
            {{ record_key('mautic', 'segment', 'sent.list_id') }}
        ) as campaign_record_key,
        cast(null as varchar) as owner_key,
        {{ record_key('mautic', 'email', 'sent.email_id') }} as template_key,
        'email' as kind,
        'email' as channel,
        'outbound' as direction,
        {{ clean_text('sent.subject') }} as subject,
        cast(null as varchar) as body,
        sent.category_path,
        case when sent.is_failed = 1 then 'failed' else 'sent' end as status,
        -- an opening that was never counted is one all the same
        cast(greatest(coalesce(sent.open_count, 0), coalesce(sent.is_read, 0)) as bigint)
            as open_count,
        cast(coalesce(clicks.click_count, 0) as bigint) as click_count,
        cast(
            greatest(
                {{ json_count_at('sent.open_details', 'bounces') }}, coalesce(sent.is_failed, 0)
            ) as bigint
        ) as bounce_count,
        cast(coalesce(replies.reply_count, 0) as bigint) as reply_count,
        {{ json_at('sent.open_details', 'bounces[0].reason') }} as bounce_reason,
        cast(sent.date_sent as timestamp) as occurred_at,
        cast(sent.date_sent as timestamp) as created_at,
        cast(sent.date_read as timestamp) as first_opened_at,
        cast(coalesce(sent.last_opened, sent.date_read) as timestamp) as last_opened_at,
        cast(clicks.first_clicked_at as timestamp) as first_clicked_at,
        cast(clicks.last_clicked_at as timestamp) as last_clicked_at,
        {{ try_cast_as(json_at('sent.open_details', 'bounces[0].datetime'), 'timestamp') }}
            as bounced_at,
        cast(replies.replied_at as timestamp) as replied_at
    from sent
    left join clicks on sent.id = clicks.stat_id
    left join replies on sent.id = replies.stat_id

)

select * from base_mautic__email_activities
