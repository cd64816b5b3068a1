with

campaign_leads as (

    {{ landed('mautic', 'campaign_leads') }}

),

base_mautic__email_recipients as (

    select * from {{ ref('base_mautic__email_recipients') }}

),

{% if var('snapshot_segments') -%}
lead_lists_leads as (

    {{ landed('mautic', 'lead_lists_leads') }}

),

{% endif -%}
stg_mautic__campaign_members as (

    select
        {{ record_key('mautic', 'campaign_member', "campaign_id || '-' || lead_id") }}
            as record_key,
        {{ record_key('mautic', 'campaign', 'campaign_id') }} as campaign_record_key,
        {{ record_key('mautic', 'contact', 'lead_id') }} as person_record_key,
        case
            when coalesce(manually_removed, 0) = 0 and manually_added = 1
                then 'active, added by hand'
            when coalesce(manually_removed, 0) = 0 then 'active'
            when date_last_exited is not null then 'exited'
            else 'removed'
        end as member_status,
        coalesce(rotation, 1) as times_joined,
        true as is_landed,
        cast(date_added as timestamp) as joined_at,
        cast(date_last_exited as timestamp) as left_at
    from campaign_leads

    union all

    select
        {{ record_key('mautic', 'campaign_recipient', "campaign_id || '-' || lead_id") }}
            as record_key,
        {{ record_key('mautic', 'campaign', 'campaign_id') }} as campaign_record_key,
        {{ record_key('mautic', 'contact', 'lead_id') }} as person_record_key,
        'received an e-mail' as member_status,
        1 as times_joined,
        false as is_landed,
        cast(date_sent as timestamp) as joined_at,
        cast(null as timestamp) as left_at
    from base_mautic__email_recipients
    {%- if var('snapshot_segments') %}

    union all

    select
        {{ record_key('mautic', 'segment_member', "leadlist_id || '-' || lead_id") }} as record_key,
        {{ record_key('mautic', 'segment', 'leadlist_id') }} as campaign_record_key,
        {{ record_key('mautic', 'contact', 'lead_id') }} as person_record_key,
        case when manually_removed = 1 then 'removed' else 'active' end as member_status,
        1 as times_joined,
        true as is_landed,
        cast(date_added as timestamp) as joined_at,
        cast(null as timestamp) as left_at
    from lead_lists_leads
    {%- endif %}

)

select * from stg_mautic__campaign_members
