with

int_campaign_members_placed as (

    select * from {{ ref('int_campaign_members_placed') }}
    where exclusion is null

),

campaign_member_statuses as (

    select * from {{ ref('campaign_member_statuses') }}

),

-- Salesforce takes a person once in a campaign: of merged records the one that is furthest in
ranked as (

    select
        int_campaign_members_placed.*,
        coalesce(cast(campaign_member_statuses.survival_rank as varchar), '9')
        || coalesce(cast(int_campaign_members_placed.joined_at as varchar), '9999')
        || int_campaign_members_placed.record_key as choice
    from int_campaign_members_placed
    left join campaign_member_statuses
        on int_campaign_members_placed.member_status = campaign_member_statuses.label

),

int_campaign_members_matched as (

    select
        campaign_key,
        person_key,
        {{ arg_min_by('record_key', 'choice') }} as record_key,
        {{ arg_min_by('source_system', 'choice') }} as source_system,
        max(sf_object) as sf_object,
        {{ arg_min_by('source_status', 'choice') }} as source_status,
        {{ arg_min_by('member_status', 'choice') }} as member_status,
        max(times_joined) as times_joined,
        count(*) as merged_records,
        min(joined_at) as joined_at,
        max(left_at) as left_at
    from ranked
    group by 1, 2

)

select * from int_campaign_members_matched
