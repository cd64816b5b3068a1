-- What is rebuilt by hand in Salesforce: messages, text messages, pop-ups, dynamic content, reports, webhooks; and
-- permissions, plugins and what an earlier Salesforce synchronisation left behind.
create table messages as
select id, unnest(entity('message', id)), name, null as description, uuid_of('message', id) as uuid
from (values (1, 'Service notice'), (2, 'Birthday')) as listed (id, name);
create table message_channels as
select id, message_id, channel, channel_id, '{"pattern": []}' as properties, 1 as is_enabled, uuid_of('message channel', id) as uuid
from (values (1, 1, 'email', 6), (2, 1, 'sms', 1), (3, 2, 'email', 7)) as listed (id, message_id, channel, channel_id);

create table sms_messages as
select id, unnest(entity('sms', id)), name, null as description, 'en' as lang, text as message, kind as sms_type, 0 as sent_count, uuid_of('sms', id) as uuid
from (values (1, 'Reminder', 'Tomorrow at nine: {contactfield=firstname}', 'template'), (2, 'Fair', 'Hall 3, stand 12 🎪', 'list')) as listed (id, name, text, kind);
create table sms_message_stats as
select row_number() over (order by id) as id, 1 + rnd('sms', id, 2) as sms_id, id as lead_id, after_('sms sent', id, added) as date_sent,
    (rnd('sms failed', id, 20) = 0)::int as is_failed, md5('sms' || id) as tracking_hash, 'campaign.event' as source, 11 as source_id,
    'a:0:{}' as tokens, case when rnd('sms failed', id, 20) = 0 then '{"failed": "unreachable"}' else '[]' end as details
from people where rnd('texted', id, 12) = 0;
update sms_messages set sent_count = (select count(*) from sms_message_stats where sms_id = sms_messages.id);

create table push_notifications as
select 1 as id, unnest(entity('push', 1)), 'Sale' as name, null as description, 'en' as lang, 'https://www.example.com/sale' as url, 'Sale!' as heading,
    'Everything must go' as message, 'Look' as button, 'a:0:{}' as utm_tags, 'template' as notification_type, 0 as read_count, 0 as sent_count,
    0 as mobile, 'a:0:{}' as "mobileSettings", uuid_of('push', 1) as uuid;

create table focus as
select id, unnest(entity('focus', id)), name, null as description, kind as focus_type, style, 'https://www.example.com' as website,
    php_map([php_s('bar'), php_map([php_s('allow_hide'), php_i(1)]), php_s('content'), php_map([php_s('headline'), php_s(name)])]) as properties,
    'a:0:{}' as utm_tags, case when kind = 'form' then 1 end as form_id, 'basic' as html_mode, uuid_of('focus', id) as uuid
from (values (1, 'Newsletter bar', 'form', 'bar'), (2, 'Fair pop-up', 'link', 'modal'), (3, 'Notice', 'notice', 'notification')) as listed (id, name, kind, style);

create table dynamic_content as
select id, unnest(entity('dynamic content', id)), name, null as description, 0 as sent_count, text as content, '[]' as utm_tags, 'en' as lang,
    'a:0:{}' as variant_settings, filters, (id = 1)::int as is_campaign_based, case when id > 1 then 'slot-' || id end as slot_name, uuid_of('dynamic content', id) as uuid
from (values
    (1, 'Greeting', '<p>Hello again</p>', 'a:0:{}'),
    (2, 'German only', '<p>Nur für Deutschland</p>', php_list([php_map([php_s('glue'), php_s('and'), php_s('field'), php_s('country'), php_s('object'), php_s('lead'),
        php_s('type'), php_s('country'), php_s('operator'), php_s('='), php_s('filter'), php_s('Germany'), php_s('display'), 'N;'])]))
) as listed (id, name, text, filters);

create table reports as
select id, unnest(entity('report', id)), name, null as description, (id < 3)::int as system, source,
    php_list([php_s('l.id'), php_s('l.email')]) as columns,
    php_list([php_map([php_s('column'), php_s('l.country'), php_s('glue'), php_s('and'), php_s('condition'), php_s('eq'), php_s('value'), php_s('Germany')])]) as filters,
    php_list([php_map([php_s('column'), php_s('l.id'), php_s('direction'), php_s('DESC')])]) as table_order,
    'a:0:{}' as graphs, 'a:0:{}' as group_by, 'a:0:{}' as aggregators, '{"showGraphsAboveTable": 1}' as settings,
    (id = 4)::int as is_scheduled, case when id = 4 then 'boss@twin.example' end as to_address, case when id = 4 then 'WEEKLY' end as schedule_unit,
    case when id = 4 then 'Monday' end as schedule_day, uuid_of('report', id) as uuid
from (values (1, 'Visits published Pages', 'page.hits'), (2, 'Downloads of all Assets', 'asset.downloads'), (3, 'Contacts in Germany', 'leads'),
    (4, 'Sent e-mails', 'email.stats')) as listed (id, name, source);

create table webhooks as
select id, unnest(entity('webhook', id)), name, null as description, 'https://hooks.twin.example/' || id as webhook_url, 'not-a-secret' as secret, 'ASC' as events_orderby_dir
from (values (1, 'ERP'), (2, 'Chat')) as listed (id, name);
create table webhook_events as
select * from (values (1, 1, 'mautic.lead_post_save_new'), (2, 1, 'mautic.lead_post_save_update'), (3, 2, 'mautic.form_on_submit')) as listed (id, webhook_id, event_type);

create table permissions as
select id, 2 as role_id, bundle, name, bitwise, uuid_of('permission', id) as uuid
from (values (1, 'lead', 'leads', 14), (2, 'asset', 'assets', 1024), (3, 'email', 'emails', 4)) as listed (id, bundle, name, bitwise);

create table plugins as
select * from (values (1, 'CRM', 'Synchronises contacts', 0, 'MauticCrmBundle', '1.0', 'Mautic'), (2, 'Focus', null, 0, 'MauticFocusBundle', '1.0', 'Mautic'),
    (3, 'Custom Objects', null, 0, 'CustomObjectsBundle', '0.0.27', 'Acquia'), (4, 'Lost plugin', 'Broke in the upgrade to 5', 1, 'AcmeLostBundle', '0.9', null)
) as listed (id, name, description, is_missing, bundle, version, author);
create table plugin_integration_settings as
select *, php_map([php_s('client_secret'), php_s('not-a-secret')]) as api_keys, 'a:0:{}' as feature_settings
from (values (1, 1, 'Salesforce', 1, php_list([php_s('push_lead')])), (2, 1, 'Hubspot', 0, 'a:0:{}'), (3, 3, 'CustomObjects', 1, 'a:0:{}')
) as listed (id, plugin_id, name, is_published, supported_features);

create table integration_entity as
select row_number() over (order by id) as id, added as date_added, 'Salesforce' as integration, 'Lead' as integration_entity,
    '00Q0000000' || right('0000000' || id, 5) as integration_entity_id,
    case rnd('synchronised how', id, 5) when 0 then 'lead-error' when 1 then 'lead-deleted' else 'lead' end as internal_entity,
    id as internal_entity_id, now_() - interval 90 day as last_sync_date, 'a:0:{}' as internal
from people where rnd('synchronised', id, 100) = 0;
create table sync_object_mapping as
select 1 as id, now_() - interval 90 day as date_created, 'Salesforce2' as integration, 'lead' as internal_object_name, 3 as internal_object_id, 'Contact' as integration_object_name,
    '003000000000003' as integration_object_id, now_() - interval 90 day as last_sync_date, '[]' as internal_storage, 0 as is_deleted
where exists (select 1 from people where id = 3);
