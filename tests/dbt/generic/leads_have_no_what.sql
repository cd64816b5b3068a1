{# Salesforce refuses a Task of a Lead that is related to anything else (Z18). #}
{% test leads_have_no_what(model) %}

select
    tasks.record_key,
    tasks.record_key || ' is a Task of a Lead but related to ' || tasks.what_key as finding
from {{ model }} as tasks
inner join {{ ref('sf_leads') }} as leads on tasks.who_key = leads.record_key
where tasks.what_key is not null

{% endtest %}
