with

int_messages_unioned as (

    select * from {{ ref('int_messages_unioned') }}

),

sf_tasks as (

    select * from {{ ref('sf_tasks') }}

),

int_value_map as (

    select * from {{ ref('int_value_map') }}
    where source_field = 'message_status'

),

sf_email_messages as (

    select
        int_messages_unioned.record_key,
        sf_tasks.record_key as activity_key,
        sf_tasks.what_key as related_key,
        left(int_messages_unioned.subject, 3000) as subject,
        -- content takes the most storage of all; the policy can leave it behind
        case when '{{ var("email_content") }}' = 'full' then int_messages_unioned.html_body end
            as html_body,
        case when '{{ var("email_content") }}' = 'full' then int_messages_unioned.text_body end
            as text_body,
        int_messages_unioned.from_address,
        int_messages_unioned.from_name,
        int_messages_unioned.to_address,
        int_messages_unioned.direction = 'inbound' as is_incoming,
        int_value_map.sf_value as status,
        int_messages_unioned.external_message_id,
        int_messages_unioned.thread_key,
        int_messages_unioned.occurred_at as message_date,
        int_messages_unioned.occurred_at as created_at
    from int_messages_unioned
    inner join sf_tasks on int_messages_unioned.activity_record_key = sf_tasks.record_key
    left join int_value_map
        on
            int_messages_unioned.source_system = int_value_map.source_system
            and {{ value_key('int_messages_unioned.status') }} = int_value_map.source_key

)

select * from sf_email_messages
