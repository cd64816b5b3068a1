with

sent as (

    select * from {{ ref('base_mautic__emails_sent') }}

),

stg_mautic__messages as (

    select
        {{ record_key('mautic', 'email_stat', 'id') }} as record_key,
        {{ record_key('mautic', 'email_stat', 'id') }} as activity_record_key,
        'email' as channel,
        'outbound' as direction,
        case when is_failed = 1 then 'failed' else 'sent' end as status,
        {{ clean_text('subject') }} as subject,
        body as html_body,
        body_text as text_body,
        {{ normalise_email(clean_text('from_address')) }} as from_address,
        {{ clean_text('from_name') }} as from_name,
        {{ normalise_email(clean_text('email_address')) }} as to_address,
        tracking_hash as external_message_id,
        cast(null as varchar) as thread_key,
        cast(date_sent as timestamp) as occurred_at
    from sent

)

select * from stg_mautic__messages
