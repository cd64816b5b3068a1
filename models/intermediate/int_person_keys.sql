with recursive

int_people_unioned as (

    select * from {{ ref('int_people_unioned') }}

),

int_people_clustered as (

    select * from {{ ref('int_people_clustered') }}

),

int_people_split as (

    select * from {{ ref('int_people_split') }}

),

int_person_merges_unioned as (

    select * from {{ ref('int_person_merges_unioned') }}

),

landed as (

    select
        int_people_clustered.source_system,
        int_people_clustered.record_key,
        int_people_clustered.person_key,
        case
            when int_people_split.becomes <> 'not migrated' then int_people_split.becomes
        end as sf_object,
        int_people_split.account_key,
        int_people_split.owner_email,
        case when int_people_split.becomes = 'not migrated' then 'lifecycle stage' end as exclusion,
        int_people_clustered.cluster_rank
    from int_people_clustered
    inner join int_people_split
        on int_people_clustered.person_key = int_people_split.record_key

    union all

    select
        source_system,
        record_key,
        record_key as person_key,
        null as sf_object,
        null as account_key,
        null as owner_email,
        'anonymous visitor' as exclusion,
        1 as cluster_rank
    from int_people_unioned
    where is_anonymous

),

-- merged into one that was merged itself; the limit ends a circle
merge_chain as (

    select
        source_system,
        record_key,
        survivor_record_key,
        1 as hops
    from int_person_merges_unioned

    union all

    select
        merge_chain.source_system,
        merge_chain.record_key,
        next_merges.survivor_record_key,
        merge_chain.hops + 1 as hops
    from merge_chain
    inner join int_person_merges_unioned as next_merges
        on merge_chain.survivor_record_key = next_merges.record_key
    where merge_chain.hops < 50

),

merged as (

    select
        source_system,
        record_key,
        {{ arg_max_by('survivor_record_key', 'hops') }} as survivor_record_key
    from merge_chain
    group by 1, 2

),

int_person_keys as (

    select
        *,
        false as merged_in_source
    from landed

    union all

    select
        merged.source_system,
        merged.record_key,
        landed.person_key,
        landed.sf_object,
        landed.account_key,
        landed.owner_email,
        landed.exclusion,
        -- after all records of the cluster that are still there
        landed.cluster_rank + 1000000 as cluster_rank,
        true as merged_in_source
    from merged
    inner join landed on merged.survivor_record_key = landed.record_key

)

select * from int_person_keys
