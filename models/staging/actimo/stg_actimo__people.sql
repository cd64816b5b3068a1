with

base_actimo__contacts as (

    select * from {{ ref('base_actimo__contacts') }}

),

cleaned as (

    select
        source_id,
        company_name,
        {{ clean_text('name') }} as full_name,
        {{ clean_text('first_name') }} as first_name,
        {{ clean_text('last_name') }} as last_name,
        {{ clean_text('title') }} as job_title,
        {{ clean_text('email') }} as email,
        {{ clean_text('phone_number') }} as phone_number,
        replace({{ clean_text('country_code') }}, '+', '') as country_code,
        {{ clean_text('addr_line_1') }} as address_line_1,
        {{ clean_text('addr_line_2') }} as address_line_2,
        {{ clean_text('addr_city') }} as city,
        {{ clean_text('addr_state') }} as state,
        {{ clean_text('addr_zip') }} as postal_code,
        {{ clean_text('addr_country') }} as country,
        {{ clean_text('timezone') }} as time_zone,
        {{ clean_text('employee_status') }} as employee_status,
        last_active_at,
        created_at,
        updated_at
    from base_actimo__contacts

),

international as (

    select
        *,
        case
            when phone_number like '+%' then phone_number
            when phone_number like '00%' then '+' || substr(phone_number, 3)
            else coalesce('+' || country_code || phone_number, phone_number)
        end as phone
    from cleaned

),

stg_actimo__people as (

    select
        {{ record_key('actimo', 'contact', 'source_id') }} as record_key,
        source_id,

        -- one column for the whole name: its last word is the last name
        coalesce(
            first_name, {{ regex_extract('full_name', '^(.+) [^ ]+$', 1) }}
        ) as first_name,
        coalesce(
            last_name,
            case
                when first_name is null then {{ regex_extract('full_name', '([^ ]+)$', 1) }}
            end
        ) as last_name,
        job_title,
        company_name,
        {{ normalise_email('email') }} as email,
        {{ normalise_phone('phone') }} as phone,
        {{ join_lines('address_line_1', 'address_line_2') }} as street,
        city,
        state,
        postal_code,
        country,
        time_zone,
        employee_status as lifecycle_stage,

        -- Actimo keeps the row of a deleted contact under this name, without anything personal
        coalesce(
            lower(first_name || ' ' || last_name) = 'deleted contact'
            and email is null
            and phone is null,
            false
        ) as is_anonymous,

        cast(last_active_at as timestamp) as last_active_at,
        cast(created_at as timestamp) as created_at,
        cast(updated_at as timestamp) as modified_at
    from international

)

select * from stg_actimo__people
