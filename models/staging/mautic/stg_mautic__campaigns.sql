with

base_mautic__campaigns as (

    select * from {{ ref('base_mautic__campaigns') }}

),

base_mautic__segments as (

    select * from {{ ref('base_mautic__segments') }}

),

stg_mautic__campaigns as (

    select * from base_mautic__campaigns

    union all

    select * from base_mautic__segments

)

select * from stg_mautic__campaigns
