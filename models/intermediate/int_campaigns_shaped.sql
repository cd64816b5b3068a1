with

int_campaigns_unioned as (

    select * from {{ ref('int_campaigns_unioned') }}

),

int_value_map as (

    select * from {{ ref('int_value_map') }}

),

int_owners as (

    select * from {{ ref('int_owners') }}

),

int_campaign_members_unioned as (

    select * from {{ ref('int_campaign_members_unioned') }}

),

member_counts as (

    select
        campaign_record_key,
        count(*) as source_members
    from int_campaign_members_unioned
    group by 1

),

mapped as (

    select
        int_campaigns_unioned.*,
        int_owners.owner_email,
        statuses.sf_object,
        statuses.sf_value as sf_status,
        kinds.sf_value as sf_type,
        coalesce(member_counts.source_members, 0) as source_members,
        coalesce(int_campaigns_unioned.campaign_name, '{{ var("campaign_name_default") }}')
            as full_name
    from int_campaigns_unioned
    left join int_owners on int_campaigns_unioned.owner_key = int_owners.record_key
    left join int_value_map as statuses
        on
            int_campaigns_unioned.source_system = statuses.source_system
            and statuses.source_field = 'campaign_status'
            and {{ value_key('int_campaigns_unioned.status') }} = statuses.source_key
    left join int_value_map as kinds
        on
            int_campaigns_unioned.source_system = kinds.source_system
            and kinds.source_field = 'campaign_kind'
            and {{ value_key('int_campaigns_unioned.kind') }} = kinds.source_key
    left join member_counts on int_campaigns_unioned.record_key = member_counts.campaign_record_key

),

worded as (

    select
        *,
        concat_ws('{{ "\n\n" }}', case when length(full_name) > 80 then full_name end, description)
            as own_text,
        source_system || ':' || kind || '_definition:' || source_id as definition_key,
        kind || '-' || source_id || '.json' as definition_title
    from mapped

),

measured as (

    select
        *,
        -- 30 for the words in between
        length(own_text) + length(definition) + 30 <= {{ var('description_limit') }} as fits
    from worded

),

int_campaigns_shaped as (

    select
        source_system,
        record_key,
        source_id,
        kind,
        owner_email,
        case when length(full_name) > 80 then left(full_name, 77) || '...' else full_name end
            as campaign_name,
        case
            when campaign_name is null then 'campaign_name_default'
            when length(full_name) > 80 then 'campaign_name_cut'
        end as name_rule,
        -- a definition that does not fit goes into a file, and the text says where it is
        case
            when definition is null then left(own_text, {{ var('description_limit') }})
            when fits
                then concat_ws(
                    '{{ "\n\n" }}',
                    nullif(own_text, ''),
                    'Definition (JSON):{{ "\n" }}' || definition
                )
            else concat_ws(
                '{{ "\n\n" }}',
                nullif(left(own_text, {{ var('description_limit') }} - 100), ''),
                'The definition is in the attached file ' || definition_title || '.'
            )
        end as description,
        case when not fits then definition end as definition_for_file,
        case when not fits then 'definition_in_file' end as definition_rule,
        definition_key,
        definition_title,
        sf_object is not null as is_migrated,
        case
            when sf_object is null then 'campaign status ' || status || ' is never migrated'
            else 'campaign status ' || status
        end as because,
        status = 'active' as is_active,
        sf_status,
        sf_type,
        category_path,
        kind = 'segment' as is_informational,
        source_members,
        cast(starts_at as date) as start_date,
        cast(ends_at as date) as end_date,
        created_at
    from measured

)

select * from int_campaigns_shaped
