with

int_person_tags_unioned as (

    select * from {{ ref('int_person_tags_unioned') }}

),

-- spellings of one tag are one tag; the oldest spelling names it
spelt as (

    select
        lower(tag) as tag_key,
        {{ arg_min_by('tag', 'tag_record_key') }} as tag,
        min(tag_record_key) as record_key,
        count(distinct tag) as spellings,
        count(distinct person_record_key) as people
    from int_person_tags_unioned
    where tag is not null
    group by 1

),

int_tags as (

    select
        tag_key,
        record_key,
        tag,
        spellings,
        people,
        {{ tag_policy('count(*) over ()') }} as tag_policy
    from spelt

)

select * from int_tags
