with

int_people_matched as (

    select * from {{ ref('int_people_matched') }}

),

int_value_map as (

    select * from {{ ref('int_value_map') }}

),

with_decision as (

    select
        int_people_matched.*,
        'lifecycle stage ' || coalesce(int_people_matched.lifecycle_stage, '(none)') as stage_text,
        decisions.source_system is not null as is_decided,
        decisions.sf_object as stage_object,
        decisions.sf_value as stage_status,
        fallbacks.sf_value as fallback_status,
        contact_stages.sf_value as contact_stage
    from int_people_matched
    left join int_value_map as decisions
        on
            coalesce(int_people_matched.stage_source_system, int_people_matched.source_system)
            = decisions.source_system
            and decisions.source_field = 'lifecycle_stage'
            and {{ value_key('int_people_matched.lifecycle_stage') }} = decisions.source_key
    left join int_value_map as fallbacks
        on
            coalesce(int_people_matched.stage_source_system, int_people_matched.source_system)
            = fallbacks.source_system
            and fallbacks.source_field = 'lifecycle_stage_without_company'
            and {{ value_key('int_people_matched.lifecycle_stage') }} = fallbacks.source_key
    left join int_value_map as contact_stages
        on
            coalesce(int_people_matched.stage_source_system, int_people_matched.source_system)
            = contact_stages.source_system
            and contact_stages.source_field = 'contact_stage'
            and {{ value_key('int_people_matched.lifecycle_stage') }} = contact_stages.source_key

),

int_people_split as (

    select
        record_key,
        source_system,
        source_id,
        account_key,
        owner_email,

        -- a Contact needs an Account
        case
            when stage_object = 'Contact' and account_key is not null then 'Contact'
            when stage_object = 'Contact' then 'Lead'
            when stage_object = 'Lead' then 'Lead'
            when is_decided then 'not migrated'
        end as becomes,
        case
            when stage_object = 'Contact' and account_key is not null
                then stage_text || ' is a Contact'
            when stage_object = 'Contact'
                then stage_text || ' is a Contact, but no company is known'
            when stage_object = 'Lead' then stage_text || ' is a Lead'
            when is_decided then stage_text || ' is never migrated'
        end as because,
        case
            when stage_object = 'Contact' and account_key is null then 'stage_without_company'
        end as stage_rule,
        case
            -- a stage moved to Lead by one word in the map keeps its Status without a company
            when stage_object = 'Lead' then coalesce(stage_status, fallback_status)
            when stage_object = 'Contact' and account_key is null then fallback_status
        end as lead_status,

        salutation,
        first_name,
        coalesce(last_name, '{{ var("last_name_default") }}') as last_name,
        case when last_name is null then 'last_name_default' end as last_name_rule,
        job_title,
        title_rule,
        coalesce(company_name, account_name, '{{ var("lead_company_default") }}') as company,
        case
            when company_name is not null then null
            when account_name is not null then 'lead_company_from_account'
            else 'lead_company_default'
        end as company_rule,
        primary_rule,
        email,
        phone,
        mobile_phone,
        fax,
        website,
        street,
        city,
        state,
        postal_code,
        country,
        time_zone,
        locale,
        lifecycle_stage,
        contact_stage,
        split_hint,
        case
            when lower(split_hint) = 'customer' and stage_object = 'Lead'
                then 'split_hint_conflict'
            when lower(split_hint) = 'prospect' and stage_object = 'Contact'
                then 'split_hint_conflict'
        end as hint_rule,

        address_possibly_cut,
        case when address_possibly_cut then 'address_possibly_cut' end as address_rule,
        lead_score,
        company_size,
        merged_records,

        last_active_at,
        created_at
    from with_decision

)

select * from int_people_split
