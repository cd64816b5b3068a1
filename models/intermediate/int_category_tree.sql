with

int_categories_unioned as (

    select * from {{ ref('int_categories_unioned') }}

),

bundles as (

    select
        source_system,
        bundle,
        {{ json_list_agg(
            json_document({
                'name': 'category_name', 'path': 'category_path', 'description': 'description',
                'key': 'record_key',
            }),
            'category_path, record_key'
        ) }} as categories
    from int_categories_unioned
    group by 1, 2

),

int_category_tree as (

    select
        source_system,
        {{ json_list_agg(
            json_document({'bundle': 'bundle'}, {'categories': 'categories'}), 'bundle'
        ) }} as tree
    from bundles
    group by 1

)

select * from int_category_tree
