with

int_custom_record_values_unioned as (

    {{ union_feeds('stg_{}__custom_record_values', var('feeds')['custom_record_values']) }}

)

select * from int_custom_record_values_unioned
