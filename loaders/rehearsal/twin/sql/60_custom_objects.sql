-- Acquia's Custom Objects plugin: products and contracts, and enrolments, which describe the link of a product
-- and a contact (type 1). Links are undirected pairs; values lie in five tables.
create table custom_object as
select id, unnest(entity('custom object', id)), alias, singular as name_singular, plural as name_plural, description, null as lang,
    type, master as master_object, relation as relationship_object
from (values
    (1, 'product', 'Product', 'Products', 'What we sell', 0, null, 3), (2, 'contract', 'Contract', 'Contracts', null, 0, null, null),
    (3, 'enrolment', 'Enrolment', 'Enrolments', 'Which contact uses which product', 1, 1, null)
) as listed (id, alias, singular, plural, description, type, master, relation);

create table custom_field as
select
    id, custom_object_id, unnest(entity('custom field', id)), label, alias, type, order_ as field_order, required, null as default_value,
    '{"placeholder": null}' as params, is_key as is_unique_identifier, 1 as show_in_custom_object_detail_list, 0 as show_in_contact_detail_list,
    uuid_of('custom field', id) as uuid
from (values
    (1, 1, 'Product code', 'product_code', 'text', 1, 1, 1), (2, 1, 'Description', 'description', 'textarea', 2, 0, 0),
    (3, 1, 'Weight in grams', 'weight', 'int', 3, 0, 0), (4, 2, 'State', 'state', 'select', 1, 1, 0),
    (5, 2, 'Signed on', 'signed_on', 'date', 2, 0, 0), (6, 2, 'Next review', 'next_review', 'datetime', 3, 0, 0),
    (7, 2, 'Options', 'options', 'multiselect', 4, 0, 0), (8, 2, 'Contract number', 'contract_number', 'text', 5, 1, 1),
    (9, 3, 'Seats', 'seats', 'int', 1, 0, 0), (10, 3, 'Level', 'level', 'radio_group', 2, 0, 0), (11, 1, 'Website', 'website', 'url', 4, 0, 0),
    (12, 2, 'Contact address', 'contact_address', 'email', 6, 0, 0), (13, 1, 'Origin', 'origin', 'country', 5, 0, 0)
) as listed (id, custom_object_id, label, alias, type, order_, required, is_key);

create table custom_field_option as
select * from (values
    (4, 'draft', 'Draft', 0), (4, 'running', 'Running', 1), (4, 'ended', 'Ended', 2),
    (7, 'support', 'Premium support', 0), (7, 'training', 'Training', 1), (7, 'sla', 'Service level; gold', 2),
    (10, 'basic', 'Basic', 0), (10, 'pro', 'Pro', 1)
) as listed (custom_field_id, value, label, option_order);

create table all_items as
select row_number() over (order by object, source) as id, *
from (
    select 1 as object, nth as source, 'Suite ' || nth || case when nth % 4 = 0 then ' "Plus" 🌟' else '' end as name from range(1, 21) as product (nth)
    union all
    select 2, id, 'Contract ' || id from people where rnd('contract', id, 12) = 0
    union all
    select 3, id, 'Enrolment ' || id from people where rnd('enrolment', id, 15) = 0
);
create table custom_item as
select id, object as custom_object_id, unnest(entity('item', id)), name, null as lang, sha256(concat(object, '/', name)) as unique_hash
from all_items;

create table custom_item_xref_contact as
select id as custom_item_id, source as contact_id, now_() - interval 30 day as date_added from all_items where object in (2, 3)
union all
-- a contract of two people, where the next person exists
select item.id, other.id, now_() - interval 20 day
from all_items as item join people as other on other.id = item.source + 1
where item.object = 2 and rnd('second signer', item.id, 4) = 0;
create table custom_item_xref_company as
select id as custom_item_id, 1 + rnd('contract company', id, getvariable('companies')) as company_id, now_() - interval 30 day as date_added
from all_items where object = 2 and rnd('with company', id, 3) > 0;
create table custom_item_xref_custom_item as
with pairs as (
    select item.id as one, 1 + rnd('product of contract', item.id * 10 + nth, 20) as two
    from all_items as item cross join range(2) as product (nth) where object = 2
    union
    select id, 1 + rnd('product of enrolment', id, 20) from all_items where object = 3
)
select distinct least(one, two) as custom_item_id_lower, greatest(one, two) as custom_item_id_higher, now_() - interval 30 day as date_added
from pairs where one <> two;

create table custom_field_value_text as
select 1 as custom_field_id, id as custom_item_id, 'P-' || right('0000' || source, 4) as value from all_items where object = 1
union all select 2, id, 'For "everybody",' || chr(10) || 'since ' || (2000 + source) from all_items where object = 1 and source % 3 > 0
union all select 4, id, one_of('state', id, ['draft', 'running', 'running', 'ended']) from all_items where object = 2
union all select 8, id, 'C-' || source from all_items where object = 2
union all select 10, id, one_of('level', id, ['basic', 'pro']) from all_items where object = 3
union all select 11, id, 'https://www.example.com/p/' || source from all_items where object = 1 and source % 2 = 0
union all select 12, id, 'contract.' || source || '@example.com' from all_items where object = 2 and rnd('addressed', id, 2) = 0
union all select 13, id, one_of('origin', id, ['Germany', 'Türkiye']) from all_items where object = 1;
create table custom_field_value_int as
select 3 as custom_field_id, id as custom_item_id, (100 * source)::int as value from all_items where object = 1
union all select 9, id, 1 + rnd('seats', id, 50) from all_items where object = 3;
create table custom_field_value_date as
select 5 as custom_field_id, id as custom_item_id, (date '2020-01-01' + rnd('signed', id, 2300)::int) as value from all_items where object = 2;
create table custom_field_value_datetime as
select 6 as custom_field_id, id as custom_item_id, past('review', id, 700) as value from all_items where object = 2 and rnd('reviewed', id, 2) = 0;
create table custom_field_value_option as
select row_number() over (order by id, option_order) as id, 7 as custom_field_id, id as custom_item_id, option.value
from all_items join custom_field_option as option on option.custom_field_id = 7
where object = 2 and rnd('option', id * 10 + option_order, 2) = 0;
