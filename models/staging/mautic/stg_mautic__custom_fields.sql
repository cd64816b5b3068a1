-- depends_on: {{ ref('mautic_fields') }}
with

leads as (

    {{ landed('mautic', 'leads') }}

),

companies as (

    {{ landed('mautic', 'companies') }}

),

cleaned_leads as (

    select {{ mapped_columns('mautic', 'contact', 'leads') }}
    from leads

),

cleaned_companies as (

    select {{ mapped_columns('mautic', 'company', 'companies') }}
    from companies

),

stg_mautic__custom_fields as (

    select
        {{ record_key('mautic', 'contact', 'id') }} as record_key,
        'Lead' as sf_object,
        {{ custom_fields_json('mautic', 'contact', 'leads', 'Lead') }} as custom_fields
    from cleaned_leads

    union all

    select
        {{ record_key('mautic', 'contact', 'id') }} as record_key,
        'Contact' as sf_object,
        {{ custom_fields_json('mautic', 'contact', 'leads', 'Contact') }} as custom_fields
    from cleaned_leads

    union all

    select
        {{ record_key('mautic', 'company', 'id') }} as record_key,
        'Account' as sf_object,
        {{ custom_fields_json('mautic', 'company', 'companies', 'Account') }} as custom_fields
    from cleaned_companies

)

select * from stg_mautic__custom_fields
