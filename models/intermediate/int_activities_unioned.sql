with

int_activities_unioned as (

    {{ union_feeds('stg_{}__activities', var('feeds')['activities']) }}

)

select * from int_activities_unioned
