-- Who got an e-mail of a campaign without ever having been in it: a member is ensured for them.
with

email_stats as (

    {{ landed('mautic', 'email_stats') }}

),

campaign_events as (

    {{ landed('mautic', 'campaign_events') }}

),

campaign_leads as (

    {{ landed('mautic', 'campaign_leads') }}

),

recipients as (

    select
        campaign_events.campaign_id,
        email_stats.lead_id,
        min(email_stats.date_sent) as date_sent
    from email_stats
    inner join campaign_events on email_stats.source_id = campaign_events.id
    where email_stats.source = 'campaign.event' and email_stats.lead_id is not null
    group by 1, 2

),

base_mautic__email_recipients as (

    select recipients.*
    from recipients
    left join campaign_leads
        on
            recipients.campaign_id = campaign_leads.campaign_id
            and recipients.lead_id = campaign_leads.lead_id
    where campaign_leads.lead_id is null

)

select * from base_mautic__email_recipients
