with

int_accounts_unioned as (

    select * from {{ ref('int_accounts_unioned') }}

),

int_value_map as (

    select * from {{ ref('int_value_map') }}

),

int_owners as (

    select * from {{ ref('int_owners') }}

),

int_accounts_mapped as (

    select
        int_accounts_unioned.*,
        int_owners.owner_email,
        industries.sf_value as sf_industry,
        coalesce(countries.sf_value, int_accounts_unioned.country) as sf_country
    from int_accounts_unioned
    left join int_owners on int_accounts_unioned.owner_key = int_owners.record_key
    left join int_value_map as industries
        on
            int_accounts_unioned.source_system = industries.source_system
            and industries.source_field = 'industry'
            and {{ value_key('int_accounts_unioned.industry') }} = industries.source_key
    left join int_value_map as countries
        on
            int_accounts_unioned.source_system = countries.source_system
            and countries.source_field = 'country'
            and {{ value_key('int_accounts_unioned.country') }} = countries.source_key

)

select * from int_accounts_mapped
