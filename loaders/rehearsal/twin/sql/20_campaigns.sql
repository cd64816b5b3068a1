-- Campaigns with actions, decisions, conditions and delays; who is in them, and what happened.
create table campaigns as
select
    id, unnest(entity('campaign', id)), name, description, up as publish_up, down as publish_down,
    php_map([php_s('nodes'), php_list([php_map([php_s('id'), php_s('1'), php_s('positionX'), php_i(200 + id)])]),
        php_s('connections'), 'a:0:{}']) as canvas_settings,
    id % 2 as allow_restart, gone as deleted, 1 as version, case when id % 2 = 0 then 4 else 3 end as category_id,
    uuid_of('campaign', id) as uuid
from (values
    (1, 'Welcome series', 'Three e-mails to new readers', null, null, null),
    (2, 'Spring fair 2025', 'Invitation and follow-up', timestamp '2025-02-01 08:00:00', timestamp '2025-05-31 18:00:00', null),
    (3, 'Sales hand-over', null, null, null, null),
    (4, 'Win back', '<p>Customers without order for a year</p>', timestamp '2026-01-15 00:00:00', null, null),
    (5, 'Winback (copy)', null, null, null, timestamp '2026-02-01 10:00:00'),
    (6, 'Webinar "Zukunft" – ärgerlich lang benannt, damit ein Name die achtzig Zeichen eines Campaign-Namens überschreitet', null, null, null, null),
    (7, 'Never published', 'A draft', null, null, null)
) as listed (id, name, description, up, down, gone);
update campaigns set is_published = 0 where id in (5, 7);

create table campaign_leadlist_xref as
select * from (values (1, 1), (2, 4), (2, 9), (3, 8), (4, 2)) as listed (campaign_id, leadlist_id);
create table campaign_form_xref as select * from (values (1, 1), (6, 3)) as listed (campaign_id, form_id);

-- Per campaign a tree: e-mail, wait, opened? yes: tag and points; no: wait and remind; condition at the end.
create table campaign_events as
with shapes as (
    select * from (values
        (1, null, 'Send the first e-mail', 'email.send', 'action', 1, 'immediate', null, null, null, 'email', 0),
        (2, 1, 'Opened it?', 'email.open', 'decision', 1, 'immediate', null, null, null, 'email', 0),
        (3, 2, 'Tag as interested', 'lead.changetags', 'action', 1, 'immediate', null, null, 'yes', null, null),
        (4, 2, 'Remind after three days', 'email.send', 'action', 2, 'interval', 3, 'd', 'no', 'email', 1),
        (5, 4, 'Clicked the link?', 'page.pagehit', 'decision', 1, 'immediate', null, null, null, 'page', 0),
        (6, 5, 'Ten points', 'lead.changepoints', 'action', 1, 'interval', 2, 'h', 'yes', null, null),
        (7, 3, 'Lives in Germany?', 'lead.field_value', 'condition', 1, 'immediate', null, null, null, null, null),
        (8, 7, 'Tell the owner', 'email.send.to.user', 'action', 1, 'date', null, null, 'yes', null, null),
        (9, 7, 'Stage: lead', 'stage.change', 'action', 2, 'interval', 1, 'm', 'no', null, null)
    ) as shape (nth, parent, name, type, event_type, event_order, mode, waits, unit, path, channel, offset_)
)
select
    (campaign.id * 10 + nth)::int as id, campaign.id as campaign_id, campaign.id * 10 + parent as parent_id,
    shapes.name, null as description, shapes.type, event_type, event_order,
    case shapes.type
        when 'email.send' then php_map([php_s('email'), php_s((1 + (campaign.id + offset_) % 12)::varchar), php_s('email_type'), php_s('marketing')])
        when 'lead.changetags' then php_map([php_s('add_tags'), php_list([php_s('topic 1')]), php_s('remove_tags'), 'a:0:{}'])
        when 'lead.changepoints' then php_map([php_s('points'), 'd:10;'])
        when 'lead.field_value' then php_map([php_s('field'), php_s('country'), php_s('operator'), php_s('='), php_s('value'), php_s('Germany')])
        when 'email.send.to.user' then php_map([php_s('triggerDate'), 'O:8:"DateTime":3:{s:4:"date";s:26:"2026-03-01 09:00:00.000000";s:13:"timezone_type";i:3;s:8:"timezone";s:13:"Europe/Berlin";}', php_s('user_id'), php_list([php_i(2)])])
        when 'stage.change' then php_map([php_s('stage'), php_s('2')])
        else 'a:0:{}'
    end as properties,
    case when mode = 'date' then timestamp '2026-03-01 08:00:00' end as trigger_date,
    waits as trigger_interval, unit as trigger_interval_unit, mode as trigger_mode,
    case when nth = 4 then time '09:00:00' end as trigger_hour,
    case when nth = 4 then time '08:00:00' end as trigger_restricted_start_hour,
    case when nth = 4 then time '18:00:00' end as trigger_restricted_stop_hour,
    case when nth = 4 then php_list([php_i(1), php_i(2), php_i(3), php_i(4), php_i(5)]) else 'a:0:{}' end as trigger_restricted_dow,
    path as decision_path, 'new' || md5(campaign.id || '/' || nth) as temp_id, channel,
    case when channel = 'email' then 1 + (campaign.id + offset_) % 12 when channel = 'page' then 1 end as channel_id,
    0 as failed_count, case when campaign.id = 3 and nth = 9 then timestamp '2026-01-01 00:00:00' end as deleted,
    uuid_of('campaign event', campaign.id * 10 + nth) as uuid
from campaigns as campaign cross join shapes
where campaign.id <> 7
order by id;

-- One row per campaign and contact; the four states follow from three columns.
create table campaign_leads as
with members as (
    select people.id as lead_id, campaign.id as campaign_id, people.id * 10 + campaign.id as pair,
        greatest(people.added, timestamp '2021-01-01') as since
    from people cross join campaigns as campaign
    where campaign.id <> 7 and rnd('member', people.id * 10 + campaign.id, 20) < case when campaign.id = 1 then 8 else 2 end
)
select
    campaign_id, lead_id, after_('joined', pair, since) as date_added,
    (rnd('member state', pair, 20) < 3)::int as manually_removed,
    (rnd('member state', pair, 20) between 3 and 6)::int as manually_added,
    case when rnd('member state', pair, 20) < 2 then after_('exited', pair, after_('joined', pair, since)) end as date_last_exited,
    case when rnd('again', pair, 15) = 0 then 2 else 1 end as rotation
from members;

create table campaign_lead_event_log as
select
    row_number() over (order by member.campaign_id, member.lead_id, event.id, rotation.nth) as id,
    event.id as event_id, member.lead_id, member.campaign_id, rotation.nth as rotation,
    within('fired', member.lead_id * 1000 + event.id, member.date_added, 30 * 86400) as date_triggered,
    (rnd('scheduled', member.lead_id * 1000 + event.id, 40) = 0)::int as is_scheduled,
    case when event.trigger_mode <> 'immediate' then within('due', member.lead_id * 1000 + event.id, member.date_added, 30 * 86400) end as trigger_date,
    1 as system_triggered,
    case when event.event_type = 'decision' then (rnd('opened', member.lead_id * 1000 + event.id, 2))::int end as non_action_path_taken,
    case when rnd('failed event', member.lead_id * 1000 + event.id, 50) = 0
        then php_map([php_s('failed'), php_i(1), php_s('reason'), php_s('The contact''s address was empty')]) else 'a:0:{}' end as metadata,
    event.channel, event.channel_id
from campaign_leads as member
join campaign_events as event using (campaign_id)
cross join (values (1), (2)) as rotation (nth)
where rotation.nth <= member.rotation and rnd('event', member.lead_id * 1000 + event.id, 10) < 5 - event.id % 10 // 2;

create table campaign_lead_event_failed_log as
select id as log_id, date_triggered as date_added, 'The contact''s address was empty' as reason
from campaign_lead_event_log where metadata like '%failed%';
