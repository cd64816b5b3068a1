with

int_accounts_unioned as (

    select * from {{ ref('int_accounts_unioned') }}

),

shared_domains as (

    select * from {{ ref('shared_domains') }}

),

-- a domain that many companies share says nothing about which company it is
with_own_domain as (

    select
        int_accounts_unioned.source_system,
        int_accounts_unioned.record_key,
        int_accounts_unioned.source_id,
        int_accounts_unioned.account_name,
        coalesce(
            case when website_hosts.domain is null then int_accounts_unioned.website_domain end,
            case when mail_hosts.domain is null then int_accounts_unioned.email_domain end
        ) as domain
    from int_accounts_unioned
    left join shared_domains as website_hosts
        on int_accounts_unioned.website_domain = website_hosts.domain
    left join shared_domains as mail_hosts
        on int_accounts_unioned.email_domain = mail_hosts.domain

),

keyed as (

    select
        *,
        {{ match_key('match_accounts_by', 'domain', 'domain') }} as match_key
    from with_own_domain

),

-- the oldest record that has a name survives
int_accounts_clustered as (

    select
        source_system,
        record_key,
        first_value(record_key) over (
            partition by match_key
            order by
                case when account_name is null then 1 else 0 end,
                {{ id_order('source_id') }},
                source_system
        ) as account_key,
        domain,
        row_number() over (
            partition by match_key
            order by
                case when account_name is null then 1 else 0 end,
                {{ id_order('source_id') }},
                source_system
        ) as cluster_rank,
        count(*) over (partition by match_key) as cluster_size
    from keyed

)

select * from int_accounts_clustered
