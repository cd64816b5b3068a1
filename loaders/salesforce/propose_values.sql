-- Values: what every_value_is_mapped would refuse, one row for all spellings.
create or replace temp table missing_values as
select
    source_system,
    source_field,
    value_key(source_value) as source_key,
    arg_max(source_value, (records, source_value)) as source_value,
    sum(records)::bigint as records
from open_values
where (source_system, source_field, value_key(source_value)) not in (
    select (source_system, source_field, value_key(source_value)) from map_values
)
group by source_system, source_field, value_key(source_value);

-- Of short forms one letter makes another word: "MQL" is not like "SQL".
create or replace temp macro value_likeness(one, other) as greatest(
    if(one = other or least(length(one), length(other)) > 4, likeness(one, other), 0.0),
    -- a whole phrase inside of the other: "Key Customer" and "Customer"
    if(least(length(one), length(other)) >= 4 and (contains(one, other) or contains(other, one)), 0.75, 0.0)
);

create or replace temp table proposed_values as
with targets as (
    select distinct source_field, sf_object, sf_field
    from map_values
    where sf_object is not null and sf_field is not null
), candidates as (
    select
        missing_values.*,
        map_values.sf_object,
        map_values.sf_field,
        map_values.sf_value,
        map_values.source_value as like_value,
        value_key(map_values.source_value) as like_key,
        value_likeness(missing_values.source_key, value_key(map_values.source_value)) as alike,
        if(map_values.source_system = missing_values.source_system, 1, 2) as kind,
        'like "' || map_values.source_value || '" of ' || map_values.source_system || '_values.csv' as reason
    from missing_values
    inner join map_values using (source_field)
    where map_values.source_value is not null and coalesce(map_values.status, '') <> 'proposed'
    union all
    select
        missing_values.*,
        targets.sf_object,
        targets.sf_field,
        picklists.sf_value,
        null,
        null,
        value_likeness(missing_values.source_key, value_key(picklists.sf_value)),
        3,
        'like ' || targets.sf_object || '.' || targets.sf_field || ' "' || picklists.sf_value || '", which the org '
        || if((targets.sf_object, targets.sf_field, picklists.sf_value) in (
            select (sf_object, sf_field, sf_value) from org_values), 'has', 'lacks')
    from missing_values
    inner join targets using (source_field)
    inner join picklists using (sf_object, sf_field)
    union all
    -- below that nothing is similar, and the declared default is the honest proposal
    select
        missing_values.*,
        targets.sf_object,
        targets.sf_field,
        picklists.sf_value,
        null,
        null,
        0.6,
        if(coalesce(picklists.is_default, '') = 'true', 4, 5),
        'nothing is similar; ' || if(coalesce(picklists.is_default, '') = 'true', 'the default of ', 'what is left in ')
        || targets.sf_object || '.' || targets.sf_field
    from missing_values
    inner join targets using (source_field)
    inner join picklists using (sf_object, sf_field)
    where picklists.is_default = 'true' or picklists.sf_value = 'Other'
), best as (
    select
        *,
        if(kind >= 4, 0.1, alike) as confidence
    from candidates
    qualify row_number() over (
        partition by source_system, source_field, source_key
        order by alike desc, kind, sf_object, sf_field, sf_value, like_value
    ) = 1
), companions as (
    -- a stage that makes a Contact also needs the status of one who has no company yet
    select
        best.source_system,
        map_values.source_field,
        best.source_value,
        map_values.sf_object,
        map_values.sf_field,
        map_values.sf_value,
        best.records,
        best.confidence,
        'goes with its line of ' || best.source_field as reason
    from best
    inner join map_values
        on best.source_system = map_values.source_system
            and starts_with(map_values.source_field, best.source_field || '_')
            and best.like_key = value_key(map_values.source_value)
    where (best.source_system, map_values.source_field, best.source_key) not in (
        select (source_system, source_field, value_key(source_value)) from map_values
    )
)
select
    source_system, source_field, source_value, sf_object, sf_field, sf_value, records, confidence, reason
from best
union all
select * from companions;

-- What a person must do first, because nothing here could name a target.
create or replace temp table without_proposal as
select distinct
    judged_fields.source_system,
    judged_fields.source_entity || '.' || judged_fields.source_field as subject,
    'name the object of ' || judged_fields.source_entity || ' in '
    || if(starts_with(judged_fields.source_entity, 'custom_'), 'seeds/salesforce/custom_objects.csv', 'seeds/maps/proposal_objects.csv')
        as next_step
from judged_fields
left join wanted_fields using (source_system, source_entity, source_field)
where wanted_fields.source_field is null
union all
select
    missing_values.source_system,
    missing_values.source_field || ' "' || missing_values.source_value || '"',
    'no line of ' || missing_values.source_field || ' tells where such values go; add one to seeds/maps/'
    || missing_values.source_system || '_values.csv'
from missing_values
left join proposed_values using (source_system, source_field, source_value)
where proposed_values.source_field is null;
