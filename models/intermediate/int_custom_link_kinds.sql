with

int_custom_record_ends as (

    select * from {{ ref('int_custom_record_ends') }}

),

per_record as (

    select
        source_system,
        source_object,
        other_object,
        record_key,
        count(*) as others
    from int_custom_record_ends
    group by 1, 2, 3, 4

),

per_other as (

    select
        source_system,
        source_object,
        other_object,
        other_key,
        count(*) as records
    from int_custom_record_ends
    group by 1, 2, 3, 4

),

most_others as (

    select
        source_system,
        source_object,
        other_object,
        max(others) as most_others
    from per_record
    group by 1, 2, 3

),

most_records as (

    select
        source_system,
        source_object,
        other_object,
        max(records) as most_records
    from per_other
    group by 1, 2, 3

),

-- a lookup holds one: who has at most one of the other gets it; else a junction object is needed
int_custom_link_kinds as (

    select
        most_others.source_system,
        most_others.source_object,
        most_others.other_object,
        most_others.most_others,
        most_records.most_records,
        case
            when most_others.source_object = most_others.other_object then 'junction'
            when most_others.most_others = 1 then 'lookup'
            when
                most_records.most_records = 1
                and most_others.other_object not in ('contact', 'company')
                then 'lookup on the other'
            else 'junction'
        end as link_kind,
        'custom_link:' || replace(most_others.source_object, 'custom_object:', '')
        || '~' || replace(most_others.other_object, 'custom_object:', '') as link_object
    from most_others
    inner join most_records
        on
            most_others.source_system = most_records.source_system
            and most_others.source_object = most_records.source_object
            and most_others.other_object = most_records.other_object

)

select * from int_custom_link_kinds
