{# A stage model of the org's own, filled only where var stage_model asks for it (MAU-05). #}
{% macro custom_stage_only(stage) -%}
    {%- if var('stage_model') == 'custom' -%}
    {{ stage }}
    {%- elif var('stage_model') == 'status' -%}
    cast(null as varchar)
    {%- else -%}
    {%- do exceptions.raise_compiler_error('var stage_model is "' ~ var('stage_model') ~ '", it can be status or custom') -%}
    {%- endif -%}
{%- endmacro %}
