with

int_topic_words as (

    select * from {{ ref('int_topic_words') }}

),

-- Salesforce tells Topics apart by name alone, whatever its case
int_topics as (

    select
        lower(left(word, 99)) as topic_word,
        min(record_key) as record_key,
        {{ arg_min_by('left(word, 99)', 'record_key') }} as topic_name
    from int_topic_words
    group by 1

)

select * from int_topics
