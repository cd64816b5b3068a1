with

reports as (

    {{ landed('mautic', 'reports') }}

),

stg_mautic__reports as (

    select
        {{ record_key('mautic', 'report', 'id') }} as record_key,
        cast(reports.id as varchar) as source_id,
        'report' as kind,
        {{ clean_text('name') }} as name,
        reports.is_published = 1 as is_active,
        case
            when reports.is_scheduled = 1
                then
                    'Sent ' || coalesce(lower(reports.schedule_unit), 'on a schedule')
                    || coalesce(', day: ' || nullif(reports.schedule_day, ''), '')
                    || coalesce(' to ' || nullif(reports.to_address, ''), '')
            else 'Opened by users'
        end as trigger_text,
        '[]' as steps,
        '[]' as waits,
        '[]' as audience,
        'Data source: ' || coalesce(reports.source, 'not set')
        || '{{ "\n" }}Columns: ' || coalesce(reports.columns, '[]')
        || '{{ "\n" }}Filters: ' || coalesce(reports.filters, '[]')
        || '{{ "\n" }}Groups: ' || coalesce(reports.group_by, '[]')
        || '{{ "\n" }}Graphs: ' || coalesce(reports.graphs, '[]') as readable,
        {{ row_document(
            'reports',
            ['columns', 'filters', 'table_order', 'graphs', 'group_by', 'aggregators', 'settings']
        ) }} as definition,
        cast(reports.date_added as timestamp) as created_at,
        cast(reports.date_modified as timestamp) as modified_at
    from reports

)

select * from stg_mautic__reports
