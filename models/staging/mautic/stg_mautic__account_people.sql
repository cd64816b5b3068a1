with

companies_leads as (

    {{ landed('mautic', 'companies_leads') }}

),

stg_mautic__account_people as (

    select
        {{ record_key('mautic', 'company_contact', "company_id || '-' || lead_id") }} as record_key,
        {{ record_key('mautic', 'contact', 'lead_id') }} as person_record_key,
        {{ record_key('mautic', 'company', 'company_id') }} as account_record_key,
        coalesce(is_primary = 1, false) as is_primary,
        cast(date_added as timestamp) as linked_at
    from companies_leads

)

select * from stg_mautic__account_people
