with

links as (

    {{ union_feeds('stg_{}__account_people', var('feeds')['account_people']) }}

),

int_person_keys as (

    select * from {{ ref('int_person_keys') }}

),

int_accounts_clustered as (

    select * from {{ ref('int_accounts_clustered') }}

),

int_account_people as (

    select * from {{ ref('int_account_people') }}

),

placed as (

    select
        links.source_system,
        links.record_key,
        int_person_keys.record_key is null as has_no_person,
        int_person_keys.exclusion,
        int_person_keys.person_key,
        int_person_keys.sf_object,
        int_account_people.link_key,
        int_account_people.is_primary
    from links
    left join int_person_keys on links.person_record_key = int_person_keys.record_key
    left join int_accounts_clustered
        on links.account_record_key = int_accounts_clustered.record_key
    left join int_account_people
        on
            int_person_keys.person_key = int_account_people.person_key
            and int_accounts_clustered.account_key = int_account_people.account_key

),

int_account_links_placed as (

    select
        source_system,
        record_key,
        case
            when has_no_person then 'excluded: no such person'
            when exclusion is not null then 'excluded: ' || exclusion
            when link_key is null then 'excluded: no such company'
            when is_primary then 'merged into ' || person_key
            when sf_object = 'Lead' then 'excluded: a Lead has no Account'
            when record_key <> link_key then 'merged into ' || link_key
        end as fate,
        case
            when has_no_person or exclusion is not null then 'its person is not migrated'
            when link_key is null then 'the company is gone'
            when is_primary then 'primary company: it is the Account of the person'
            when sf_object = 'Lead' then 'further company of a Lead'
            else 'further company of a Contact'
        end as because
    from placed

)

select * from int_account_links_placed
