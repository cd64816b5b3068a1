with

custom_fields as (

    {{ union_feeds('stg_{}__custom_fields', var('feeds')['custom_fields']) }}

),

int_accounts_clustered as (

    select * from {{ ref('int_accounts_clustered') }}

),

int_people_clustered as (

    select * from {{ ref('int_people_clustered') }}

),

int_people_split as (

    select * from {{ ref('int_people_split') }}

),

-- where the fields of a source record go: the survivor of its cluster, and what that becomes
targets as (

    select
        record_key,
        account_key as target_key,
        'Account' as sf_object,
        cluster_rank,
        cluster_size
    from int_accounts_clustered

    union all

    select
        int_people_clustered.record_key,
        int_people_clustered.person_key as target_key,
        int_people_split.becomes as sf_object,
        int_people_clustered.cluster_rank,
        int_people_clustered.cluster_size
    from int_people_clustered
    inner join int_people_split
        on int_people_clustered.person_key = int_people_split.record_key

),

placed as (

    select
        targets.target_key,
        targets.sf_object,
        targets.cluster_rank,
        targets.cluster_size,
        custom_fields.custom_fields
    from custom_fields
    inner join targets
        on
            custom_fields.record_key = targets.record_key
            and custom_fields.sf_object = targets.sf_object

),

entries as (

    select
        target_key,
        sf_object,
        cluster_rank,
        custom_fields,
        {{ json_entries('custom_fields') }}
    from placed
    where cluster_size > 1

),

-- field by field: the value of the first record that has one
ranked as (

    select
        target_key,
        sf_object,
        json_key,
        {{ json_text_at('custom_fields', 'json_key') }} as json_value,
        row_number() over (
            partition by target_key, sf_object, json_key
            order by cluster_rank
        ) as choice
    from entries

),

int_custom_fields as (

    select
        target_key as record_key,
        sf_object,
        custom_fields
    from placed
    where cluster_size = 1

    union all

    select
        target_key as record_key,
        sf_object,
        {{ json_object_agg('json_key', 'json_value') }} as custom_fields
    from ranked
    where choice = 1
    group by 1, 2

)

select * from int_custom_fields
