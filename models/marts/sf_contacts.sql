with

int_people_split as (

    select * from {{ ref('int_people_split') }}
    where becomes = 'Contact'

),

int_custom_fields as (

    select * from {{ ref('int_custom_fields') }}
    where sf_object = 'Contact'

),

int_person_traits as (

    select * from {{ ref('int_person_traits') }}

),

sf_contacts as (

    select
        int_people_split.record_key,
        int_people_split.account_key,
        int_people_split.owner_email,
        int_people_split.salutation,
        int_people_split.first_name,
        int_people_split.last_name,
        int_people_split.job_title,
        int_people_split.email,
        int_people_split.phone,
        int_people_split.mobile_phone,
        int_people_split.fax,
        int_people_split.street as mailing_street,
        int_people_split.city as mailing_city,
        int_people_split.state as mailing_state,
        int_people_split.postal_code as mailing_postal_code,
        int_people_split.country as mailing_country,
        int_people_split.lifecycle_stage as stage,
        int_people_split.lead_score,
        int_person_traits.group_scores,
        {{ custom_stage_only('int_people_split.contact_stage') }} as contact_stage,
        int_person_traits.tags,
        int_person_traits.tag_list,
        {{ category_field('int_person_traits.category_path') }} as category_path,
        coalesce(int_person_traits.opted_out_of_email, false) as opted_out_of_email,
        coalesce(int_person_traits.opted_out_of_calls, false) as opted_out_of_calls,
        coalesce(int_person_traits.opted_out_of_sms, false) as opted_out_of_sms,
        int_person_traits.opt_out_reason,
        int_person_traits.opted_out_at,
        coalesce(int_people_split.address_possibly_cut, false) as address_possibly_cut,
        int_people_split.time_zone,
        int_people_split.locale,
        int_people_split.last_active_at,
        int_people_split.created_at as source_created_at,
        int_custom_fields.custom_fields
    from int_people_split
    left join int_custom_fields on int_people_split.record_key = int_custom_fields.record_key
    left join int_person_traits on int_people_split.record_key = int_person_traits.record_key

)

select * from sf_contacts
