-- What becomes of everything that is neither a person nor a company: excluded, merged, or the
-- mart that has it.
with

int_campaigns_shaped as (

    select * from {{ ref('int_campaigns_shaped') }}

),

int_campaign_members_placed as (

    select * from {{ ref('int_campaign_members_placed') }}
    where is_landed

),

int_campaign_members_matched as (

    select * from {{ ref('int_campaign_members_matched') }}

),

int_activities_placed as (

    select * from {{ ref('int_activities_placed') }}

),

int_files_unioned as (

    select * from {{ ref('int_files_unioned') }}

),

int_custom_records_placed as (

    select * from {{ ref('int_custom_records_placed') }}

),

int_account_links_placed as (

    select * from {{ ref('int_account_links_placed') }}

),

int_child_fates as (

    select
        source_system,
        kind as source_entity,
        record_key,
        case when not is_migrated then 'excluded: campaign status' end as fate,
        because,
        'campaigns' as mart
    from int_campaigns_shaped

    union all

    select
        placed.source_system,
        split_part(placed.record_key, ':', 2) as source_entity,
        placed.record_key,
        case
            when placed.exclusion is not null then 'excluded: ' || placed.exclusion
            when placed.record_key <> matched.record_key then 'merged into ' || matched.record_key
        end as fate,
        case
            when placed.exclusion is not null then 'its person or campaign is not migrated'
            when placed.record_key <> matched.record_key then 'a person is once in a Campaign'
            else 'member of a migrated Campaign'
        end as because,
        'campaign_members' as mart
    from int_campaign_members_placed as placed
    left join int_campaign_members_matched as matched
        on
            placed.campaign_key = matched.campaign_key
            and placed.person_key = matched.person_key

    union all

    select
        source_system,
        split_part(record_key, ':', 2) as source_entity,
        record_key,
        'excluded: ' || exclusion as fate,
        coalesce('its person: ' || exclusion, 'every activity is a Task') as because,
        'tasks' as mart
    from int_activities_placed

    union all

    select
        source_system,
        split_part(record_key, ':', 2) as source_entity,
        record_key,
        case when file_state <> 'landed' then 'excluded: file ' || file_state end as fate,
        coalesce(file_state_reason, 'the bytes are ' || file_state) as because,
        'files' as mart
    from int_files_unioned

    union all

    select
        source_system,
        split_part(record_key, ':', 2) as source_entity,
        record_key,
        'excluded: ' || exclusion as fate,
        coalesce(exclusion, source_object || ' is ' || sf_object) as because,
        'custom_records.' || sf_object as mart
    from int_custom_records_placed

    union all

    select
        source_system,
        'company_contact' as source_entity,
        record_key,
        fate,
        because,
        'account_contact_relations' as mart
    from int_account_links_placed

)

select * from int_child_fates
