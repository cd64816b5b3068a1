with

int_campaigns_unioned as (

    {{ union_feeds('stg_{}__campaigns', var('feeds')['campaigns']) }}

)

select * from int_campaigns_unioned
