with

int_activities_placed as (

    select * from {{ ref('int_activities_placed') }}
    where exclusion is null

),

sf_tasks as (

    select
        record_key,
        person_key as who_key,
        -- a Task of a Lead can have no other record beside it
        case when sf_object = 'Contact' then campaign_key end as what_key,
        owner_email,
        left(coalesce(subject, '{{ var("task_subject_default") }}'), 255) as subject,
        body as description,
        'Completed' as status,
        'Normal' as priority,
        sf_type as type,
        case sf_type when 'Email' then 'Email' when 'Call' then 'Call' else 'Task' end
            as task_subtype,
        channel,
        direction,
        campaign_name as source_campaign,
        template_key as source_template,
        {{ category_field('category_path') }} as category_path,
        thread_key,
        properties,
        bounce_reason,
        sequence,
        open_count,
        click_count,
        bounce_count,
        reply_count,
        cast(occurred_at as date) as activity_date,
        occurred_at as source_occurred_at,
        received_at as source_received_at,
        first_opened_at,
        last_opened_at,
        first_clicked_at,
        last_clicked_at,
        bounced_at,
        replied_at,
        created_at
    from int_activities_placed

)

select * from sf_tasks
