with

lead_fields as (

    {{ landed('mautic', 'lead_fields') }}

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

)

select * from stg_mautic__field_registry
