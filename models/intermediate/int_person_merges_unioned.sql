with

int_person_merges_unioned as (

    {{ union_feeds('stg_{}__person_merges', var('feeds')['person_merges']) }}

)

select * from int_person_merges_unioned
