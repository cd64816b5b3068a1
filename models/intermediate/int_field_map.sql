with

stacked as (

    {{ stack_maps('fields') }}

),

int_field_map as (

    select
        source_system,
        source_entity,
        source_field,
        sf_object,
        sf_field,
        sf_type,
        length,
        precision,
        scale,
        label,
        status,
        note
    from stacked

)

select * from int_field_map
