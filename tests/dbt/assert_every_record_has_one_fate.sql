-- Sources = sum of fates, for every kind of record: none forgotten, none counted twice.
with

records as (

    {{ union_feeds('stg_{}__records', var('feeds')['records']) }}

),

fates as (

    select
        record_key,
        source_entity,
        count(*) as fates
    from {{ ref('audit_record_fate') }}
    group by 1, 2

),

compared as (

    select
        coalesce(records.record_key, fates.record_key) as record_key,
        coalesce(records.source_entity, fates.source_entity) as source_entity,
        records.record_key is not null as is_landed,
        coalesce(fates.fates, 0) as fates
    from records
    full join fates
        on
            records.record_key = fates.record_key
            and records.source_entity = fates.source_entity

)

select
    record_key,
    source_entity,
    fates,
    case
        when not is_landed then record_key || ' has a fate but was never landed'
        else record_key || ' has ' || fates || ' fates instead of one'
    end as finding
from compared
where fates <> 1 or not is_landed
