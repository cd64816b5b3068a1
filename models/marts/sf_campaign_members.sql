with

int_campaign_members_matched as (

    select * from {{ ref('int_campaign_members_matched') }}

),

sf_campaign_members as (

    select
        record_key,
        campaign_key,
        case when sf_object = 'Lead' then person_key end as lead_key,
        case when sf_object = 'Contact' then person_key end as contact_key,
        member_status as status,
        source_status,
        times_joined,
        joined_at,
        left_at,
        joined_at as created_at
    from int_campaign_members_matched

)

select * from sf_campaign_members
