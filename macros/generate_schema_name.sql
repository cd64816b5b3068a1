{# The layer's name is the schema: marts.sf_leads is the same relation in dev, ci and prod, each in its own file. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
