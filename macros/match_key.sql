{# What records of one company or person have in common, if the policy says so; the record's own key otherwise. #}
{% macro match_key(policy, wanted, value) -%}
    {%- if var(policy) == wanted -%}
    coalesce({{ value }}, record_key)
    {%- elif var(policy) == 'none' -%}
    record_key
    {%- else -%}
    {%- do exceptions.raise_compiler_error('var ' ~ policy ~ ' is "' ~ var(policy) ~ '", it can be ' ~ wanted ~ ' or none') -%}
    {%- endif -%}
{%- endmacro %}


{% macro usable_email(text) -%}
    case when {{ is_email(text) }} then {{ text }} end
{%- endmacro %}
