with

base_actimo__contacts as (

    select * from {{ ref('base_actimo__contacts') }}

),

stg_actimo__accounts as (

    select
        {{ record_key('actimo', 'company', 'company_id') }} as record_key,
        company_id as source_id,
        min(company_name) as account_name,
        min(cast(created_at as timestamp)) as created_at
    from base_actimo__contacts
    where company_name is not null
    group by company_id

)

select * from stg_actimo__accounts
