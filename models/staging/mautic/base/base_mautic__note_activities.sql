with

lead_notes as (

    {{ landed('mautic', 'lead_notes') }}

),

cleaned as (

    select
        *,
        {{ html_to_text('text') }} as note_text
    from lead_notes

),

base_mautic__note_activities as (

    select
        {{ record_key('mautic', 'note', 'id') }} as record_key,
        {{ record_key('mautic', 'contact', 'lead_id') }} as person_record_key,
        {{ record_key('mautic', 'user', 'created_by') }} as owner_key,
        coalesce({{ clean_text('type') }}, 'general') as kind,
        -- the first line, as the timeline shows it
        {{ clean_text("split_part(note_text, '\n', 1)") }} as subject,
        note_text as body,
        'written' as status,
        cast(coalesce(date_time, date_added) as timestamp) as occurred_at,
        cast(date_added as timestamp) as created_at
    from cleaned

)

select * from base_mautic__note_activities
