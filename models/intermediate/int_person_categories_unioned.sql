with

int_person_categories_unioned as (

    {{ union_feeds('stg_{}__person_categories', var('feeds')['person_categories']) }}

)

select * from int_person_categories_unioned
