{# Workflow Rules and Process Builder are retired; nobody may be sent there (SFG-01). #}
{% test names_no_retired_tool(model, column_name) %}

select {{ column_name }}
from {{ model }}
where
    lower({{ column_name }}) like '%workflow rule%'
    or lower({{ column_name }}) like '%process builder%'

{% endtest %}
