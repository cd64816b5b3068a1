with

lead_categories as (

    {{ landed('mautic', 'lead_categories') }}

),

base_mautic__categories as (

    select * from {{ ref('base_mautic__categories') }}

),

stg_mautic__person_categories as (

    select distinct
        {{ record_key('mautic', 'contact', 'lead_categories.lead_id') }} as person_record_key,
        base_mautic__categories.category_path
    from lead_categories
    inner join base_mautic__categories on lead_categories.category_id = base_mautic__categories.id
    where coalesce(lead_categories.manually_removed, 0) = 0

)

select * from stg_mautic__person_categories
