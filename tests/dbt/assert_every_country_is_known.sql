-- An org with state and country picklists refuses any other name; var country_policy says whether
-- this one is such.
with

int_people_mapped as (

    select * from {{ ref('int_people_mapped') }}

),

int_accounts_mapped as (

    select * from {{ ref('int_accounts_mapped') }}

),

countries as (

    select * from {{ ref('countries') }}

),

used as (

    select
        source_system,
        sf_country
    from int_people_mapped
    where not is_anonymous

    union all

    select
        source_system,
        sf_country
    from int_accounts_mapped

)

select
    used.source_system,
    used.sf_country,
    count(*) as records,
    used.source_system || ' country "' || used.sf_country || '" (' || count(*)
    || ' records): add a line to seeds/maps/' || used.source_system
    || '_values.csv, or to seeds/salesforce/countries.csv' as finding
from used
left join countries on used.sf_country = countries.country
where
    used.sf_country is not null
    and countries.country is null
    and '{{ var("country_policy") }}' = 'picklist'
group by 1, 2
