with

custom_items as (

    {{ landed('mautic', 'custom_item') }}

),

custom_objects as (

    {{ landed('mautic', 'custom_object') }}

),

base_mautic__categories as (

    select * from {{ ref('base_mautic__categories') }}

),

stg_mautic__custom_records as (

    select
        {{ record_key('mautic', 'custom_item', 'custom_items.id') }} as record_key,
        'custom_object:' || custom_objects.alias as source_object,
        {{ record_key('mautic', 'user', 'custom_items.created_by') }} as owner_key,
        {{ clean_text('custom_items.name') }} as record_name,
        coalesce(custom_items.is_published = 1, false) as is_active,
        base_mautic__categories.category_path,
        cast(custom_items.date_added as timestamp) as created_at,
        cast(custom_items.date_modified as timestamp) as modified_at
    from custom_items
    left join custom_objects on custom_items.custom_object_id = custom_objects.id
    left join base_mautic__categories on custom_items.category_id = base_mautic__categories.id

)

select * from stg_mautic__custom_records
