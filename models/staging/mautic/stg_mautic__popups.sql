with

focus as (

    {{ landed('mautic', 'focus') }}

),

forms as (

    {{ landed('mautic', 'forms') }}

),

stg_mautic__popups as (

    select
        {{ record_key('mautic', 'focus', 'focus.id') }} as record_key,
        cast(focus.id as varchar) as source_id,
        'website pop-up' as kind,
        {{ clean_text('focus.name') }} as name,
        focus.is_published = 1 as is_active,
        'Visitor is on '
        || coalesce(nullif(focus.website, ''), 'a page with the tracking script') as trigger_text,
        '[]' as steps,
        '[]' as waits,
        '[]' as audience,
        'Shows a ' || coalesce(focus.focus_type, 'message')
        || ' as ' || coalesce(focus.style, 'bar')
        || coalesce('{{ "\n" }}With form: ' || forms.name, '')
        || coalesce('{{ "\n" }}Own HTML: ' || nullif(focus.html, ''), '') as readable,
        {{ row_document('focus', ['properties', 'utm_tags']) }} as definition,
        cast(focus.date_added as timestamp) as created_at,
        cast(focus.date_modified as timestamp) as modified_at
    from focus
    left join forms on focus.form_id = forms.id

)

select * from stg_mautic__popups
