with

base_actimo__contacts as (

    select * from {{ ref('base_actimo__contacts') }}

),

stg_actimo__account_people as (

    select
        {{ record_key('actimo', 'company_contact', 'source_id') }} as record_key,
        {{ record_key('actimo', 'contact', 'source_id') }} as person_record_key,
        {{ record_key('actimo', 'company', 'company_id') }} as account_record_key,
        true as is_primary,
        cast(created_at as timestamp) as linked_at
    from base_actimo__contacts
    where company_name is not null

)

select * from stg_actimo__account_people
