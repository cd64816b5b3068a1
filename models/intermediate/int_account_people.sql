with

links as (

    {{ union_feeds('stg_{}__account_people', var('feeds')['account_people']) }}

),

int_people_clustered as (

    select * from {{ ref('int_people_clustered') }}

),

int_accounts_clustered as (

    select * from {{ ref('int_accounts_clustered') }}

),

-- merged people bring the companies of all their records, merged companies all their people
survivors as (

    select
        int_people_clustered.person_key,
        int_accounts_clustered.account_key,
        min(links.record_key) as link_key,
        max(case when links.is_primary then 1 else 0 end) as is_flagged,
        min(int_people_clustered.cluster_rank) as person_rank,
        max(links.linked_at) as linked_at
    from links
    inner join int_people_clustered on links.person_record_key = int_people_clustered.record_key
    inner join int_accounts_clustered
        on links.account_record_key = int_accounts_clustered.record_key
    group by 1, 2

),

ranked as (

    select
        *,
        row_number() over (
            partition by person_key
            order by
                is_flagged desc,
                person_rank,
                linked_at desc nulls last,
                {{ id_order('account_key') }}
        ) as link_rank,
        sum(is_flagged) over (partition by person_key) as flagged,
        count(*) over (partition by person_key) as companies
    from survivors

),

int_account_people as (

    select
        person_key,
        account_key,
        link_key,
        link_rank = 1 as is_primary,
        case
            when link_rank > 1 or companies = 1 or flagged = 1 then null
            when flagged = 0 then 'no_primary_company'
            else 'several_primary_companies'
        end as primary_rule,
        linked_at
    from ranked

)

select * from int_account_people
