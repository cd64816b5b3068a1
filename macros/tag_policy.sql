{# Where tags go, by their number and var tags_as (Z01): 149 still fit a multi-select picklist, 150 do not. #}
{% macro tag_policy(number_of_tags) -%}
    {%- if var('tags_as') == 'auto' -%}
    case when {{ number_of_tags }} < {{ var('tag_limit') }} then 'multi_select' else 'text' end
    {%- elif var('tags_as') in ['multi_select', 'text', 'topics'] -%}
    '{{ var("tags_as") }}'
    {%- else -%}
    {%- do exceptions.raise_compiler_error(
        'var tags_as is "' ~ var('tags_as') ~ '", it can be auto, multi_select, text or topics'
    ) -%}
    {%- endif -%}
{%- endmacro %}
