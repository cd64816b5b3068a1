with

leads as (

    select * from {{ source('mautic', 'leads') }}

),

companies as (

    select * from {{ source('mautic', 'companies') }}

),

stg_mautic__records as (

    select
        {{ record_key('mautic', 'contact', 'id') }} as record_key,
        'contact' as source_entity
    from leads

    union all

    select
        {{ record_key('mautic', 'company', 'id') }} as record_key,
        'company' as source_entity
    from companies

)

select * from stg_mautic__records
