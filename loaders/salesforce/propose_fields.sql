-- What the values of open fields look like, the type that follows, and the fields that are there already and fit.
create or replace temp macro is_email(value) as length(value) <= 80
    and regexp_matches(value, '(?i)^[a-z0-9.!#$%&''*+/=?^_`{|}~-]+@([a-z0-9-]+\.)+[a-z0-9-]{2,}$');

create or replace temp macro is_url(value) as length(value) <= 255
    and regexp_matches(value, '(?i)^(https?://)?([a-z0-9-]+\.)+[a-z]{2,}([/:?#]\S*)?$');

-- A leading zero means a code, not a number.
create or replace temp macro is_number(value) as regexp_matches(value, '^-?(0|[1-9][0-9]*)(\.[0-9]+)?$');

create or replace temp macro is_moment(value) as
    regexp_matches(value, '^[0-9]{4}-[0-9]{2}-[0-9]{2}') and try_cast(value as timestamp) is not null;

create or replace temp macro is_day(value) as
    is_moment(value) and regexp_matches(value, '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00:00(\.0+)?Z?)?$');

create or replace temp macro fits(kind, value) as case kind
    when 'number' then is_number(value)
    when 'date' then is_day(value)
    when 'datetime' then is_moment(value)
    when 'boolean' then lower(value) in ('0', '1', '0.0', '1.0', 'true', 'false', 'yes', 'no')
    when 'email' then is_email(value)
    when 'url' then is_url(value)
    else true
end;

create or replace temp macro options_of(value) as string_split(replace(value, '|', ';'), ';');

create or replace temp table profiles as
select
    source_system,
    source_entity,
    source_field,
    sum(records)::bigint as records,
    count(*) as distinct_values,
    max(length(value)) as longest,
    bool_or(regexp_matches(value, '[\r\n]')) as has_lines,
    max(length(rtrim(split_part(value, '.', 2), '0'))) filter (is_number(value)) as decimals,
    max(length(ltrim(split_part(value, '.', 1), '-'))) filter (is_number(value)) as digits,
    sum(records) filter (lower(value) in ('true', 'false', 'yes', 'no'))::bigint as boolean_words,
    sum(records) filter (is_email(value))::bigint as emails,
    sum(records) filter (is_url(value) and value ilike 'http%')::bigint as urls,
    sum(records) filter (is_day(value))::bigint as days,
    sum(records) filter (is_moment(value))::bigint as moments,
    sum(records) filter (is_number(value))::bigint as numbers
from source_values
group by source_system, source_entity, source_field;

-- What the values look like: the first kind that at least 98 in 100 are of.
create or replace temp table judged_fields as
with looked as (
    select
        open_fields.*,
        coalesce(profiles.records, 0) as records,
        coalesce(profiles.distinct_values, 0) as distinct_values,
        coalesce(profiles.longest, 0) as longest,
        coalesce(profiles.has_lines, false) as has_lines,
        coalesce(profiles.decimals, 0) as decimals,
        coalesce(profiles.digits, 0) as digits,
        case
            when profiles.records is null then 'none'
            when profiles.boolean_words >= 0.98 * profiles.records then 'boolean'
            when profiles.emails >= 0.98 * profiles.records then 'email'
            when profiles.urls >= 0.98 * profiles.records then 'url'
            when profiles.days >= 0.98 * profiles.records then 'date'
            when profiles.moments >= 0.98 * profiles.records then 'datetime'
            when profiles.numbers >= 0.98 * profiles.records then 'number'
            else 'text'
        end as looks
    from open_fields
    left join profiles using (source_system, source_entity, source_field)
), first_types as (
    select
        looked.*,
        case
            when registered.sf_type is not null then 'registered as ' || looked.field_type
            when columned.sf_type is not null then 'landed as ' || lower(looked.column_type)
            else 'by its values'
        end as because,
        coalesce(registered.fits, columned.fits, by_values.fits) as wanted_fits
    from looked
    left join proposal_types as registered
        on looked.source_system = registered.source_system and looked.field_type = registered.source_type
    left join proposal_types as columned
        on columned.source_system = 'column'
            and regexp_replace(looked.column_type, '\(.*', '') = columned.source_type
    left join proposal_types as by_values
        on by_values.source_system = 'values' and looked.looks = by_values.source_type
), fitting as (
    select
        first_types.source_system,
        first_types.source_entity,
        first_types.source_field,
        sum(source_values.records) filter (fits(first_types.wanted_fits, source_values.value))::bigint as fitting
    from first_types
    inner join source_values using (source_system, source_entity, source_field)
    group by all
), checked as (
    select
        first_types.*,
        coalesce(fitting.fitting, 0) as fitting,
        first_types.records > 0 and coalesce(fitting.fitting, 0) < 0.95 * first_types.records as is_refuted
    from first_types
    left join fitting using (source_system, source_entity, source_field)
), typed as (
    select
        checked.* exclude (because),
        case when is_refuted then because || ', but only ' || floor(100.0 * fitting / records)::int || ' % of the values are that'
            else because end as because,
        types.sf_type,
        types.length,
        types.precision,
        types.scale,
        types.fits,
        case when is_refuted then 0.5 else types.certainty end as certainty
    from checked
    left join proposal_types as registered
        on checked.source_system = registered.source_system and checked.field_type = registered.source_type
    left join proposal_types as columned
        on columned.source_system = 'column'
            and regexp_replace(checked.column_type, '\(.*', '') = columned.source_type
    inner join proposal_types as types
        on case
            when is_refuted then types.source_system = 'values'
                and types.source_type = case when looks in ('text', 'none') or digits + decimals > 18 then 'text' else looks end
            when registered.sf_type is not null
                then types.source_system = registered.source_system and types.source_type = registered.source_type
            when columned.sf_type is not null
                then types.source_system = 'column' and types.source_type = columned.source_type
            else types.source_system = 'values' and types.source_type = looks
        end
), option_counts as (
    select
        source_system,
        source_entity,
        source_field,
        len(list_distinct(flatten(list(options_of(source_values.value))))) as options
    from typed
    inner join source_values using (source_system, source_entity, source_field)
    where typed.sf_type = 'MultiselectPicklist'
    group by all
), sized as (
    select
        typed.* exclude (sf_type),
        case
            when typed.sf_type = 'Number' and digits + least(decimals, typed.scale) > 18 then 'Text'
            when typed.sf_type = 'Picklist' and (distinct_values > 1000 or longest > 255) then 'Text'
            when typed.sf_type = 'MultiselectPicklist' and (coalesce(options, 0) > 500 or longest > 4099) then 'LongTextArea'
            when typed.sf_type = 'Phone' and longest > 40 then 'Text'
            else typed.sf_type
        end as plain_type
    from typed
    left join option_counts using (source_system, source_entity, source_field)
)
select
    * exclude (plain_type, length, precision, scale),
    case
        when plain_type = 'Text' and (longest > 255 or has_lines) then 'LongTextArea'
        else plain_type
    end as sf_type,
    case
        when plain_type = 'LongTextArea' or (plain_type = 'Text' and (longest > 255 or has_lines))
            then case when longest > 32768 then 131072 else 32768 end
        when plain_type = 'Text' and longest > coalesce(length, 255) then 255
        when plain_type = 'Text' then coalesce(length, 255)
        when plain_type in ('Number', 'MultiselectPicklist') then null
        else length
    end as length,
    case when plain_type in ('Number', 'Currency', 'Percent') then precision end as precision,
    case when plain_type in ('Number', 'Currency', 'Percent') then least(decimals, scale) end as scale
from sized;

-- One row for each object that a field belongs to.
create or replace temp table wanted_fields as
select judged_fields.*, proposal_objects.sf_object, 'proposed' as status
from judged_fields
inner join proposal_objects
    on proposal_objects.source_system in (judged_fields.source_system, '*')
        and judged_fields.source_entity = proposal_objects.source_entity
union all
select judged_fields.*, custom_objects.sf_object, if(custom_objects.status = 'ignored', 'ignored', 'proposed') as status
from judged_fields
inner join custom_objects on judged_fields.source_entity = custom_objects.source_object;

-- Fields that are there already: the org's own that nothing fills yet, and what another source's field became.
create or replace temp table known_fields as
with mapped as (
    select
        *,
        row_number() over (
            partition by sf_object, lower(sf_field) order by source_system, source_entity, source_field
        ) as choice
    from map_fields
    where status <> 'ignored' and sf_field is not null and sf_type not like 'Lookup(%'
)
select
    org_fields.sf_object,
    org_fields.sf_field,
    org_fields.label,
    if(org_fields.type = 'textarea' and org_fields.length <= 255, 'TextArea', proposal_types.sf_type) as sf_type,
    nullif(org_fields.length, 0) as most,
    if(proposal_types.fits in ('text', 'email', 'url'), nullif(org_fields.length, 0), null) as length,
    if(proposal_types.fits = 'number', nullif(org_fields.precision, 0), null) as precision,
    if(proposal_types.fits = 'number', org_fields.scale, null) as scale,
    proposal_types.fits,
    org_fields.restricted,
    null as owner
from org_fields
inner join proposal_types
    on proposal_types.source_system = 'salesforce' and org_fields.type = proposal_types.source_type
where org_fields.writable
    and (org_fields.sf_object, lower(org_fields.sf_field)) not in (select (sf_object, lower(sf_field)) from mart_fields)
    and (org_fields.sf_object, lower(org_fields.sf_field)) not in (select (sf_object, lower(sf_field)) from mapped)
union all
select
    mapped.sf_object,
    mapped.sf_field,
    mapped.label,
    mapped.sf_type,
    try_cast(mapped.length as bigint),
    try_cast(mapped.length as bigint),
    try_cast(mapped.precision as bigint),
    try_cast(mapped.scale as bigint),
    coalesce(proposal_types.fits, 'text'),
    false,
    mapped.source_system
from mapped
left join proposal_types
    on proposal_types.source_system = 'salesforce' and mapped.sf_type = proposal_types.sf_type
where mapped.choice = 1
    and (mapped.sf_object, lower(mapped.sf_field)) not in (select (sf_object, lower(sf_field)) from mart_fields)
qualify row_number() over (partition by mapped.sf_object, lower(mapped.sf_field) order by proposal_types.source_type) = 1;

create or replace temp table chosen_fields as
with pairs as (
    select
        wanted_fields.source_system,
        wanted_fields.source_entity,
        wanted_fields.source_field,
        wanted_fields.sf_object,
        wanted_fields.fits as wanted_fits,
        wanted_fields.records,
        wanted_fields.looks,
        known_fields.* exclude (sf_object),
        likeness(value_key(wanted_fields.label), value_key(known_fields.label)) as by_label,
        greatest(
            likeness(value_key(wanted_fields.label), value_key(regexp_replace(known_fields.sf_field, '__c$', ''))),
            likeness(value_key(wanted_fields.source_field), value_key(regexp_replace(known_fields.sf_field, '__c$', '')))
        ) as by_name
    from wanted_fields
    inner join known_fields
        on wanted_fields.sf_object = known_fields.sf_object
            and wanted_fields.source_system is distinct from known_fields.owner
            and (wanted_fields.sf_type = 'MultiselectPicklist') = (known_fields.sf_type = 'MultiselectPicklist')
    where wanted_fields.status = 'proposed'
), alike as (
    select *, greatest(by_label, by_name) as alike from pairs where greatest(by_label, by_name) >= 0.9
), picklists_of as (
    select sf_object, sf_field, list(sf_value) as options from org_values group by all
), fitting as (
    select
        alike.source_system,
        alike.source_entity,
        alike.source_field,
        alike.sf_object,
        alike.sf_field,
        sum(source_values.records) filter (
            fits(alike.fits, source_values.value)
            and (alike.fits = 'number' or alike.most is null or length(source_values.value) <= alike.most)
            and (alike.fits <> 'text' or alike.sf_type in ('TextArea', 'LongTextArea', 'Html')
                or not regexp_matches(source_values.value, '[\r\n]'))
            and (not alike.restricted
                or list_has_all(coalesce(picklists_of.options, []), options_of(source_values.value)))
        )::bigint as fitting
    from alike
    inner join source_values using (source_system, source_entity, source_field)
    left join picklists_of
        on alike.sf_object = picklists_of.sf_object and alike.sf_field = picklists_of.sf_field
    group by all
), suitable as (
    select alike.*, coalesce(fitting.fitting, 0) as fitting
    from alike
    left join fitting using (source_system, source_entity, source_field, sf_object, sf_field)
    where coalesce(fitting.fitting, 0) >= 0.95 * alike.records
        and (
            alike.fits = alike.wanted_fits
            or (alike.fits = 'text' and alike.wanted_fits in ('email', 'url'))
            or (alike.records > 0 and alike.fits = alike.looks)
        )
), ranked as (
    -- a source field takes the most similar one; of several that want the same, the most similar gets it
    select
        *,
        row_number() over (
            partition by source_system, source_entity, source_field, sf_object
            order by alike desc, fitting desc, sf_field
        ) as choice
    from suitable
)
select *
from ranked
where choice = 1
qualify row_number() over (
    partition by source_system, sf_object, lower(sf_field)
    order by alike desc, fitting desc, source_entity, source_field
) = 1;

create or replace temp table wanted_names as
select sf_object, source_system, source_entity, source_field, label
from wanted_fields
where status = 'proposed'
    and (source_system, source_entity, source_field, sf_object) not in (
        select (source_system, source_entity, source_field, sf_object) from chosen_fields
    );

create or replace temp table blocked_names as
select sf_object, sf_field as name from org_fields
union
select sf_object, sf_field from mart_fields
union
select sf_object, sf_field from map_fields where sf_object is not null and sf_field is not null;
