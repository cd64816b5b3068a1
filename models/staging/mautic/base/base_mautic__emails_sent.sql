with

email_stats as (

    {{ landed('mautic', 'email_stats') }}

),

emails as (

    {{ landed('mautic', 'emails') }}

),

email_copies as (

    {{ landed('mautic', 'email_copies') }}

),

campaign_events as (

    {{ landed('mautic', 'campaign_events') }}

),

base_mautic__categories as (

    select * from {{ ref('base_mautic__categories') }}

),

-- the copy is the text as it was sent; the template may have been edited since
worded as (

    select
        email_copies.id is not null as has_copy,
        coalesce(email_copies.subject, emails.subject) as subject_text,
        coalesce(email_copies.body, emails.custom_html) as body_text_html,
        coalesce(
            email_copies.body_text, case when email_copies.id is null then emails.plain_text end
        ) as body_text_plain,
        emails.from_address,
        emails.from_name,
        base_mautic__categories.category_path,
        campaign_events.campaign_id,
        email_stats.*
    from email_stats
    left join emails on email_stats.email_id = emails.id
    left join email_copies on email_stats.copy_id = email_copies.id
    left join campaign_events
        on email_stats.source = 'campaign.event' and email_stats.source_id = campaign_events.id
    left join base_mautic__categories on emails.category_id = base_mautic__categories.id

),

base_mautic__emails_sent as (

    select
        id,
        email_id,
        lead_id,
        list_id,
        campaign_id,
        has_copy,
        {{ replace_tokens('subject_text', 'tokens') }} as subject,
        {{ replace_tokens('body_text_html', 'tokens') }} as body,
        {{ replace_tokens('body_text_plain', 'tokens') }} as body_text,
        from_address,
        from_name,
        email_address,
        category_path,
        tracking_hash,
        is_failed,
        is_read,
        open_count,
        open_details,
        date_sent,
        date_read,
        last_opened
    from worded

)

select * from base_mautic__emails_sent
