{# Salesforce takes a Lead or a Contact; of both it silently keeps the Contact. #}
{% test has_one_person(model) %}

select
    record_key,
    record_key || ' has ' || case when lead_key is null then 'neither Lead nor' else 'both Lead and' end
    || ' Contact' as finding
from {{ model }}
where (lead_key is null) = (contact_key is null)

{% endtest %}
