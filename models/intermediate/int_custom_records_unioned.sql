with

int_custom_records_unioned as (

    {{ union_feeds('stg_{}__custom_records', var('feeds')['custom_records']) }}

)

select * from int_custom_records_unioned
