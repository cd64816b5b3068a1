with

int_custom_record_links_unioned as (

    {{ union_feeds('stg_{}__custom_record_links', var('feeds')['custom_record_links']) }}

)

select * from int_custom_record_links_unioned
