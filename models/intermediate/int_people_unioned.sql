with

int_people_unioned as (

    {{ union_feeds('stg_{}__people', var('feeds')['people']) }}

)

select * from int_people_unioned
