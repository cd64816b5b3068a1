-- An asset belongs to no record; it goes to the campaigns and segments whose e-mails carry it.
with

email_assets_xref as (

    {{ landed('mautic', 'email_assets_xref') }}

),

email_list_xref as (

    {{ landed('mautic', 'email_list_xref') }}

),

campaign_events as (

    {{ landed('mautic', 'campaign_events') }}

),

stg_mautic__file_links as (

    select distinct
        {{ record_key('mautic', 'asset', 'email_assets_xref.asset_id') }} as file_record_key,
        {{ record_key('mautic', 'campaign', 'campaign_events.campaign_id') }} as parent_record_key
    from email_assets_xref
    inner join campaign_events
        on
            email_assets_xref.email_id = campaign_events.channel_id
            and campaign_events.channel = 'email'

    union

    select distinct
        {{ record_key('mautic', 'asset', 'email_assets_xref.asset_id') }} as file_record_key,
        {{ record_key('mautic', 'segment', 'email_list_xref.leadlist_id') }} as parent_record_key
    from email_assets_xref
    inner join email_list_xref on email_assets_xref.email_id = email_list_xref.email_id

)

select * from stg_mautic__file_links
