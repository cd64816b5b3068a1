-- Where the org has a stage model of its own for Contacts, every stage says what it is there.
select
    source_system,
    lifecycle_stage,
    count(*) as records,
    source_system || ' lifecycle_stage "' || lifecycle_stage || '" (' || count(*)
    || ' records): add a line contact_stage to seeds/maps/'
    || source_system
    || '_values.csv' as finding
from {{ ref('int_people_split') }}
where
    becomes = 'Contact'
    and lifecycle_stage is not null
    and contact_stage is null
    and '{{ var("stage_model") }}' = 'custom'
group by 1, 2
