-- Clicks on tracked links, counted per e-mail sent. A visit of a landing page is no click.
with

page_hits as (

    {{ landed('mautic', 'page_hits') }}

),

email_stats as (

    {{ landed('mautic', 'email_stats') }}

),

clicks as (

    select
        id,
        email_id,
        lead_id,
        date_hit,
        {{ json_at('query', 'ct.stat') }} as tracking_hash
    from page_hits
    where redirect_id is not null and email_id is not null

),

tracked as (

    select
        email_stats.id as stat_id,
        clicks.date_hit
    from clicks
    inner join email_stats on clicks.tracking_hash = email_stats.tracking_hash

),

-- without the key in the link: the last e-mail that the contact had got by then
untracked as (

    select
        clicks.id,
        {{ arg_max_by('email_stats.id', 'email_stats.date_sent') }} as stat_id,
        max(clicks.date_hit) as date_hit
    from clicks
    inner join email_stats
        on
            clicks.email_id = email_stats.email_id
            and clicks.lead_id = email_stats.lead_id
            and clicks.date_hit >= email_stats.date_sent
    where clicks.tracking_hash is null
    group by 1

),

placed as (

    select
        stat_id,
        date_hit
    from tracked

    union all

    select
        stat_id,
        date_hit
    from untracked

),

base_mautic__email_clicks as (

    select
        stat_id,
        count(*) as click_count,
        min(date_hit) as first_clicked_at,
        max(date_hit) as last_clicked_at
    from placed
    group by 1

)

select * from base_mautic__email_clicks
