-- A stage makes a Lead with a status (its own, or the one without a company), a Contact with a
-- status until there is a company, or nothing.
with

decisions as (

    select * from {{ ref('int_value_map') }}
    where source_field = 'lifecycle_stage'

),

fallbacks as (

    select * from {{ ref('int_value_map') }}
    where source_field = 'lifecycle_stage_without_company'

)

select
    decisions.source_system,
    decisions.source_value,
    decisions.source_system || ' lifecycle_stage "' || coalesce(decisions.source_value, '') || '" '
    || case
        when decisions.sf_object = 'Lead' then 'makes a Lead but names no Status'
        when decisions.sf_object = 'Contact'
            then 'makes a Contact but has no line lifecycle_stage_without_company'
        else 'names the object ' || decisions.sf_object || ', only Lead and Contact can be'
    end as finding
from decisions
left join fallbacks
    on
        decisions.source_system = fallbacks.source_system
        and decisions.source_key = fallbacks.source_key
where
    decisions.sf_object is not null
    and not (
        decisions.sf_object = 'Lead'
        and coalesce(decisions.sf_value, fallbacks.sf_value) is not null
    )
    and not (decisions.sf_object = 'Contact' and fallbacks.sf_value is not null)
