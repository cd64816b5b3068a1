{% macro record_key(source_system, entity, source_id) -%}
    '{{ source_system }}:{{ entity }}:' || cast({{ source_id }} as varchar)
{%- endmacro %}


{# Shorter ids first: numbers then sort by size although ids are text. #}
{% macro id_order(key) -%}
    length({{ key }}), {{ key }}
{%- endmacro %}
