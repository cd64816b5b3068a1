with

stg_actimo__people as (

    select * from {{ ref('stg_actimo__people') }}

),

stg_actimo__accounts as (

    select * from {{ ref('stg_actimo__accounts') }}

),

stg_actimo__account_people as (

    select * from {{ ref('stg_actimo__account_people') }}

),

stg_actimo__records as (

    select
        record_key,
        'contact' as source_entity
    from stg_actimo__people

    union all

    select
        record_key,
        'company' as source_entity
    from stg_actimo__accounts

    union all

    select
        record_key,
        'company_contact' as source_entity
    from stg_actimo__account_people

)

select * from stg_actimo__records
