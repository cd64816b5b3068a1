with

lead_fields as (

    {{ landed('mautic', 'lead_fields') }}

),

custom_fields as (

    {{ landed('mautic', 'custom_field') }}

),

custom_objects as (

    {{ landed('mautic', 'custom_object') }}

),

stg_mautic__field_registry as (

    select
        case object when 'lead' then 'contact' else object end as source_entity,
        alias as source_field,
        label,
        type as field_type,
        properties,
        cast(char_length_limit as bigint) as length,
        coalesce(is_fixed = 1, false) as is_fixed,
        coalesce(is_published = 1, false) as is_published,
        coalesce(column_is_not_created, 0) = 0 as has_column
    from lead_fields
    -- other objects belong to plugins, which bring their own models
    where object in ('lead', 'company')

    union all

    select
        'custom_object:' || custom_objects.alias as source_entity,
        custom_fields.alias as source_field,
        custom_fields.label,
        custom_fields.type as field_type,
        cast(null as varchar) as properties,
        cast(null as bigint) as length,
        false as is_fixed,
        coalesce(custom_fields.is_published = 1, false) as is_published,
        true as has_column
    from custom_fields
    inner join custom_objects on custom_fields.custom_object_id = custom_objects.id

)

select * from stg_mautic__field_registry
