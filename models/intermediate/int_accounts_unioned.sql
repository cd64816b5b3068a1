with

int_accounts_unioned as (

    {{ union_feeds('stg_{}__accounts', var('feeds')['accounts']) }}

)

select * from int_accounts_unioned
