with

int_group_scores_unioned as (

    {{ union_feeds('stg_{}__group_scores', var('feeds')['group_scores']) }}

)

select * from int_group_scores_unioned
