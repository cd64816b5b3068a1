{# Two lines about one thing are a contradiction, even if both say the same today. #}
{% test one_decision_each(model, columns, where='true') %}

select
    {% for column in columns -%}
    {{ column }},
    {% endfor -%}
    count(*) as lines,
    {% for column in columns -%}
    coalesce({{ column }}, '(none)') || {{ "' '" if not loop.last else "': '" }} ||
    {% endfor -%}
    count(*) || ' lines decide this, one is allowed' as finding
from {{ model }}
where {{ where }}
group by {% for column in columns %}{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}
having count(*) > 1

{% endtest %}
