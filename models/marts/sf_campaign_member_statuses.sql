with

sf_campaigns as (

    select * from {{ ref('sf_campaigns') }}

),

int_campaign_members_matched as (

    select * from {{ ref('int_campaign_members_matched') }}

),

campaign_member_statuses as (

    select * from {{ ref('campaign_member_statuses') }}

),

in_use as (

    select distinct
        campaign_key,
        member_status
    from int_campaign_members_matched

),

-- a new campaign has the statuses Sent and Responded; the others come before its members
sf_campaign_member_statuses as (

    select
        in_use.campaign_key
        || ':' || {{ value_key('campaign_member_statuses.label') }} as record_key,
        in_use.campaign_key,
        campaign_member_statuses.label,
        campaign_member_statuses.sort_order,
        campaign_member_statuses.has_responded
    from in_use
    inner join sf_campaigns on in_use.campaign_key = sf_campaigns.record_key
    inner join campaign_member_statuses
        on in_use.member_status = campaign_member_statuses.label
    where not campaign_member_statuses.is_standard

)

select * from sf_campaign_member_statuses
