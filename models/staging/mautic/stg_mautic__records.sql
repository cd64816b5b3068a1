with

leads as (

    select * from {{ source('mautic', 'leads') }}

),

companies as (

    select * from {{ source('mautic', 'companies') }}

),

companies_leads as (

    select * from {{ source('mautic', 'companies_leads') }}

),

campaigns as (

    select * from {{ source('mautic', 'campaigns') }}

),

lead_lists as (

    select * from {{ source('mautic', 'lead_lists') }}

),

campaign_leads as (

    select * from {{ source('mautic', 'campaign_leads') }}

),

email_stats as (

    select * from {{ source('mautic', 'email_stats') }}

),

lead_notes as (

    select * from {{ source('mautic', 'lead_notes') }}

),

assets as (

    select * from {{ source('mautic', 'assets') }}

),

custom_item as (

    select * from {{ source('mautic', 'custom_item') }}

),

lead_lists_leads as (

    select * from {{ source('mautic', 'lead_lists_leads') }}
    where {{ 'true' if var('snapshot_segments') else 'false' }}

),

stg_mautic__records as (

    select
        {{ record_key('mautic', 'contact', 'id') }} as record_key,
        'contact' as source_entity
    from leads

    union all

    select
        {{ record_key('mautic', 'company', 'id') }} as record_key,
        'company' as source_entity
    from companies

    union all

    select
        {{ record_key('mautic', 'company_contact', "company_id || '-' || lead_id") }}
            as record_key,
        'company_contact' as source_entity
    from companies_leads

    union all

    select
        {{ record_key('mautic', 'campaign', 'id') }} as record_key,
        'campaign' as source_entity
    from campaigns

    union all

    select
        {{ record_key('mautic', 'segment', 'id') }} as record_key,
        'segment' as source_entity
    from lead_lists

    union all

    select
        {{ record_key('mautic', 'campaign_member', "campaign_id || '-' || lead_id") }}
            as record_key,
        'campaign_member' as source_entity
    from campaign_leads

    union all

    select
        {{ record_key('mautic', 'email_stat', 'id') }} as record_key,
        'email_stat' as source_entity
    from email_stats

    union all

    select
        {{ record_key('mautic', 'note', 'id') }} as record_key,
        'note' as source_entity
    from lead_notes

    union all

    select
        {{ record_key('mautic', 'asset', 'id') }} as record_key,
        'asset' as source_entity
    from assets

    union all

    select
        {{ record_key('mautic', 'custom_item', 'id') }} as record_key,
        'custom_item' as source_entity
    from custom_item

    union all

    select
        {{ record_key('mautic', 'segment_member', "leadlist_id || '-' || lead_id") }}
            as record_key,
        'segment_member' as source_entity
    from lead_lists_leads

)

select * from stg_mautic__records
