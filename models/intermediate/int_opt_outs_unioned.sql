with

int_opt_outs_unioned as (

    {{ union_feeds('stg_{}__opt_outs', var('feeds')['opt_outs']) }}

)

select * from int_opt_outs_unioned
