with

forms as (

    {{ landed('mautic', 'forms') }}

),

form_fields as (

    {{ landed('mautic', 'form_fields') }}

),

form_actions as (

    {{ landed('mautic', 'form_actions') }}

),

form_submissions as (

    {{ landed('mautic', 'form_submissions') }}

),

fields_of as (

    select
        form_fields.form_id,
        {{ text_agg(
            "'  ' || coalesce(label, alias, '') || ' (' || coalesce(type, 'text') || case when is_required = 1 then ', required' else '' end || ')'"
            ~ " || coalesce(' -> ' || coalesce(nullif(mapped_field, ''), nullif(lead_field, '')), '')",
            "'\n'", 'field_order, id'
        ) }} as readable,
        {{ json_list_agg(
            row_document(
                'form_fields', ['custom_parameters', 'properties', 'validation', 'conditions']
            ),
            'field_order, id'
        ) }} as field_documents
    from form_fields
    group by form_fields.form_id

),

actions_of as (

    select
        form_actions.form_id,
        {{ text_agg(
            "'  ' || coalesce(name, '') || ' (' || coalesce(type, '') || ')'",
            "'\n'", 'action_order, id'
        ) }} as readable,
        {{ json_list_agg(
            json_document({
                'position': 'action_order', 'id': 'id', 'kind': "'action'", 'type': 'type',
                'name': 'name',
            }),
            'action_order, id'
        ) }} as steps,
        {{ json_list_agg(row_document('form_actions', ['properties']), 'action_order, id') }}
            as actions
    from form_actions
    group by form_actions.form_id

),

submissions_of as (

    select
        form_id,
        count(*) as submissions
    from form_submissions
    group by form_id

),

stg_mautic__forms as (

    select
        {{ record_key('mautic', 'form', 'forms.id') }} as record_key,
        cast(forms.id as varchar) as source_id,
        'form' as kind,
        {{ clean_text('forms.name') }} as name,
        forms.is_published = 1 as is_active,
        'Visitor submits the form' as trigger_text,
        coalesce(actions_of.steps, '[]') as steps,
        '[]' as waits,
        '[]' as audience,
        'Fields:' || coalesce('{{ "\n" }}' || fields_of.readable, ' none')
        || '{{ "\n" }}Then:' || coalesce('{{ "\n" }}' || actions_of.readable, ' nothing')
        || '{{ "\n" }}After submission: ' || coalesce(forms.post_action, 'nothing')
        || coalesce(' ' || forms.post_action_property, '')
        || '{{ "\n" }}Submissions so far: '
        || cast(coalesce(submissions_of.submissions, 0) as varchar) as readable,
        {{ json_document(
            {},
            {
                'form': row_document('forms'),
                'fields': "coalesce(fields_of.field_documents, '[]')",
                'actions': "coalesce(actions_of.actions, '[]')",
            }
        ) }} as definition,
        cast(forms.date_added as timestamp) as created_at,
        cast(forms.date_modified as timestamp) as modified_at
    from forms
    left join fields_of on forms.id = fields_of.form_id
    left join actions_of on forms.id = actions_of.form_id
    left join submissions_of on forms.id = submissions_of.form_id

)

select * from stg_mautic__forms
