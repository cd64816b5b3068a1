with

int_campaign_members_unioned as (

    {{ union_feeds('stg_{}__campaign_members', var('feeds')['campaign_members']) }}

)

select * from int_campaign_members_unioned
