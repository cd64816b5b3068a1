with

categories as (

    {{ landed('mautic', 'categories') }}

),

base_mautic__categories as (

    select
        id,
        bundle,
        {{ clean_text('title') }} as category_name,
        concat_ws(' / ', bundle, {{ clean_text('title') }}) as category_path,
        {{ clean_text('description', keep_lines=true) }} as description,
        alias
    from categories

)

select * from base_mautic__categories
