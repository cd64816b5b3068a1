with

int_person_keys as (

    select * from {{ ref('int_person_keys') }}
    where sf_object is not null

),

int_person_tags_unioned as (

    select * from {{ ref('int_person_tags_unioned') }}

),

int_tags as (

    select * from {{ ref('int_tags') }}

),

int_person_categories_unioned as (

    select * from {{ ref('int_person_categories_unioned') }}

),

int_group_scores_unioned as (

    select * from {{ ref('int_group_scores_unioned') }}

),

int_person_opt_outs as (

    select * from {{ ref('int_person_opt_outs') }}

),

person_tags as (

    select distinct
        int_person_keys.person_key,
        int_tags.tag,
        int_tags.tag_policy
    from int_person_tags_unioned
    inner join int_person_keys
        on int_person_tags_unioned.person_record_key = int_person_keys.record_key
    inner join int_tags on lower(int_person_tags_unioned.tag) = int_tags.tag_key

),

tags_of as (

    select
        person_key,
        -- a semicolon would end the value
        case
            when max(tag_policy) = 'multi_select'
                then {{ text_agg("replace(tag, ';', ',')", "';'", 'tag') }}
        end as tags,
        case when max(tag_policy) = 'text' then {{ text_agg('tag', "', '", 'tag') }} end as tag_list
    from person_tags
    group by 1

),

person_categories as (

    select distinct
        int_person_keys.person_key,
        int_person_categories_unioned.category_path
    from int_person_categories_unioned
    inner join int_person_keys
        on int_person_categories_unioned.person_record_key = int_person_keys.record_key

),

categories_of as (

    select
        person_key,
        {{ text_agg('category_path', "'\n'", 'category_path') }} as category_path
    from person_categories
    group by 1

),

person_scores as (

    select
        int_person_keys.person_key,
        int_group_scores_unioned.score_name,
        {{ arg_min_by('int_group_scores_unioned.score', 'int_person_keys.cluster_rank') }} as score
    from int_group_scores_unioned
    inner join int_person_keys
        on int_group_scores_unioned.person_record_key = int_person_keys.record_key
    group by 1, 2

),

scores_of as (

    select
        person_key,
        {{ text_agg("score_name || ': ' || score", "'\n'", 'score_name') }} as group_scores
    from person_scores
    group by 1

),

with_traits as (

    select person_key from tags_of

    union

    select person_key from categories_of

    union

    select person_key from scores_of

    union

    select person_key from int_person_opt_outs

),

int_person_traits as (

    select
        with_traits.person_key as record_key,
        tags_of.tags,
        tags_of.tag_list,
        categories_of.category_path,
        scores_of.group_scores,
        coalesce(int_person_opt_outs.opted_out_of_email, false) as opted_out_of_email,
        coalesce(int_person_opt_outs.opted_out_of_sms, false) as opted_out_of_sms,
        coalesce(int_person_opt_outs.opted_out_of_calls, false) as opted_out_of_calls,
        int_person_opt_outs.opt_out_reason,
        int_person_opt_outs.opted_out_at
    from with_traits
    left join tags_of on with_traits.person_key = tags_of.person_key
    left join categories_of on with_traits.person_key = categories_of.person_key
    left join scores_of on with_traits.person_key = scores_of.person_key
    left join int_person_opt_outs on with_traits.person_key = int_person_opt_outs.person_key

)

select * from int_person_traits
