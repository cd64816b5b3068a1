with

int_account_people as (

    select * from {{ ref('int_account_people') }}
    where is_primary

),

int_people_clustered as (

    select * from {{ ref('int_people_clustered') }}

),

int_people_unioned as (

    select * from {{ ref('int_people_unioned') }}
    where company_size is not null

),

int_account_sizes as (

    select
        int_account_people.account_key,
        max(int_people_unioned.company_size) as company_size
    from int_people_unioned
    inner join int_people_clustered
        on int_people_unioned.record_key = int_people_clustered.record_key
    inner join int_account_people
        on int_people_clustered.person_key = int_account_people.person_key
    group by 1

)

select * from int_account_sizes
