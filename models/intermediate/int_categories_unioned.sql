with

int_categories_unioned as (

    {{ union_feeds('stg_{}__categories', var('feeds')['categories']) }}

)

select * from int_categories_unioned
