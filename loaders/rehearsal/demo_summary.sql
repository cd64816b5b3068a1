-- One row per mart. What was landed, excluded or merged belongs to the source entity, which Lead and Contact share; rows that
-- accompany those of another mart have no entity of their own.
with

fates as (

    select
        source_system || ' ' || source_entity as entity,
        split_part(fate, ' ', 1) as kind,
        case when contains(fate, ' as ') then split_part(fate, ' as ', 2) end as sf_object,
        count(*) as records
    from audit.audit_record_fate
    group by all

),

entities as (

    select
        entity,
        sum(records) as landed,
        coalesce(sum(records) filter (where kind = 'excluded:'), 0) as excluded,
        coalesce(sum(records) filter (where kind = 'merged'), 0) as merged
    from fates
    group by all

),

origins as (

    select
        went.sf_object,
        string_agg(entities.entity, ', ' order by entities.entity) as entity,
        sum(entities.landed) as landed,
        sum(entities.excluded) as excluded,
        sum(entities.merged) as merged
    from (select distinct entity, sf_object from fates where sf_object is not null) as went
    inner join entities on went.entity = entities.entity
    group by all

),

differences as (

    select
        mart,
        count(*) as cells
    from audit.audit_field_diffs
    group by all

)

select
    origins.entity as "From",
    origins.landed::bigint as "Landed",
    origins.excluded::bigint as "Excluded",
    origins.merged::bigint as "Merged",
    counts.sf_object as "Object",
    counts.rows_accepted::bigint as "Loaded",
    counts.rows_rejected::bigint as "Refused",
    (counts.rows_in_mart - counts.rows_accepted - counts.rows_rejected)::bigint as "Held back",
    counts.rows_in_org::bigint as "In the org",
    coalesce(differences.cells, 0)::bigint as "Differing cells"
from audit.audit_counts as counts
left join origins on counts.sf_object = origins.sf_object
left join differences on counts.mart = differences.mart
where counts.rows_in_mart > 0 or counts.rows_in_org > 0
order by origins.entity nulls last, counts.sf_object
