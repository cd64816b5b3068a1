with

int_activities_unioned as (

    select * from {{ ref('int_activities_unioned') }}

),

int_person_keys as (

    select * from {{ ref('int_person_keys') }}

),

int_campaigns_shaped as (

    select * from {{ ref('int_campaigns_shaped') }}
    where is_migrated

),

int_owners as (

    select * from {{ ref('int_owners') }}

),

int_value_map as (

    select * from {{ ref('int_value_map') }}
    where source_field = 'activity_kind'

),

int_activities_placed as (

    select
        int_activities_unioned.*,
        int_person_keys.person_key,
        int_person_keys.sf_object,
        int_campaigns_shaped.record_key as campaign_key,
        int_campaigns_shaped.campaign_name,
        coalesce(int_owners.owner_email, int_person_keys.owner_email) as owner_email,
        int_value_map.sf_value as sf_type,
        case
            when int_activities_unioned.person_record_key is null
                then 'person was deleted in the source'
            when int_person_keys.record_key is null then 'no such person'
            when int_person_keys.exclusion is not null then int_person_keys.exclusion
            when
                {{ var('email_history_days') }} > 0
                and int_activities_unioned.channel = 'email'
                and int_activities_unioned.occurred_at
                < {{ present_moment() }} - interval '{{ var("email_history_days") }} days'
                then 'older than email_history_days'
        end as exclusion
    from int_activities_unioned
    left join int_person_keys
        on int_activities_unioned.person_record_key = int_person_keys.record_key
    left join int_campaigns_shaped
        on int_activities_unioned.campaign_record_key = int_campaigns_shaped.record_key
    left join int_owners on int_activities_unioned.owner_key = int_owners.record_key
    left join int_value_map
        on
            int_activities_unioned.source_system = int_value_map.source_system
            and {{ value_key('int_activities_unioned.kind') }} = int_value_map.source_key

)

select * from int_activities_placed
