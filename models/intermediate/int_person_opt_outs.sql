with

int_opt_outs_unioned as (

    select * from {{ ref('int_opt_outs_unioned') }}

),

int_person_keys as (

    select * from {{ ref('int_person_keys') }}
    where sf_object is not null

),

int_value_map as (

    select * from {{ ref('int_value_map') }}
    where source_field = 'opt_out_channel'

),

-- one "no" of any merged record is a no
int_person_opt_outs as (

    select
        int_person_keys.person_key,
        max(case int_value_map.sf_value when 'email' then 1 else 0 end) = 1 as opted_out_of_email,
        max(case int_value_map.sf_value when 'sms' then 1 else 0 end) = 1 as opted_out_of_sms,
        max(case int_value_map.sf_value when 'phone' then 1 else 0 end) = 1 as opted_out_of_calls,
        {{ text_agg(
            "int_opt_outs_unioned.channel || ': ' || int_opt_outs_unioned.opt_out_reason"
            ~ " || coalesce(' (' || int_opt_outs_unioned.comment || ')', '')",
            "'\n'",
            'int_opt_outs_unioned.opted_out_at, int_opt_outs_unioned.channel, int_opt_outs_unioned.comment'
        ) }} as opt_out_reason,
        max(int_opt_outs_unioned.opted_out_at) as opted_out_at
    from int_opt_outs_unioned
    inner join int_person_keys
        on int_opt_outs_unioned.person_record_key = int_person_keys.record_key
    left join int_value_map
        on
            int_opt_outs_unioned.source_system = int_value_map.source_system
            and {{ value_key('int_opt_outs_unioned.channel') }} = int_value_map.source_key
    group by 1

)

select * from int_person_opt_outs
