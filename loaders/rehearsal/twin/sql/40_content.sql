-- Assets (their files are written by the loader of the twin), pages, forms, and what visitors did with them.
create table assets as
select
    id, unnest(entity('asset', id)), title, description, lower(replace(title, ' ', '-')) as alias, location as storage_location,
    case when location = 'remote' then null else sha1('asset ' || id) || '.' || extension end as path,
    remote as remote_path, file_name as original_file_name, 'en' as lang,
    0 as download_count, 0 as unique_download_count, 1 as revision, extension, mime, null::int as size,
    0 as disallow, category as category_id, uuid_of('asset', id) as uuid
from (values
    (1, 'Price list', 'Prices of 2026', 'local', 'pdf', 'application/pdf', 'Price list 2026.pdf', null, 6),
    (2, 'Whitepaper', null, 'local', 'pdf', 'application/pdf', 'whitepaper.pdf', null, 5),
    (3, 'Logo', 'Für die Presse', null, 'png', 'image/png', 'logo (final).png', null, null),
    (4, 'Übersicht', '<b>Overview</b> "all products"', 'local', 'png', 'image/png', 'Übersicht – 2026.png', null, 5),
    (5, 'Contact sheet', null, 'local', 'csv', 'text/csv', 'contacts.csv', null, null),
    (6, 'Price list', 'The same file under another name', 'local', 'pdf', 'application/pdf', 'Price list copy.pdf', null, 6),
    (7, 'Lost file', 'Deleted from the disk years ago', 'local', 'pdf', 'application/pdf', 'lost.pdf', null, null),
    (8, 'Video course', 'On another server', 'remote', 'mp4', 'video/mp4', 'course.mp4', 'https://downloads.twin.example/course.mp4', 5),
    (9, 'Empty file', null, 'local', 'txt', 'text/plain', 'empty.txt', null, null)
) as listed (id, title, description, location, extension, mime, file_name, remote, category);

create table asset_downloads as
select
    row_number() over (order by contacts.id, nth) as id, 1 + rnd('asset', contacts.id * 10 + nth, 9) as asset_id, contacts.id as lead_id,
    case when rnd('asset email', contacts.id * 10 + nth, 3) = 0 then 1 end as email_id,
    after_('download', contacts.id * 10 + nth, added) as date_download,
    case when rnd('denied', contacts.id * 10 + nth, 15) = 0 then 404 else 200 end as code, 'https://www.example.com/' as referer,
    md5('tracked' || contacts.id) as tracking_id, 'newsletter' as utm_source
from contacts cross join range(2) as downloaded (nth)
where rnd('downloaded', contacts.id * 10 + nth, 10) < 2;
update assets set
    download_count = (select count(*) from asset_downloads where asset_id = assets.id and code = 200),
    unique_download_count = (select count(distinct lead_id) from asset_downloads where asset_id = assets.id and code = 200);

create table pages as
select
    id, unnest(entity('page', id)), title, alias, template,
    case when old then null else '<html><head><title>' || title || '</title></head><body><h1>' || title || '</h1>{form=' || (1 + id % 4)
        || '}<p>{assetlink=' || id || '}</p></body></html>' end as custom_html,
    case when old then php_map([php_s('top'), php_s('<h1>' || title || '</h1>{form=2}')]) else 'a:0:{}' end as content,
    0 as hits, 0 as unique_hits, 0 as variant_hits, 1 as revision, 'All about ' || title as meta_description,
    case when id = 2 then '<script>window.dataLayer = [];</script>' end as head_script, null as footer_script,
    case when id = 5 then '301' end as redirect_type, case when id = 5 then 'https://www.example.com/moved' end as redirect_url,
    (id = 6)::int as is_preference_center, 0 as no_index, case when id = 4 then 'de' else 'en' end as lang,
    'a:0:{}' as variant_settings, 7 as category_id, case when id = 4 then 1 end as translation_parent_id,
    uuid_of('page', id) as uuid
from (values (1, 'Spring fair', 'spring-fair', 'aurora', false), (2, 'Price request', 'price-request', 'blank', false),
    (3, 'Webinar', 'webinar', 'cards', true), (4, 'Frühlingsmesse', 'fruehlingsmesse', 'aurora', false),
    (5, 'Old offer', 'old-offer', 'blank', false), (6, 'Preferences', 'preferences', 'blank', false)) as listed (id, title, alias, template, old);
update pages set
    hits = (select count(*) from page_hits where page_id = pages.id),
    unique_hits = (select count(distinct lead_id) from page_hits where page_id = pages.id);

create table forms as
select
    id, unnest(entity('form', id)), name, null as description, alias, 'en' as lang, '<form id="mauticform_' || alias || '"></form>' as cached_html,
    post_action, post_value as post_action_property, 'blank' as template, 0 as in_kiosk_mode, 0 as render_style,
    kind as form_type, 0 as no_index, 14 as category_id, uuid_of('form', id) as uuid
from (values
    (1, 'Newsletter sign-up', 'newsletter_sign_up', 'message', 'Thank you!', 'standalone'),
    (2, 'Contact us', 'contact_us', 'redirect', 'https://www.example.com/thanks', 'standalone'),
    (3, 'Webinar', 'webinar', 'return', null, 'campaign'),
    (4, 'Überraschung', 'ueberraschung', 'message', 'Danke', 'standalone')
) as listed (id, name, alias, post_action, post_value, kind);

create table form_fields as
select
    form.id * 10 + nth as id, form.id as form_id, field.label, 1 as show_label, field.alias, field.type, 0 as is_custom,
    'a:0:{}' as custom_parameters, null as default_value, required as is_required, nth as field_order,
    case field.type when 'select' then php_map([php_s('list'), php_map([php_s('list'), php_list([php_map([php_s('label'), php_s('Sales'), php_s('value'), php_s('sales')]),
        php_map([php_s('label'), php_s('Support'), php_s('value'), php_s('support')])])])]) else 'a:0:{}' end as properties,
    '[]' as validation, '{"any": 0, "expr": "", "values": []}' as conditions, field.mapped as lead_field, 1 as save_result,
    case when field.mapped is not null then 'contact' end as mapped_object, field.mapped as mapped_field,
    0 as is_auto_fill, 0 as is_read_only, uuid_of('form field', form.id * 10 + nth) as uuid
from forms as form cross join (values
    (1, 'E-mail', 'email', 'email', 1, 'email'), (2, 'First name', 'first_name', 'text', 0, 'firstname'),
    (3, 'About', 'about', 'select', 0, null), (4, 'Message', 'message', 'textarea', 0, null), (5, 'Send', 'submit', 'button', 0, null)
) as field (nth, label, alias, type, required, mapped);

create table form_actions as
select form.id * 10 + 1 as id, form.id as form_id, 'Tag' as name, null as description, 'lead.changetags' as type, 1 as action_order,
    php_map([php_s('add_tags'), php_list([php_s('topic 2')]), php_s('remove_tags'), 'a:0:{}']) as properties,
    uuid_of('form action', form.id) as uuid
from forms as form
union all
select 22, 2, 'Tell sales', null, 'form.email', 2, php_map([php_s('to'), php_s('sales@twin.example'), php_s('subject'), php_s('New request')]), uuid_of('form action', 22);

create table form_submissions as
select
    row_number() over (order by contacts.id, form.id) as id, form.id as form_id, contacts.id as lead_id,
    case when form.id = 2 then 2 end as page_id, md5('submitted' || contacts.id) as tracking_id,
    after_('submitted', contacts.id * 10 + form.id, added) as date_submitted, 'https://www.example.com/' as referer
from contacts cross join forms as form
where rnd('submission', contacts.id * 10 + form.id, 20) < 2;

create table form_answers as
select
    submission.id as submission_id, form_id, coalesce(email, 'visitor' || lead_id || '@example.com') as email,
    'First ' || lead_id as first_name, one_of('about', submission.id, ['sales', 'support', null]) as about,
    one_of('message', submission.id, ['Please call me', 'Zwei Zeilen' || chr(10) || 'mit "Zitat"', '', null]) as message
from form_submissions as submission join contacts on contacts.id = lead_id;
create view form_results_1_newsletter_sign_up as select * from form_answers where form_id = 1;
create view form_results_2_contact_us as select * from form_answers where form_id = 2;
create view form_results_3_webinar as select * from form_answers where form_id = 3;
create view form_results_4_ueberraschung as select * from form_answers where form_id = 4;
