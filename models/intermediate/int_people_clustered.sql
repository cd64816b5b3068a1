with

int_people_unioned as (

    select * from {{ ref('int_people_unioned') }}

),

-- an anonymous visitor is no person yet
people as (

    select
        source_system,
        record_key,
        source_id,
        identified_at,
        last_active_at,
        -- "n/a" is no address: people without a usable one are never merged
        {{ match_key('match_people_by', 'email', usable_email('email')) }} as match_key
    from int_people_unioned
    where not is_anonymous

),

ranked as (

    select
        *,
        row_number() over (
            partition by match_key
            order by
                case when identified_at is null then 1 else 0 end,
                last_active_at desc nulls last,
                {{ id_order('source_id') }},
                source_system
        ) as cluster_rank,
        count(*) over (partition by match_key) as cluster_size
    from people

),

int_people_clustered as (

    select
        source_system,
        record_key,
        first_value(record_key) over (partition by match_key order by cluster_rank) as person_key,
        cluster_rank,
        cluster_size
    from ranked

)

select * from int_people_clustered
