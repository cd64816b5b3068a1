{# The path of a category goes into a field, or its Topics say it (MAU-12). #}
{% macro category_field(path) -%}
    {%- if var('categories_as') == 'field' -%}
    {{ path }}
    {%- elif var('categories_as') == 'topics' -%}
    cast(null as varchar)
    {%- else -%}
    {%- do exceptions.raise_compiler_error('var categories_as is "' ~ var('categories_as') ~ '", it can be field or topics') -%}
    {%- endif -%}
{%- endmacro %}
