-- From Mautic's link tables only: its interface for links gives nothing (MAU-17).
with

contact_links as (

    {{ landed('mautic', 'custom_item_xref_contact') }}

),

company_links as (

    {{ landed('mautic', 'custom_item_xref_company') }}

),

item_links as (

    {{ landed('mautic', 'custom_item_xref_custom_item') }}

),

stg_mautic__custom_record_links as (

    select
        {{ record_key('mautic', 'custom_item', 'custom_item_id') }} as record_key,
        'contact' as other_entity,
        {{ record_key('mautic', 'contact', 'contact_id') }} as other_record_key,
        cast(date_added as timestamp) as linked_at
    from contact_links

    union all

    select
        {{ record_key('mautic', 'custom_item', 'custom_item_id') }} as record_key,
        'company' as other_entity,
        {{ record_key('mautic', 'company', 'company_id') }} as other_record_key,
        cast(date_added as timestamp) as linked_at
    from company_links

    union all

    select
        {{ record_key('mautic', 'custom_item', 'custom_item_id_lower') }} as record_key,
        'custom_record' as other_entity,
        {{ record_key('mautic', 'custom_item', 'custom_item_id_higher') }} as other_record_key,
        cast(date_added as timestamp) as linked_at
    from item_links

)

select * from stg_mautic__custom_record_links
