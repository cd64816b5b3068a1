with

base_mautic__item_values as (

    select * from {{ ref('base_mautic__item_values') }}

),

stg_mautic__custom_record_values as (

    select
        {{ record_key('mautic', 'custom_item', 'custom_item_id') }} as record_key,
        source_field,
        value
    from base_mautic__item_values
    where value is not null

)

select * from stg_mautic__custom_record_values
