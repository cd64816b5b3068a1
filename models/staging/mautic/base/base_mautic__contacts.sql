with

leads as (

    {{ landed('mautic', 'leads') }}

),

stages as (

    {{ landed('mautic', 'stages') }}

),

base_mautic__contacts as (

    select
        leads.*,
        {{ lifecycle_stage_of('leads', 'stages.name') }} as lifecycle_stage
    from leads
    left join stages on leads.stage_id = stages.id

)

select * from base_mautic__contacts
