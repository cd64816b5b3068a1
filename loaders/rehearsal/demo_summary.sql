-- One row per Salesforce object; what was landed, excluded or merged belongs to the source entity, which Lead and Contact share.
with

fates as (

    select
        source_system || ' ' || source_entity as entity,
        split_part(fate, ' ', 1) as kind,
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

objects as (

    select
        case sf_object when 'Account' then 'mautic company' else 'mautic contact' end as entity,
        mart,
        sf_object,
        rows_accepted,
        rows_rejected,
        rows_in_mart - rows_accepted - rows_rejected as awaiting,
        rows_in_org
    from audit.audit_counts

),

differences as (

    select
        mart,
        count(*) as cells
    from audit.audit_field_diffs
    group by all

)

select
    objects.entity as "From",
    entities.landed::bigint as "Landed",
    entities.excluded::bigint as "Excluded",
    entities.merged::bigint as "Merged",
    objects.sf_object as "Object",
    objects.rows_accepted::bigint as "Loaded",
    objects.rows_rejected::bigint as "Refused",
    objects.awaiting::bigint as "Held back",
    objects.rows_in_org::bigint as "In the org",
    coalesce(differences.cells, 0)::bigint as "Differing cells"
from objects
inner join entities on objects.entity = entities.entity
left join differences on objects.mart = differences.mart
order by 1, 5
