with

base_mautic__categories as (

    select * from {{ ref('base_mautic__categories') }}

),

stg_mautic__categories as (

    select
        {{ record_key('mautic', 'category', 'id') }} as record_key,
        bundle,
        category_name,
        category_path,
        description
    from base_mautic__categories

)

select * from stg_mautic__categories
