with

companies as (

    {{ landed('mautic', 'companies') }}

),

cleaned as (

    select
        id,
        owner_id,
        {{ clean_text('companyname') }} as account_name,
        {{ clean_text('companywebsite') }} as website,
        {{ normalise_email(clean_text('companyemail')) }} as email,
        {{ clean_text('companyphone') }} as phone,
        {{ clean_text('companyfax') }} as fax,
        {{ clean_text('companyaddress1') }} as address_line_1,
        {{ clean_text('companyaddress2') }} as address_line_2,
        {{ clean_text('companycity') }} as city,
        {{ clean_text('companystate') }} as state,
        {{ clean_text('companyzipcode') }} as postal_code,
        {{ clean_text('companycountry') }} as country,
        {{ clean_text('companyindustry') }} as industry,
        {{ clean_text('companydescription', keep_lines=true) }} as description,
        companynumber_of_employees,
        companyannual_revenue,
        date_added,
        date_modified
    from companies

),

stg_mautic__accounts as (

    select
        {{ record_key('mautic', 'company', 'id') }} as record_key,
        cast(id as varchar) as source_id,
        {{ record_key('mautic', 'user', 'owner_id') }} as owner_key,

        account_name,
        website,
        email,
        {{ website_domain('website') }} as website_domain,
        {{ email_domain('email') }} as email_domain,
        {{ normalise_phone('phone') }} as phone,
        {{ normalise_phone('fax') }} as fax,
        {{ join_lines('address_line_1', 'address_line_2') }} as street,
        city,
        state,
        postal_code,
        country,
        industry,
        description,

        cast(companynumber_of_employees as bigint) as number_of_employees,
        -- AnnualRevenue has no decimals
        cast(companyannual_revenue as decimal(38, 0)) as annual_revenue,

        cast(date_added as timestamp) as created_at,
        cast(date_modified as timestamp) as modified_at
    from cleaned

)

select * from stg_mautic__accounts
