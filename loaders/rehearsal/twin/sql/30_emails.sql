-- Templates, sends, opens, clicks, bounces, replies, and who does not want any more of them.
create table emails as
select
    id, unnest(entity('email', id)), name, null as description, subject, 'Read this first' as preheader_text,
    'news@twin.example' as from_address, 'Synthetic Twin' as from_name, null as reply_to_address, 0 as use_owner_as_mailer,
    case when id = 9 then 'mautic_code_mode' else 'blank' end as template,
    case when id = 8 then php_map([php_s('body'), php_s('<p>Old builder: {contactfield=firstname}</p>')]) else 'a:0:{}' end as content,
    php_map([php_s('utmSource'), php_s('newsletter'), php_s('utmMedium'), php_s('email')]) as utm_tags,
    'Hello {contactfield=firstname}, see https://www.example.com/offer/' || id as plain_text,
    case when id <> 8 then '<html><body><h1>' || subject || '</h1><p>Hello {contactfield=firstname},</p><p><a href="https://www.example.com/offer/'
        || id || '">See the offer</a></p><p>{unsubscribe_text}</p></body></html>' end as custom_html,
    kind as email_type, 0 as read_count, 0 as sent_count, 0 as variant_sent_count, 0 as variant_read_count, 1 as revision,
    case when id = 11 then 'de' else 'en' end as lang, 'a:0:{}' as variant_settings,
    php_list([php_map([php_s('tokenName'), php_s('Dynamic Content 1'), php_s('content'), php_s('Default'), php_s('filters'), 'a:0:{}'])]) as dynamic_content,
    '{"List-Id": "twin"}' as headers, 1 as public_preview, case when kind = 'list' then 1 else 2 end as category_id,
    case when id = 11 then 1 end as translation_parent_id, case when id = 12 then 2 end as variant_parent_id,
    uuid_of('email', id) as uuid
from (values
    (1, 'Welcome', 'Welcome, {contactfield=firstname}!', 'template'), (2, 'Newsletter June', 'News from the twin 📰', 'list'),
    (3, 'Newsletter July', 'Summer offers & more', 'list'), (4, 'Invitation', 'See you at the "Spring fair"', 'template'),
    (5, 'Reminder', 'Only two days left', 'template'), (6, 'Offer', 'Your offer', 'template'),
    (7, 'Thank you', 'Danke für Ihren Besuch', 'template'), (8, 'Old builder', 'Made in 2017', 'list'),
    (9, 'Code mode', 'Plain HTML', 'template'), (10, 'Empty subject', '', 'template'),
    (11, 'Willkommen', 'Willkommen!', 'template'), (12, 'Newsletter June (B)', 'Have you heard?', 'list')
) as listed (id, name, subject, kind);

create table email_list_xref as select * from (values (2, 1), (3, 1), (8, 1), (12, 1)) as listed (email_id, leadlist_id);
create table email_list_excluded as select * from (values (3, 7)) as listed (email_id, leadlist_id);
create table email_assets_xref as select * from (values (1, 1), (6, 2)) as listed (email_id, asset_id);
create table email_copies as
select
    md5(subject || coalesce(custom_html, plain_text)) as id, date_added as date_created,
    coalesce(custom_html, '<p>Old builder: {contactfield=firstname}</p>') as body, plain_text as body_text, subject
from emails where id <> 10;

-- A purged copy, a deleted template and a deleted contact leave their sends behind.
create table sends as
select
    row_number() over (order by mailable.id, nth) as id, mailable.id as lead_id, mailable.email as email_address, nth,
    1 + rnd('template', mailable.id * 100 + nth, 12) as email_id,
    after_('sent', mailable.id * 100 + nth, mailable.added) as date_sent,
    md5(concat(getvariable('seed'), '/stat/', mailable.id, '/', nth)) as tracking_hash,
    rnd('fate of send', mailable.id * 100 + nth, 100) as fate
from mailable cross join range(getvariable('sends')) as sent (nth)
where rnd('send', mailable.id * 100 + nth, 10) < 5;

-- fate 0-1: bounced, 2: failed on the way; 3-39: opened, of these 3-12 clicked, 3 replied
create table email_stats as
with opened as (
    select *, case when fate between 3 and 39 then 1 + rnd('opens', id, 4) else 0 end as opens,
        within('opened', id, date_sent, 14 * 86400) as first_open
    from sends
),
detailed as (
    select *,
        list_transform(range(least(opens, 3)), lambda nr: php_map([
            php_s('datetime'), php_s(strftime(least(first_open + to_seconds(nr * 7200), now_()), '%Y-%m-%d %H:%M:%S')),
            php_s('useragent'), php_s('Mozilla/5.0 (Synthetic; Twin) ' || nr), php_s('inBrowser'), php_b(nr = 2)])) as details
    from opened
)
select
    id, case when rnd('template gone', id, 60) = 0 then null else email_id end as email_id,
    case when rnd('contact gone', id, 100) = 0 then null else lead_id end as lead_id,
    case when email_id in (2, 3, 8, 12) then 1 end as list_id,
    case when rnd('copy purged', id, 10) > 0 then (select copy.id from email_copies as copy join emails as email
        on copy.subject = email.subject where email.id = detailed.email_id) end as copy_id,
    email_address, date_sent, (opens > 0)::int as is_read, (fate < 3)::int as is_failed, (opens > 2)::int as viewed_in_browser,
    case when opens > 0 then first_open end as date_read, tracking_hash, case when fate = 2 then 1 else 0 end as retry_count,
    case when email_id in (2, 3, 8, 12) then null else 'campaign.event' end as source,
    case when email_id not in (2, 3, 8, 12) then 10 * (1 + rnd('event source', id, 6)) + 1 end as source_id,
    php_map([php_s('{contactfield=firstname}'), php_s('friend'), php_s('{unsubscribe_text}'), php_s('<a href="|URL|">Unsubscribe</a>')]) as tokens,
    opens as open_count, case when opens > 0 then least(first_open + to_seconds((opens - 1) * 7200), now_()) end as last_opened,
    case
        when fate < 2 then php_map([php_s('bounces'), php_list([php_map([php_s('datetime'),
            php_s(strftime(within('bounced', id, date_sent, 600), '%Y-%m-%d %H:%M:%S')), php_s('reason'), php_s('550 5.1.1 no such user')])])])
        when opens > 0 and rnd('late bounce', id, 200) = 0 then 'a:' || (len(details) + 1) || ':{' ||
            array_to_string(list_transform(details, lambda part, nr: 'i:' || (nr - 1) || ';' || part), '')
            || php_s('bounces') || php_list([php_map([php_s('datetime'), php_s(strftime(first_open, '%Y-%m-%d %H:%M:%S')),
                php_s('reason'), php_s('mailbox full')])]) || '}'
        when opens > 0 then php_list(details)
        else 'a:0:{}'
    end as open_details
from detailed;

update emails set
    sent_count = (select count(*) from email_stats where email_stats.email_id = emails.id),
    read_count = (select count(*) from email_stats where email_stats.email_id = emails.id and is_read = 1);

create table email_stat_replies as
select uuid_of('reply', id) as id, id as stat_id, within('replied', id, date_sent, 20 * 86400) as date_replied,
    '<' || tracking_hash || '@twin.example>' as message_id
from sends where fate = 3;

create table page_redirects as
select id, unnest(entity('redirect', id)), left(md5('redirect' || id), 25) as redirect_id,
    'https://www.example.com/offer/' || id || '?utm_source=newsletter' as url, 0 as hits, 0 as unique_hits
from range(1, 13) as link (id);

-- Clicks carry the send's hash, except old ones; visits to a landing page from an e-mail are no clicks.
create table clicks as
select sends.*, within('clicked', id * 10 + click, date_sent, 20 * 86400) as clicked_at
from sends cross join range(3) as clicked (click)
where fate between 3 and 12 and (click = 0 or rnd('clicks', id * 10 + click, 3) = 0);
create table visits as
select id as lead_id, nth, after_('visit', id * 10 + nth, added) as seen_at, 1 + rnd('page', id * 10 + nth, 6) as page_id
from contacts cross join range(3) as visit (nth) where rnd('visited', id * 10 + nth, 10) < 2;
create table page_hits as
with hits as (
    select clicked_at as date_hit, lead_id, email_id, email_id as redirect_id, null as page_id, 'email' as source, email_id as source_id,
        'https://www.example.com/offer/' || email_id as url, tracking_hash,
        case when rnd('hash lost', id, 8) = 0 then 'a:0:{}' else php_map([php_s('ct'), php_map([php_s('source'), php_list([php_s('email'), php_i(email_id)]),
            php_s('email'), php_i(email_id), php_s('stat'), php_s(tracking_hash), php_s('lead'), php_s(lead_id::varchar)])]) end as query
    from clicks
    union all
    select seen_at, lead_id, case when nth = 2 then 1 + rnd('page email', lead_id, 12) end, null, page_id, null, null,
        'https://www.example.com/page-' || page_id, md5(lead_id || '/' || nth), 'a:0:{}'
    from visits
)
select
    row_number() over (order by date_hit, lead_id, url, tracking_hash) as id, page_id, redirect_id, email_id, lead_id, date_hit,
    200 as code, 'https://www.example.com/' as referer, url, 'Mozilla/5.0 (Synthetic; Twin)' as user_agent, 'en' as page_language,
    php_list([php_s('en-GB'), php_s('de')]) as browser_languages, tracking_hash as tracking_id, source, source_id, query
from hits;
create table channel_url_trackables as
select email_id as channel_id, redirect_id, 'email' as channel, count(*) as hits, count(distinct lead_id) as unique_hits
from page_hits where redirect_id is not null group by email_id, redirect_id;
update page_redirects set
    hits = (select count(*) from page_hits where page_hits.redirect_id = page_redirects.id),
    unique_hits = (select count(distinct lead_id) from page_hits where page_hits.redirect_id = page_redirects.id);

-- reason 1 unsubscribed, 2 bounced, 3 manual; several rows for one contact are possible
create table lead_donotcontact as
with wishes as (
    select lead_id, within('bounce noted', id, date_sent, 900) as date_added, 2 as reason, 'email' as channel, email_id as channel_id,
        '550 5.1.1 no such user' as comments
    from sends where fate < 2
    union all
    select id, after_('unsubscribed', id, added), 1, 'email', 1 + rnd('unsubscribed by', id, 12), 'User unsubscribed.' from mailable where rnd('unsubscribe', id, 33) = 0
    union all
    select id, after_('objected', id, added), 3, one_of('channel', id, ['email', 'sms']), null, 'Asked by telephone, "never again"' from people where rnd('objection', id, 50) = 0
    union all
    select id, after_('unsubscribed again', id, added), 0, 'email', null, null from mailable where rnd('allowed again', id, 200) = 0
)
select row_number() over (order by lead_id, date_added, reason) as id, * from wishes;
