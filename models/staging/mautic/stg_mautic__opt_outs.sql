with

lead_donotcontact as (

    {{ landed('mautic', 'lead_donotcontact') }}

),

stg_mautic__opt_outs as (

    select
        {{ record_key('mautic', 'contact', 'lead_id') }} as person_record_key,
        lower({{ clean_text('channel') }}) as channel,
        case reason
            when 1 then 'unsubscribed'
            when 2 then 'bounced'
            when 3 then 'manual'
            else 'unknown ' || reason
        end as opt_out_reason,
        {{ clean_text('comments') }} as comment,
        cast(date_added as timestamp) as opted_out_at
    from lead_donotcontact
    -- 0 is a contact who may be written to again
    where lead_id is not null and coalesce(reason, 0) <> 0

)

select * from stg_mautic__opt_outs
