-- The questions of the discovery report. Each begins with a line `-- section: <name> | needs: <tables>`; it is asked
-- if all its tables are there. {p} is the table prefix. Plain SQL, for MySQL, MariaDB and SQLite alike.

-- section: users | needs: users
select
    case when is_published = 1 then 'active' else 'disabled' end as state,
    count(*) as users,
    sum(case when id in (select owner_id from {p}leads) or id in (select owner_id from {p}companies) then 1 else 0 end) as owners
from {p}users
group by case when is_published = 1 then 'active' else 'disabled' end
order by 1;

-- section: contacts | needs: leads, companies_leads
select
    case
        when date_identified is null and coalesce(email, '') = '' and coalesce(firstname, '') = '' and coalesce(lastname, '') = ''
            then 'anonymous visitors'
        else 'contacts'
    end as kind,
    count(*) as contacts,
    sum(case when coalesce(email, '') = '' then 1 else 0 end) as without_email,
    sum(case when stage_id is null then 1 else 0 end) as without_stage,
    sum(case when id in (select lead_id from {p}companies_leads) then 0 else 1 end) as without_company
from {p}leads
group by 1
order by 1;

-- section: people_by_stage | needs: leads, stages, companies_leads
select
    stages.name as stage,
    sum(case when leads.id in (select lead_id from {p}companies_leads) then 1 else 0 end) as with_company,
    sum(case when leads.id in (select lead_id from {p}companies_leads) then 0 else 1 end) as without_company
from {p}leads as leads
left join {p}stages as stages on leads.stage_id = stages.id
where leads.date_identified is not null or coalesce(leads.email, '') <> '' or coalesce(leads.lastname, '') <> ''
group by stages.name
order by 1;

-- section: custom_fields | needs: lead_fields
select object, type, count(*) as fields, sum(case when is_published = 1 then 0 else 1 end) as unpublished
from {p}lead_fields
where is_fixed = 0
group by object, type
order by 1, 2;

-- section: custom_objects | needs: custom_object, custom_field, custom_item, custom_item_xref_contact, custom_item_xref_company, custom_item_xref_custom_item
select
    custom_object.alias,
    custom_object.name_plural,
    case when custom_object.type = 1 then 'relationship' else 'master' end as kind,
    (select count(*) from {p}custom_field as field where field.custom_object_id = custom_object.id) as fields,
    (select count(*) from {p}custom_item as item where item.custom_object_id = custom_object.id) as items,
    (
        select count(*) from {p}custom_item_xref_contact as link
        join {p}custom_item as item on link.custom_item_id = item.id
        where item.custom_object_id = custom_object.id
    ) as contact_links,
    (
        select count(*) from {p}custom_item_xref_company as link
        join {p}custom_item as item on link.custom_item_id = item.id
        where item.custom_object_id = custom_object.id
    ) as company_links,
    (
        select count(*) from {p}custom_item_xref_custom_item as link
        join {p}custom_item as lower_item on link.custom_item_id_lower = lower_item.id
        join {p}custom_item as higher_item on link.custom_item_id_higher = higher_item.id
        where custom_object.id in (lower_item.custom_object_id, higher_item.custom_object_id)
    ) as item_links
from {p}custom_object as custom_object
order by custom_object.id;

-- section: campaigns | needs: campaigns, campaign_events, campaign_leads
select
    campaigns.id,
    campaigns.name,
    campaigns.is_published,
    (select count(*) from {p}campaign_events as event where event.campaign_id = campaigns.id) as events,
    count(member.lead_id) as memberships,
    sum(case when member.manually_removed = 0 and member.date_last_exited is null then 1 else 0 end) as active,
    sum(case when member.manually_removed = 1 and member.date_last_exited is not null then 1 else 0 end) as exited,
    sum(case when member.manually_removed = 1 and member.date_last_exited is null then 1 else 0 end) as removed
from {p}campaigns as campaigns
left join {p}campaign_leads as member on campaigns.id = member.campaign_id
group by campaigns.id, campaigns.name, campaigns.is_published
order by campaigns.id;

-- section: segments | needs: lead_lists, lead_lists_leads
select
    segments.id,
    segments.name,
    segments.is_published,
    segments.filters,
    (
        select count(*) from {p}lead_lists_leads as member
        where member.leadlist_id = segments.id and member.manually_removed = 0
    ) as members
from {p}lead_lists as segments
order by segments.id;

-- section: plugins | needs: plugins
select name, bundle, version, case when is_missing = 1 then 'missing on the disk' else 'installed' end as state
from {p}plugins
order by 1;

-- section: salesforce_sync | needs: plugin_integration_settings
select name as integration, case when is_published = 1 then 'switched on' else 'switched off' end as state
from {p}plugin_integration_settings
where name like '%alesforce%'
order by 1;

-- section: salesforce_ids | needs: integration_entity
select integration, integration_entity as salesforce_object, internal_entity, count(*) as ids
from {p}integration_entity
where integration like '%alesforce%'
group by integration, integration_entity, internal_entity
order by 1, 2, 3;

-- section: tags | needs: lead_tags
select count(*) as tags, count(distinct lower(tag)) as different_tags from {p}lead_tags;

-- section: expected_rows | needs: companies
select 'Account' as salesforce_object, 'companies' as counted, count(*) as expected from {p}companies;

-- section: expected_rows | needs: leads
select 'Lead or Contact', 'contacts that are no anonymous visitors, before duplicates are merged', count(*)
from {p}leads
where date_identified is not null or coalesce(email, '') <> '' or coalesce(firstname, '') <> '' or coalesce(lastname, '') <> '';

-- section: expected_rows | needs: companies_leads
select 'AccountContactRelation', 'further companies of contacts, at most', count(*) - count(distinct lead_id) from {p}companies_leads;

-- section: expected_rows | needs: campaigns
select 'Campaign', 'campaigns', count(*) from {p}campaigns;

-- section: expected_rows | needs: lead_lists
select 'Campaign', 'segments, for information', count(*) from {p}lead_lists;

-- section: expected_rows | needs: campaign_leads
select 'CampaignMember', 'campaign memberships', count(*) from {p}campaign_leads;

-- section: expected_rows | needs: email_stats
select 'EmailMessage and Task', 'e-mails sent to contacts who are still there', count(*) from {p}email_stats where lead_id is not null;

-- section: expected_rows | needs: lead_notes
select 'Task', 'notes', count(*) from {p}lead_notes;

-- section: expected_rows | needs: assets
select 'ContentVersion', 'assets', count(*) from {p}assets;

-- section: expected_rows | needs: custom_item, custom_object
select custom_object.name_singular, 'items of a custom object', count(item.id)
from {p}custom_object as custom_object
left join {p}custom_item as item on custom_object.id = item.custom_object_id
group by custom_object.id, custom_object.name_singular
order by custom_object.id;
