-- Categories, tags, segments, points, stages' history, notes, do-not-contact.
create table categories as
select
    id, unnest(entity('category', id)), title, title || ' things' as description,
    lower(replace(title, ' ', '-')) as alias, colour as color, bundle, uuid_of('category', id) as uuid
from (values
    (1, 'Newsletter', 'email', '4e5d9d'), (2, 'Transactional', 'email', '35b4b9'), (3, 'Events', 'campaign', 'f86b4f'),
    (4, 'Nurturing', 'campaign', null), (5, 'Whitepapers', 'asset', '00b49c'), (6, 'Price lists', 'asset', null),
    (7, 'Landing pages', 'page', 'fdb933'), (8, 'Customers', 'segment', '00b49c'), (9, 'Prospects', 'segment', null),
    (10, 'Product news', 'global', '4e5d9d'), (11, 'Event invitations', 'global', null), (12, 'Funnel', 'stage', null),
    (13, 'Scoring', 'point', null), (14, 'Contact forms', 'form', '35b4b9'), (15, 'Newsletter', 'global', null)
) as listed (id, title, bundle, colour);

create table lead_categories as
select
    row_number() over (order by people.id, category) as id, category as category_id, people.id as lead_id,
    after_('subscribed', people.id * 100 + category, people.added) as date_added,
    (rnd('unsubscribed', people.id * 100 + category, 8) = 0)::int as manually_removed,
    (rnd('unsubscribed', people.id * 100 + category, 8) <> 0)::int as manually_added
from people cross join (values (10), (11), (15)) as listed (category)
where rnd('category', people.id * 100 + category, 6) = 0;

-- Names are not unique: some differ in case or blanks only. 
create table lead_tags as
select
    id::int as id,
    case
        when id % 17 = 0 then upper('topic ' || (id - 1)) when id % 23 = 0 then 'topic ' || (id - 2) || ' '
        when id = 5 then 'VIP; gold' when id = 6 then 'café & co' when id = 7 then 'a "quoted" tag' else 'topic ' || id
    end as tag,
    case when id % 5 = 0 then 'imported' end as description, uuid_of('tag', id) as uuid
from range(1, 1 + getvariable('tags')) as tag (id);

create table lead_tags_xref as
select distinct people.id as lead_id, 1 + rnd('tag', people.id * 10 + nth, getvariable('tags')) as tag_id
from people cross join range(5) as tagged (nth)
where rnd('tagged', people.id * 10 + nth, 10) < 3;

create macro leaf(glue, object, field, type, operator, value) as php_map([
    php_s('glue'), php_s(glue), php_s('field'), php_s(field), php_s('object'), php_s(object),
    php_s('type'), php_s(type), php_s('operator'), php_s(operator),
    php_s('properties'), php_map([php_s('filter'), value, php_s('display'), 'N;'])
]);
-- Older releases keep filter and display beside operator.
create macro old_leaf(glue, object, field, type, operator, value) as php_map([
    php_s('glue'), php_s(glue), php_s('field'), php_s(field), php_s('object'), php_s(object),
    php_s('type'), php_s(type), php_s('filter'), value, php_s('display'), 'N;', php_s('operator'), php_s(operator)
]);
create table lead_lists as
select
    id, unnest(entity('segment', id)), name, name as public_name, lower(replace(name, ' ', '-')) as alias,
    case when id % 3 = 0 then 'Built every night' end as description, category as category_id,
    1 as is_global, (id = 4)::int as is_preference_center, filters,
    now_() - interval 1 hour as last_built_date, 1.5 * id as last_built_time, uuid_of('segment', id) as uuid
from (values
    (1, 'All newsletter readers', 8, 'a:0:{}'),
    (2, 'German customers', 8, php_list([leaf('and', 'lead', 'country', 'country', '=', php_s('Germany')),
        leaf('and', 'lead', 'stage', 'stage', 'in', php_list([php_s('9'), php_s('12')]))])),
    (3, 'Big companies or VIP', 8, php_list([leaf('and', 'company', 'companynumber_of_employees', 'number', 'gte', php_s('250')),
        leaf('or', 'lead', 'tags', 'tags', 'in', php_list([php_s('5')]))])),
    (4, 'Event guests', 9, php_list([leaf('and', 'lead', 'leadlist', 'leadlist', 'in', php_list([php_i(1), php_i(2)])),
        leaf('and', 'lead', 'leadlist', 'leadlist', '!in', php_list([php_i(3)]))])),
    (5, 'Recently active', 9, php_list([old_leaf('and', 'lead', 'last_active', 'datetime', 'gte', php_s('-30 days'))])),
    (6, 'Opened a whitepaper', null, php_list([leaf('and', 'behaviors', 'lead_asset_download', 'assets', 'in', php_list([php_s('1'), php_s('2')])),
        leaf('or', 'behaviors', 'lead_email_received', 'lead_email_received', 'in', php_list([php_s('3')]))])),
    (7, 'No address', null, php_list([leaf('and', 'lead', 'email', 'email', 'empty', 'N;')])),
    (8, 'Owned by sales', 9, php_list([leaf('and', 'lead', 'owner_id', 'lookup_id', '=', php_s('2')),
        leaf('and', 'lead', 'points', 'number', 'between', php_map([php_s('number_from'), php_s('10'), php_s('number_to'), php_s('400')]))])),
    (9, 'Contract holders', 8, php_list([leaf('and', 'custom_object', 'cmf_4', 'text', '=', php_s('running')),
        leaf('and', 'custom_object', 'cmo_1', 'text', 'like', php_s('%Suite%'))])),
    (10, 'Names with Ä, "quotes" and 👋', null, php_list([leaf('and', 'lead', 'lastname', 'text', 'regexp', php_s('^[ÄÖÜ].*"'))])),
    (11, 'Campaign alumni', 9, php_list([leaf('and', 'lead', 'campaign', 'campaign', 'in', php_list([php_s('1')]))])),
    (12, 'Broken long ago', null, 'a:1:{i:0;a:2:{s:4:"glue";s:3:"and"')
) as listed (id, name, category, filters);
update lead_lists set is_published = 0 where id in (7, 12);

create table lead_lists_leads as
select
    segment as leadlist_id, people.id as lead_id, after_('segment', people.id * 100 + segment, people.added) as date_added,
    (rnd('left segment', people.id * 100 + segment, 20) = 0)::int as manually_removed,
    (rnd('added to segment', people.id * 100 + segment, 5) = 0)::int as manually_added
from people cross join range(1, 12) as listed (segment)
where rnd('segment', people.id * 100 + segment, 10) = 0 or (segment = 1 and rnd('reader', people.id, 2) = 0);

create table point_groups as
select id, unnest(entity('point group', id)), name, null as description, uuid_of('point group', id) as uuid
from (values (1, 'Engagement'), (2, 'Fit'), (3, 'Product interest')) as listed (id, name);

create table point_group_contact_score as
select people.id as contact_id, point_group as group_id, rnd('score', people.id * 10 + point_group, 120) as score
from people cross join (values (1), (2), (3)) as listed (point_group)
where rnd('scored', people.id * 10 + point_group, 4) = 0;

create table points as
select
    id, unnest(entity('point', id)), name, null as description, type, delta, 0 as repeatable,
    13 as category_id, point_group as group_id, properties, uuid_of('point', id) as uuid
from (values
    (1, 'Opens an e-mail', 'email.open', 2, 1, php_map([php_s('emails'), php_list([php_s('1')])])),
    (2, 'Downloads an asset', 'asset.download', 10, 1, php_map([php_s('assets'), 'a:0:{}'])),
    (3, 'Visits the price page', 'url.hit', 5, 3, php_map([php_s('page_url'), php_s('https://www.example.com/prices*')])),
    (4, 'Sends a form', 'form.submit', 15, null, php_map([php_s('forms'), php_list([php_i(1)])])),
    (5, 'Unsubscribes', 'email.send', -20, 2, 'a:0:{}')
) as listed (id, name, type, delta, point_group, properties);

create table point_triggers as
select
    id, unnest(entity('point trigger', id)), name, 'At ' || points || ' points' as description, points, colour as color,
    id % 2 as trigger_existing_leads, point_group as group_id, uuid_of('point trigger', id) as uuid
from (values (1, 'Hot lead', 100, 'a0acb8', null), (2, 'Warm lead', 50, 'f3cbcb', null), (3, 'Good fit', 80, 'c2ddf8', 2),
    (4, 'Sales ready', 200, 'fdb933', 1)) as listed (id, name, points, colour, point_group);

create table point_trigger_events as
select id, trigger_id, name, null as description, type, action_order, properties, uuid_of('trigger event', id) as uuid
from (values
    (1, 1, 'Tell sales', 'email.send_to_user', 1, php_map([php_s('user_id'), php_list([php_s('2')]), php_s('useremail'), php_map([php_s('email'), php_s('5')])])),
    (2, 1, 'Tag as hot', 'lead.changetags', 2, php_map([php_s('add_tags'), php_list([php_s('topic 1')]), php_s('remove_tags'), 'a:0:{}'])),
    (3, 2, 'Into the warm segment', 'lead.changelists', 1, php_map([php_s('addToLists'), php_list([php_i(5)]), php_s('removeFromLists'), 'a:0:{}'])),
    (4, 4, 'Into the sales campaign', 'campaign.changecampaign', 1, php_map([php_s('addTo'), php_list([php_s('3')])]))
) as listed (id, trigger_id, name, type, action_order, properties);

create table lead_points_change_log as
select
    row_number() over (order by people.id, nth) as id, people.id as lead_id, null::int as ip_id,
    case when rnd('point group', people.id * 10 + nth, 4) = 0 then 1 + rnd('which group', people.id * 10 + nth, 3) end as group_id,
    one_of('points type', people.id * 10 + nth, ['email', 'asset', 'API', 'form', 'url']) as type,
    '1: Opens an e-mail' as event_name, 'email.open' as action_name,
    one_of('delta', people.id * 10 + nth, [2, 2, 5, 10, 15, -20]) as delta,
    after_('points', people.id * 10 + nth, people.added) as date_added
from people cross join range(4) as logged (nth)
where rnd('points logged', people.id * 10 + nth, 10) < 3;

create table lead_stages_change_log as
select
    row_number() over (order by people.id, nth) as id, people.id as lead_id,
    1 + rnd('stage', people.id * 10 + nth, 12) as stage_id,
    (1 + rnd('stage', people.id * 10 + nth, 12)) || case when nth = 1 then ': ' else ':' end || 'Lead' as event_name,
    'Stage changed' as action_name, after_('stage', people.id * 10 + nth, people.added) as date_added
from people cross join range(3) as logged (nth)
where rnd('stage logged', people.id * 10 + nth, 10) < 3;

create table lead_notes as
select
    row_number() over (order by people.id, nth) as id, people.id as lead_id,
    unnest(entity('note', people.id * 10 + nth)),
    one_of('note', people.id * 10 + nth, ['<p>Called, nobody there.</p>', '<p>Wants an offer &amp; a demo<br>by <b>Friday</b></p>',
        'plain text, "quoted"', '<p>Met at the fair 👋</p><ul><li>budget</li><li>timing</li></ul>', '']) as text,
    one_of('note type', people.id * 10 + nth, ['general', 'general', 'call', 'meeting', 'email']) as type,
    case when rnd('note dated', people.id * 10 + nth, 4) > 0 then after_('note moment', people.id * 10 + nth, people.added) end as date_time
from people cross join range(3) as noted (nth)
where rnd('noted', people.id * 10 + nth, 10) < 2;

create table lead_frequencyrules as
select
    row_number() over (order by id) as id, id as lead_id, added as date_added, 2 as frequency_number, 'WEEK' as frequency_time,
    'email' as channel, 1 as preferred_channel
from people where rnd('frequency', id, 30) = 0;

create table contact_merge_records as
select
    row_number() over (order by id) as id, id as contact_id, after_('merge', id, added) as date_added,
    1000000000 + id as merged_id, 'Former record of ' || coalesce(email, 'somebody') as name
from people where rnd('merged', id, 60) = 0;
