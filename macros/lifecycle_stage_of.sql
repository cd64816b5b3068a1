{# The custom field of var lifecycle_field overrides the stage where it is filled (Z04). #}
{% macro lifecycle_stage_of(table, stage) -%}
    {%- if var('lifecycle_field') -%}
    coalesce(nullif(trim({{ table }}.{{ adapter.quote(var('lifecycle_field')) }}), ''), {{ stage }})
    {%- else -%}
    {{ stage }}
    {%- endif -%}
{%- endmacro %}
