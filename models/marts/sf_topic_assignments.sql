with

int_topic_assignments as (

    select * from {{ ref('int_topic_assignments') }}

),

sf_topic_assignments as (

    select
        topic_key || '>' || entity_key as record_key,
        topic_key,
        entity_key
    from int_topic_assignments

)

select * from sf_topic_assignments
