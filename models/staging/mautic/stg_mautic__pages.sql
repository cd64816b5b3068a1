with

pages as (

    {{ landed('mautic', 'pages') }}

),

forms as (

    {{ landed('mautic', 'forms') }}

),

-- a form stands in the page as a token with its id
embedded as (

    select
        pages.id as page_id,
        forms.id as form_id,
        forms.name as form_name
    from pages
    inner join forms
        on
            coalesce(pages.custom_html, '') || coalesce(pages.content, '')
            like '%{form=' || cast(forms.id as varchar) || '}%'

),

forms_of as (

    select
        page_id,
        {{ text_agg("form_name", "', '", 'form_id') }} as form_names,
        {{ json_list_agg(json_document({'id': 'form_id', 'name': 'form_name'}), 'form_id') }}
            as forms
    from embedded
    group by page_id

),

stg_mautic__pages as (

    select
        {{ record_key('mautic', 'page', 'pages.id') }} as record_key,
        cast(pages.id as varchar) as source_id,
        'landing page' as kind,
        {{ clean_text('pages.title') }} as name,
        pages.is_published = 1 as is_active,
        'Visitor opens /' || coalesce(pages.alias, '') as trigger_text,
        '[]' as steps,
        '[]' as waits,
        '[]' as audience,
        'Slug: /' || coalesce(pages.alias, '')
        || '{{ "\n" }}Theme: ' || coalesce(pages.template, 'none (own HTML)')
        || '{{ "\n" }}Language: ' || coalesce(pages.lang, 'not set')
        || '{{ "\n" }}Embedded forms: ' || coalesce(forms_of.form_names, 'none')
        || coalesce('{{ "\n" }}Description for search engines: ' || pages.meta_description, '')
        || coalesce(
            '{{ "\n" }}Redirects ('
            || pages.redirect_type
            || ') to '
            || nullif(pages.redirect_url, ''),
            ''
        )
        || '{{ "\n" }}Visits: '
        || cast(coalesce(pages.hits, 0) as varchar)
        || ', by '
        || cast(coalesce(pages.unique_hits, 0) as varchar)
        || ' visitors' as readable,
        {{ json_document(
            {}, {'page': row_document('pages', ['content', 'variant_settings']), 'forms': "coalesce(forms_of.forms, '[]')"}
        ) }} as definition,
        cast(pages.date_added as timestamp) as created_at,
        cast(pages.date_modified as timestamp) as modified_at
    from pages
    left join forms_of on pages.id = forms_of.page_id

)

select * from stg_mautic__pages
