-- Both ends of every link, after merges. A link between two items counts from either side.
with

links as (

    select * from {{ ref('int_custom_record_links_unioned') }}

),

records as (

    select * from {{ ref('int_custom_records_placed') }}
    where exclusion is null

),

int_person_keys as (

    select * from {{ ref('int_person_keys') }}
    where sf_object is not null

),

int_accounts_clustered as (

    select * from {{ ref('int_accounts_clustered') }}

),

to_people as (

    select
        records.source_system,
        records.source_object,
        records.record_key,
        'contact' as other_object,
        int_person_keys.person_key as other_key,
        int_person_keys.sf_object as other_sf_object,
        min(links.linked_at) as linked_at
    from links
    inner join records on links.record_key = records.record_key
    inner join int_person_keys on links.other_record_key = int_person_keys.record_key
    where links.other_entity = 'contact'
    group by 1, 2, 3, 4, 5, 6

),

to_companies as (

    select
        records.source_system,
        records.source_object,
        records.record_key,
        'company' as other_object,
        int_accounts_clustered.account_key as other_key,
        'Account' as other_sf_object,
        min(links.linked_at) as linked_at
    from links
    inner join records on links.record_key = records.record_key
    inner join int_accounts_clustered
        on links.other_record_key = int_accounts_clustered.record_key
    where links.other_entity = 'company'
    group by 1, 2, 3, 4, 5, 6

),

between_records as (

    select
        records.source_system,
        records.source_object,
        records.record_key,
        records.sf_object,
        others.source_object as other_object,
        others.record_key as other_key,
        others.sf_object as other_sf_object,
        links.linked_at
    from links
    inner join records on links.record_key = records.record_key
    inner join records as others on links.other_record_key = others.record_key
    where links.other_entity = 'custom_record'

),

int_custom_record_ends as (

    select * from to_people

    union all

    select * from to_companies

    union all

    -- the object that comes first in the alphabet holds the link, whichever id was lower
    select
        source_system,
        case when source_object <= other_object then source_object else other_object end
            as source_object,
        case when source_object <= other_object then record_key else other_key end as record_key,
        case when source_object <= other_object then other_object else source_object end
            as other_object,
        case when source_object <= other_object then other_key else record_key end as other_key,
        case when source_object <= other_object then other_sf_object else sf_object end
            as other_sf_object,
        linked_at
    from between_records

)

select * from int_custom_record_ends
