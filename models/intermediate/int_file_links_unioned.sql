with

int_file_links_unioned as (

    {{ union_feeds('stg_{}__file_links', var('feeds')['file_links']) }}

)

select * from int_file_links_unioned
