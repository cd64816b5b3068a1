-- API names for `wanted_names` (sf_object, source_system, source_entity, source_field, label) that `blocked_names` (sf_object, name)
-- does not have: letters, digits and single underscores, a letter first, at most 40 characters with the `__c`.
create or replace temp macro ascii_of(label) as strip_accents(
    replace(replace(replace(replace(replace(replace(replace(
        label, 'ß', 'ss'), 'æ', 'ae'), 'Æ', 'Ae'), 'ø', 'oe'), 'Ø', 'Oe'), 'ł', 'l'), '&', ' and ')
);

-- "Assistant's E-mail" is Assistants_Email, without letters that stand alone.
create or replace temp macro without_marks(label) as
    regexp_replace(regexp_replace(label, '[''’]', '', 'g'), '(?i)\be-mail', 'Email', 'g');

-- A name that would begin with a digit gets an X, as Salesforce's own Setup gives it.
create or replace temp macro plain_name(label) as regexp_replace(
    as_words(trim(regexp_replace(ascii_of(without_marks(label)), '[^A-Za-z0-9]+', ' ', 'g'))), ' +', '_', 'g'
);

create or replace temp macro name_of(label) as coalesce(
    nullif(rtrim(left(regexp_replace(plain_name(label), '^([0-9])', 'X\1'), 37), '_'), ''), 'Field'
);

-- A name with a number is "stem_number"; no stem ends in one, so two stems never make the same name.
create or replace temp table based_names as
select
    *,
    name_of(label) as base,
    coalesce(nullif(rtrim(regexp_replace(left(name_of(label), 31), '(_[0-9]*)+$', ''), '_'), ''), 'Field') as stem
from wanted_names;

create or replace temp table new_names as
with blocked as (
    select distinct sf_object, lower(regexp_replace(name, '__c$', '', 'i')) as name from blocked_names
), ranked as (
    select
        based_names.*,
        row_number() over (
            partition by sf_object, lower(base) order by source_system, source_entity, source_field
        ) = 1 and (sf_object, lower(base)) not in (select (sf_object, name) from blocked) as keeps_base
    from based_names
), numbered as (
    select
        *,
        row_number() over (
            partition by sf_object, lower(stem) order by source_system, source_entity, source_field
        ) as place
    from ranked
    where not keeps_base
), stems as (
    select
        sf_object,
        lower(stem) as stem,
        count(*) + (select count(*) from blocked) + (select count(*) from based_names) + 2 as most
    from numbered
    group by all
), pool as (
    select sf_object, stem, unnest(range(2, most)) as number from stems
), free as (
    select
        sf_object,
        stem,
        number,
        row_number() over (partition by sf_object, stem order by number) as place
    from pool
    where (sf_object, stem || '_' || number) not in (select (sf_object, name) from blocked)
        and (sf_object, stem || '_' || number) not in (select (sf_object, lower(base)) from based_names)
)
select sf_object, source_system, source_entity, source_field, base || '__c' as sf_field
from ranked
where keeps_base
union all
select
    numbered.sf_object, numbered.source_system, numbered.source_entity, numbered.source_field,
    numbered.stem || '_' || free.number || '__c'
from numbered
inner join free
    on numbered.sf_object = free.sf_object and lower(numbered.stem) = free.stem and numbered.place = free.place;
