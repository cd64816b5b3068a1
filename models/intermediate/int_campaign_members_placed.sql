with

int_campaign_members_unioned as (

    select * from {{ ref('int_campaign_members_unioned') }}

),

int_person_keys as (

    select * from {{ ref('int_person_keys') }}

),

int_campaigns_shaped as (

    select * from {{ ref('int_campaigns_shaped') }}

),

int_value_map as (

    select * from {{ ref('int_value_map') }}
    where source_field = 'member_status'

),

int_campaign_members_placed as (

    select
        int_campaign_members_unioned.source_system,
        int_campaign_members_unioned.record_key,
        int_campaign_members_unioned.campaign_record_key as campaign_key,
        int_person_keys.person_key,
        int_person_keys.sf_object,
        int_campaign_members_unioned.member_status as source_status,
        int_value_map.sf_value as member_status,
        int_campaign_members_unioned.times_joined,
        int_campaign_members_unioned.is_landed,
        int_campaign_members_unioned.joined_at,
        int_campaign_members_unioned.left_at,
        case
            when int_campaigns_shaped.record_key is null then 'no such campaign'
            when not int_campaigns_shaped.is_migrated then 'campaign status'
            when int_person_keys.record_key is null then 'no such person'
            when int_person_keys.exclusion is not null then int_person_keys.exclusion
            when int_value_map.sf_object is null then 'member status'
        end as exclusion
    from int_campaign_members_unioned
    left join int_person_keys
        on int_campaign_members_unioned.person_record_key = int_person_keys.record_key
    left join int_campaigns_shaped
        on int_campaign_members_unioned.campaign_record_key = int_campaigns_shaped.record_key
    left join int_value_map
        on
            int_campaign_members_unioned.source_system = int_value_map.source_system
            and {{ value_key('int_campaign_members_unioned.member_status') }}
            = int_value_map.source_key

)

select * from int_campaign_members_placed
