with

int_accounts_mapped as (

    select * from {{ ref('int_accounts_mapped') }}

),

int_accounts_clustered as (

    select * from {{ ref('int_accounts_clustered') }}

),

placed as (

    select
        int_accounts_mapped.*,
        int_accounts_clustered.account_key,
        int_accounts_clustered.domain,
        int_accounts_clustered.cluster_rank,
        int_accounts_clustered.cluster_size
    from int_accounts_mapped
    inner join int_accounts_clustered
        on int_accounts_mapped.record_key = int_accounts_clustered.record_key

),

-- field by field: the value of the first record that has one
survived as (

    select
        account_key as record_key,
        {{ arg_min_by('source_system', 'cluster_rank') }} as source_system,
        {{ arg_min_by('owner_email', 'cluster_rank') }} as owner_email,
        {{ arg_min_by('account_name', 'cluster_rank') }} as account_name,
        {{ arg_min_by('domain', 'cluster_rank') }} as domain,
        {{ arg_min_by('website', 'cluster_rank') }} as website,
        {{ arg_min_by('phone', 'cluster_rank') }} as phone,
        {{ arg_min_by('fax', 'cluster_rank') }} as fax,
        {{ arg_min_by(address_of('cluster_rank'), 'cluster_rank') }} as address_rank,
        {{ arg_min_by('sf_industry', 'cluster_rank') }} as industry,
        {{ arg_min_by('description', 'cluster_rank') }} as description,
        {{ arg_min_by('number_of_employees', 'cluster_rank') }} as number_of_employees,
        {{ arg_min_by('annual_revenue', 'cluster_rank') }} as annual_revenue,
        min(created_at) as created_at,
        max(cluster_size) as merged_records
    from placed
    group by 1

),

int_accounts_matched as (

    select
        survived.record_key,
        survived.source_system,
        survived.owner_email,

        coalesce(
            survived.account_name, survived.domain, '{{ var("account_name_default") }}'
        ) as account_name,
        case
            when survived.account_name is not null then null
            when survived.domain is not null then 'account_name_from_domain'
            else 'account_name_default'
        end as account_name_rule,
        survived.domain,
        coalesce(survived.website, survived.domain) as website,
        case
            when survived.website is null and survived.domain is not null then 'website_from_email'
        end as website_rule,
        survived.phone,
        survived.fax,
        addresses.street,
        addresses.city,
        addresses.state,
        addresses.postal_code,
        addresses.sf_country as country,
        survived.industry,
        survived.description,

        survived.number_of_employees,
        survived.annual_revenue,
        survived.merged_records,

        survived.created_at
    from survived
    left join placed as addresses
        on
            survived.record_key = addresses.account_key
            and survived.address_rank = addresses.cluster_rank

)

select * from int_accounts_matched
