with

lead_tags_xref as (

    {{ landed('mautic', 'lead_tags_xref') }}

),

lead_tags as (

    {{ landed('mautic', 'lead_tags') }}

),

stg_mautic__person_tags as (

    select
        {{ record_key('mautic', 'contact', 'lead_tags_xref.lead_id') }} as person_record_key,
        {{ record_key('mautic', 'tag', 'lead_tags.id') }} as tag_record_key,
        {{ clean_text('lead_tags.tag') }} as tag
    from lead_tags_xref
    inner join lead_tags on lead_tags_xref.tag_id = lead_tags.id

)

select * from stg_mautic__person_tags
