with

point_group_contact_score as (

    {{ landed('mautic', 'point_group_contact_score') }}

),

point_groups as (

    {{ landed('mautic', 'point_groups') }}

),

stg_mautic__group_scores as (

    select
        {{ record_key('mautic', 'contact', 'point_group_contact_score.contact_id') }}
            as person_record_key,
        coalesce(
            {{ clean_text('point_groups.name') }}, 'Group ' || point_group_contact_score.group_id
        ) as score_name,
        cast(point_group_contact_score.score as bigint) as score
    from point_group_contact_score
    left join point_groups on point_group_contact_score.group_id = point_groups.id

)

select * from stg_mautic__group_scores
