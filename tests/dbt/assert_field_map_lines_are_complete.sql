-- A confirmed line says where to and as what; an ignored one says why.
select
    source_system,
    source_entity,
    source_field,
    source_system || ' ' || source_entity || ' field ' || source_field
    || case
        when status = 'ignored' then ' is ignored without a note'
        else ' is ' || status || ' without object, field or type'
    end as finding
from {{ ref('int_field_map') }}
where
    (status = 'ignored' and note is null)
    or (status <> 'ignored' and (sf_object is null or sf_field is null or sf_type is null))
