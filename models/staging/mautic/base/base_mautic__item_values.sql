with

custom_fields as (

    {{ landed('mautic', 'custom_field') }}

),

texts as (

    {{ landed('mautic', 'custom_field_value_text') }}

),

whole_numbers as (

    {{ landed('mautic', 'custom_field_value_int') }}

),

dates as (

    {{ landed('mautic', 'custom_field_value_date') }}

),

moments as (

    {{ landed('mautic', 'custom_field_value_datetime') }}

),

options as (

    {{ landed('mautic', 'custom_field_value_option') }}

),

item_values as (

    select
        custom_item_id,
        custom_field_id,
        value
    from texts

    union all

    select
        custom_item_id,
        custom_field_id,
        cast(value as varchar) as value
    from whole_numbers

    union all

    select
        custom_item_id,
        custom_field_id,
        cast(value as varchar) as value
    from dates

    union all

    select
        custom_item_id,
        custom_field_id,
        cast(value as varchar) as value
    from moments

    union all

    -- one row a chosen option
    select
        custom_item_id,
        custom_field_id,
        {{ text_agg('value', "'|'", 'value') }} as value
    from options
    group by 1, 2

),

base_mautic__item_values as (

    select
        item_values.custom_item_id,
        custom_fields.alias as source_field,
        case
            when {{ regex_matches('item_values.value', '<[A-Za-z/][^>]*>') }} then item_values.value
            else {{ clean_text('item_values.value', keep_lines=true) }}
        end as value
    from item_values
    inner join custom_fields on item_values.custom_field_id = custom_fields.id

)

select * from base_mautic__item_values
