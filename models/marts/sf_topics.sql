with

int_topics as (

    select * from {{ ref('int_topics') }}

),

sf_topics as (

    select
        record_key,
        topic_name
    from int_topics

)

select * from sf_topics
