with

email_stat_replies as (

    {{ landed('mautic', 'email_stat_replies') }}

),

base_mautic__email_replies as (

    select
        stat_id,
        count(*) as reply_count,
        min(date_replied) as replied_at
    from email_stat_replies
    group by 1

)

select * from base_mautic__email_replies
