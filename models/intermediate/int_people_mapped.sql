with

int_people_unioned as (

    select * from {{ ref('int_people_unioned') }}

),

int_value_map as (

    select * from {{ ref('int_value_map') }}

),

int_owners as (

    select * from {{ ref('int_owners') }}

),

int_people_mapped as (

    select
        int_people_unioned.*,
        int_owners.owner_email,
        salutations.sf_value as salutation,
        case
            when int_people_unioned.title is null or salutations.sf_value is not null
                then int_people_unioned.job_title
            when int_people_unioned.job_title is null then int_people_unioned.title
            when lower(int_people_unioned.job_title) = lower(int_people_unioned.title)
                then int_people_unioned.title
            else int_people_unioned.job_title || ', ' || int_people_unioned.title
        end as sf_job_title,
        case
            when int_people_unioned.title is not null and salutations.sf_value is null
                then 'title_is_job_title'
        end as title_rule,
        coalesce(countries.sf_value, int_people_unioned.country) as sf_country
    from int_people_unioned
    left join int_owners on int_people_unioned.owner_key = int_owners.record_key
    left join int_value_map as salutations
        on
            int_people_unioned.source_system = salutations.source_system
            and salutations.source_field = 'title'
            and {{ value_key('int_people_unioned.title') }} = salutations.source_key
    left join int_value_map as countries
        on
            int_people_unioned.source_system = countries.source_system
            and countries.source_field = 'country'
            and {{ value_key('int_people_unioned.country') }} = countries.source_key

)

select * from int_people_mapped
