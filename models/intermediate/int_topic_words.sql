-- Tags and categories as Topics, where the policies say so: the word, and the record that has it.
with

int_tags as (

    select * from {{ ref('int_tags') }}
    where tag_policy = 'topics'

),

int_person_tags_unioned as (

    select * from {{ ref('int_person_tags_unioned') }}

),

int_person_keys as (

    select * from {{ ref('int_person_keys') }}
    where sf_object is not null

),

int_categories_unioned as (

    select * from {{ ref('int_categories_unioned') }}
    where '{{ var("categories_as") }}' = 'topics'

),

int_person_categories_unioned as (

    select * from {{ ref('int_person_categories_unioned') }}

),

int_campaigns_shaped as (

    select * from {{ ref('int_campaigns_shaped') }}
    where is_migrated

),

int_topic_words as (

    select
        int_tags.record_key,
        int_tags.tag as word,
        int_person_keys.person_key as entity_key
    from int_person_tags_unioned
    inner join int_tags on lower(int_person_tags_unioned.tag) = int_tags.tag_key
    inner join int_person_keys
        on int_person_tags_unioned.person_record_key = int_person_keys.record_key

    union all

    select
        int_categories_unioned.record_key,
        int_categories_unioned.category_path as word,
        int_person_keys.person_key as entity_key
    from int_person_categories_unioned
    inner join int_categories_unioned
        on int_person_categories_unioned.category_path = int_categories_unioned.category_path
    inner join int_person_keys
        on int_person_categories_unioned.person_record_key = int_person_keys.record_key

    union all

    select
        int_categories_unioned.record_key,
        int_categories_unioned.category_path as word,
        int_campaigns_shaped.record_key as entity_key
    from int_campaigns_shaped
    inner join int_categories_unioned
        on int_campaigns_shaped.category_path = int_categories_unioned.category_path

)

select * from int_topic_words
