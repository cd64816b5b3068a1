-- What the ids in segment filters stand for: outside of Mautic only the names mean something.
with

lead_lists as (

    {{ landed('mautic', 'lead_lists') }}

),

lead_tags as (

    {{ landed('mautic', 'lead_tags') }}

),

users as (

    {{ landed('mautic', 'users') }}

),

campaigns as (

    {{ landed('mautic', 'campaigns') }}

),

stages as (

    {{ landed('mautic', 'stages') }}

),

emails as (

    {{ landed('mautic', 'emails') }}

),

assets as (

    {{ landed('mautic', 'assets') }}

),

categories as (

    select * from {{ ref('base_mautic__categories') }}

),

custom_fields as (

    {{ landed('mautic', 'custom_field') }}

),

custom_objects as (

    {{ landed('mautic', 'custom_object') }}

),

named as (

    select
        'leadlist' as filter_field,
        cast(id as varchar) as id,
        name
    from lead_lists

    union all

    select
        'tags' as filter_field,
        cast(id as varchar) as id,
        tag as name
    from lead_tags

    union all

    select
        'owner_id' as filter_field,
        cast(id as varchar) as id,
        email as name
    from users

    union all

    select
        'campaign' as filter_field,
        cast(id as varchar) as id,
        name
    from campaigns

    union all

    select
        'stage' as filter_field,
        cast(id as varchar) as id,
        name
    from stages

    union all

    select
        'lead_email_received' as filter_field,
        cast(id as varchar) as id,
        name
    from emails

    union all

    select
        'lead_email_sent' as filter_field,
        cast(id as varchar) as id,
        name
    from emails

    union all

    select
        'email_id' as filter_field,
        cast(id as varchar) as id,
        name
    from emails

    union all

    select
        'lead_asset_download' as filter_field,
        cast(id as varchar) as id,
        title as name
    from assets

    union all

    select
        'globalcategory' as filter_field,
        cast(id as varchar) as id,
        category_path as name
    from categories

    union all

    -- here the id is in the name of the field, not in the value
    select
        'cmf_' || id as filter_field,
        '' as id,
        label as name
    from custom_fields

    union all

    select
        'cmo_' || id as filter_field,
        '' as id,
        name_singular as name
    from custom_objects

),

base_mautic__names as (

    select
        filter_field,
        id,
        {{ clean_text('name') }} as name
    from named

)

select * from base_mautic__names
