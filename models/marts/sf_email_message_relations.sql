with

sf_email_messages as (

    select * from {{ ref('sf_email_messages') }}

),

sf_tasks as (

    select * from {{ ref('sf_tasks') }}

),

sf_leads as (

    select * from {{ ref('sf_leads') }}

),

-- an EmailMessage cannot be related to a Lead; a row of its own links the two (Z14)
sf_email_message_relations as (

    select
        sf_email_messages.record_key,
        sf_email_messages.record_key as email_message_key,
        sf_leads.record_key as lead_key,
        case when sf_email_messages.is_incoming then 'FromAddress' else 'ToAddress' end
            as relation_type,
        case
            when sf_email_messages.is_incoming then sf_email_messages.from_address
            else sf_email_messages.to_address
        end as relation_address
    from sf_email_messages
    inner join sf_tasks on sf_email_messages.activity_key = sf_tasks.record_key
    inner join sf_leads on sf_tasks.who_key = sf_leads.record_key

)

select * from sf_email_message_relations
