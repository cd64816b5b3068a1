with

emails as (

    select * from {{ ref('base_mautic__email_activities') }}

),

notes as (

    select * from {{ ref('base_mautic__note_activities') }}

),

stg_mautic__activities as (

    {{ union_by_name(['select * from emails', 'select * from notes']) }}

)

select * from stg_mautic__activities
