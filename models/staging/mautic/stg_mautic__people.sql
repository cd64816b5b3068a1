with

base_mautic__contacts as (

    select * from {{ ref('base_mautic__contacts') }}

),

cleaned as (

    select
        id,
        owner_id,
        {{ clean_text('title') }} as title,
        {{ clean_text('firstname') }} as first_name,
        {{ clean_text('lastname') }} as last_name,
        {{ clean_text('position') }} as job_title,
        {{ clean_text('company') }} as company_name,
        {{ clean_text('email') }} as email,
        {{ clean_text('phone') }} as phone,
        {{ clean_text('mobile') }} as mobile_phone,
        {{ clean_text('fax') }} as fax,
        {{ clean_text('website') }} as website,
        {{ clean_text('address1') }} as address_line_1,
        {{ clean_text('address2') }} as address_line_2,
        {{ clean_text('city') }} as city,
        {{ clean_text('state') }} as state,
        {{ clean_text('zipcode') }} as postal_code,
        {{ clean_text('country') }} as country,
        {{ clean_text('timezone') }} as time_zone,
        {{ clean_text('preferred_locale') }} as locale,
        {{ clean_text('lifecycle_stage') }} as lifecycle_stage,
        {{ clean_text('prospect_or_customer') }} as split_hint,
        company_size,
        points,
        date_identified,
        last_active,
        date_added,
        date_modified
    from base_mautic__contacts

),

stg_mautic__people as (

    select
        {{ record_key('mautic', 'contact', 'id') }} as record_key,
        cast(id as varchar) as source_id,
        {{ record_key('mautic', 'user', 'owner_id') }} as owner_key,

        title,
        first_name,
        last_name,
        job_title,
        company_name,
        {{ normalise_email('email') }} as email,
        {{ normalise_phone('phone') }} as phone,
        {{ normalise_phone('mobile_phone') }} as mobile_phone,
        {{ normalise_phone('fax') }} as fax,
        website,
        {{ join_lines('address_line_1', 'address_line_2') }} as street,
        city,
        state,
        postal_code,
        country,
        time_zone,
        locale,
        lifecycle_stage,
        split_hint,

        cast(points as bigint) as lead_score,
        cast({{ try_cast_as('company_size', 'double') }} as bigint) as company_size,

        -- old imports have names or addresses without the date
        date_identified is null
        and coalesce(email, first_name, last_name) is null as is_anonymous,

        -- RudderStack cuts a long address there and loses the character behind
        length(address_line_1) = 63 and address_line_2 is not null as address_possibly_cut,

        cast(date_identified as timestamp) as identified_at,
        cast(last_active as timestamp) as last_active_at,
        cast(date_added as timestamp) as created_at,
        cast(date_modified as timestamp) as modified_at
    from cleaned

)

select * from stg_mautic__people
