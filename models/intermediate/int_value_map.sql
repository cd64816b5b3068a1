with

stacked as (

    {{ stack_maps('values') }}

),

int_value_map as (

    select
        source_system,
        source_field,
        source_value,
        {{ value_key('source_value') }} as source_key,
        sf_object,
        sf_field,
        sf_value,
        note,
        coalesce(status, 'confirmed') as status
    from stacked

)

select * from int_value_map
