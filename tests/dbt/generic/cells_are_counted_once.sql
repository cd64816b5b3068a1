{# No reason can have less than no cell: that would mean that two reasons claim the same one. #}
{% test cells_are_counted_once(model) %}

select
    mart,
    field,
    reason,
    cells
from {{ model }}
where cells < 0

{% endtest %}
