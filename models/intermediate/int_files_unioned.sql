with

int_files_unioned as (

    {{ union_feeds('stg_{}__files', var('feeds')['files']) }}

)

select * from int_files_unioned
