with

int_people_mapped as (

    select * from {{ ref('int_people_mapped') }}

),

int_people_clustered as (

    select * from {{ ref('int_people_clustered') }}

),

int_account_people as (

    select * from {{ ref('int_account_people') }}

),

int_accounts_matched as (

    select * from {{ ref('int_accounts_matched') }}

),

placed as (

    select
        int_people_mapped.*,
        int_people_clustered.person_key,
        int_people_clustered.cluster_rank,
        int_people_clustered.cluster_size
    from int_people_mapped
    inner join int_people_clustered
        on int_people_mapped.record_key = int_people_clustered.record_key

),

-- most people are one record; only the others need survivorship
single as (

    select
        record_key,
        source_system,
        source_id,
        source_system as stage_source_system,
        owner_email,
        salutation,
        first_name,
        last_name,
        sf_job_title as job_title,
        title_rule,
        company_name,
        email,
        phone,
        mobile_phone,
        fax,
        website,
        street,
        city,
        state,
        postal_code,
        sf_country as country,
        time_zone,
        locale,
        lifecycle_stage,
        split_hint,
        lead_score,
        company_size,
        address_possibly_cut,
        cluster_size as merged_records,
        last_active_at,
        created_at
    from placed
    where cluster_size = 1

),

several as (

    select * from placed
    where cluster_size > 1

),

-- field by field: the value of the first record that has one
survived as (

    select
        person_key,
        {{ arg_min_by('source_system', 'cluster_rank') }} as source_system,
        {{ arg_min_by('source_id', 'cluster_rank') }} as source_id,
        {{ arg_min_by(
            'case when lifecycle_stage is not null then source_system end', 'cluster_rank'
        ) }} as stage_source_system,
        {{ arg_min_by('owner_email', 'cluster_rank') }} as owner_email,
        {{ arg_min_by('salutation', 'cluster_rank') }} as salutation,
        {{ arg_min_by('first_name', 'cluster_rank') }} as first_name,
        {{ arg_min_by('last_name', 'cluster_rank') }} as last_name,
        {{ arg_min_by('sf_job_title', 'cluster_rank') }} as job_title,
        -- the rule of the record that gives the job title
        nullif({{ arg_min_by(
            "case when sf_job_title is not null then coalesce(title_rule, '') end", 'cluster_rank'
        ) }}, '') as title_rule,
        {{ arg_min_by('company_name', 'cluster_rank') }} as company_name,
        {{ arg_min_by('email', 'cluster_rank') }} as email,
        {{ arg_min_by('phone', 'cluster_rank') }} as phone,
        {{ arg_min_by('mobile_phone', 'cluster_rank') }} as mobile_phone,
        {{ arg_min_by('fax', 'cluster_rank') }} as fax,
        {{ arg_min_by('website', 'cluster_rank') }} as website,
        {{ arg_min_by(address_of('cluster_rank'), 'cluster_rank') }} as address_rank,
        {{ arg_min_by('time_zone', 'cluster_rank') }} as time_zone,
        {{ arg_min_by('locale', 'cluster_rank') }} as locale,
        {{ arg_min_by('lifecycle_stage', 'cluster_rank') }} as lifecycle_stage,
        {{ arg_min_by('split_hint', 'cluster_rank') }} as split_hint,
        {{ arg_min_by('lead_score', 'cluster_rank') }} as lead_score,
        {{ arg_min_by('company_size', 'cluster_rank') }} as company_size,
        max(cluster_size) as merged_records,
        max(last_active_at) as last_active_at,
        min(created_at) as created_at
    from several
    group by 1

),

merged as (

    select
        survived.person_key as record_key,
        survived.source_system,
        survived.source_id,
        survived.stage_source_system,
        survived.owner_email,
        survived.salutation,
        survived.first_name,
        survived.last_name,
        survived.job_title,
        survived.title_rule,
        survived.company_name,
        survived.email,
        survived.phone,
        survived.mobile_phone,
        survived.fax,
        survived.website,
        addresses.street,
        addresses.city,
        addresses.state,
        addresses.postal_code,
        addresses.sf_country as country,
        survived.time_zone,
        survived.locale,
        survived.lifecycle_stage,
        survived.split_hint,
        survived.lead_score,
        survived.company_size,
        addresses.address_possibly_cut,
        survived.merged_records,
        survived.last_active_at,
        survived.created_at
    from survived
    left join several as addresses
        on
            survived.person_key = addresses.person_key
            and survived.address_rank = addresses.cluster_rank

),

people as (

    select * from single

    union all

    select * from merged

),

int_people_matched as (

    select
        people.*,
        int_account_people.account_key,
        int_account_people.primary_rule,
        int_accounts_matched.account_name
    from people
    left join int_account_people
        on people.record_key = int_account_people.person_key and int_account_people.is_primary
    left join int_accounts_matched
        on int_account_people.account_key = int_accounts_matched.record_key

)

select * from int_people_matched
