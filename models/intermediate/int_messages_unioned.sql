with

int_messages_unioned as (

    {{ union_feeds('stg_{}__messages', var('feeds')['messages']) }}

)

select * from int_messages_unioned
