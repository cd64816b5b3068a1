with

contact_merge_records as (

    {{ landed('mautic', 'contact_merge_records') }}

),

leads as (

    {{ landed('mautic', 'leads') }}

),

-- an id that exists again is a contact of its own
stg_mautic__person_merges as (

    select
        {{ record_key('mautic', 'contact', 'contact_merge_records.merged_id') }} as record_key,
        {{ arg_max_by(
            record_key('mautic', 'contact', 'contact_merge_records.contact_id'),
            'contact_merge_records.id'
        ) }} as survivor_record_key,
        cast(max(contact_merge_records.date_added) as timestamp) as merged_at
    from contact_merge_records
    left join leads on contact_merge_records.merged_id = leads.id
    where leads.id is null and contact_merge_records.merged_id <> contact_merge_records.contact_id
    group by 1

)

select * from stg_mautic__person_merges
