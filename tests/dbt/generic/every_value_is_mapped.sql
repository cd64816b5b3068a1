{# A value that nobody has decided stops the build and names itself; without a value only a declared line for none counts. #}
{% test every_value_is_mapped(model, column_name, source_system, source_field) %}

with

decisions as (

    select * from {{ ref('int_value_map') }}
    where source_system = '{{ source_system }}' and source_field = '{{ source_field }}'

),

source_values as (

    select
        {{ column_name }} as source_value,
        count(*) as records
    from {{ model }}
    where {{ column_name }} is not null
    group by 1

)

select
    '{{ source_system }}' as source_system,
    '{{ source_field }}' as source_field,
    source_values.source_value,
    source_values.records,
    '{{ source_system }} {{ source_field }} "' || source_values.source_value || '" ('
    || source_values.records || ' records): add a line to seeds/maps/{{ source_system }}_values.csv' as finding
from source_values
left join decisions on {{ value_key('source_values.source_value') }} = decisions.source_key
where decisions.source_key is null

{% endtest %}
