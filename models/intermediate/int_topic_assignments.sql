with

int_topic_words as (

    select * from {{ ref('int_topic_words') }}

),

int_topics as (

    select * from {{ ref('int_topics') }}

),

int_topic_assignments as (

    select distinct
        int_topics.record_key as topic_key,
        int_topic_words.entity_key
    from int_topic_words
    inner join int_topics on lower(left(int_topic_words.word, 99)) = int_topics.topic_word

)

select * from int_topic_assignments
