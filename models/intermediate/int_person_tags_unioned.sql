with

int_person_tags_unioned as (

    {{ union_feeds('stg_{}__person_tags', var('feeds')['person_tags']) }}

)

select * from int_person_tags_unioned
