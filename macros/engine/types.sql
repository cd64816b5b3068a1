{% macro try_cast_as(expression, data_type) -%}
    {{ return(adapter.dispatch('try_cast_as', 'sf_migration')(expression, data_type)) }}
{%- endmacro %}

{% macro duckdb__try_cast_as(expression, data_type) -%}
    try_cast({{ expression }} as {{ data_type }})
{%- endmacro %}


{% macro iso_date(expression) -%}
    {{ return(adapter.dispatch('iso_date', 'sf_migration')(expression)) }}
{%- endmacro %}

{% macro duckdb__iso_date(expression) -%}
    strftime(try_cast({{ expression }} as date), '%Y-%m-%d')
{%- endmacro %}


{% macro iso_timestamp(expression) -%}
    {{ return(adapter.dispatch('iso_timestamp', 'sf_migration')(expression)) }}
{%- endmacro %}

{% macro duckdb__iso_timestamp(expression) -%}
    strftime(try_cast({{ expression }} as timestamp), '%Y-%m-%dT%H:%M:%S.000Z')
{%- endmacro %}


{% macro plain_number(expression, scale=none) -%}
    {{ return(adapter.dispatch('plain_number', 'sf_migration')(expression, scale)) }}
{%- endmacro %}

{# Casting text to a wide decimal costs as much as all the rest of a row, so only the rare spellings go that way. #}
{% macro duckdb__plain_number(expression, scale) -%}
    {%- set places = 10 if scale is none else scale | int -%}
    case
        when regexp_matches({{ expression }}, '^-?(0|[1-9][0-9]*)$') then {{ expression }}
        {%- if places > 0 %}
        when regexp_matches({{ expression }}, '^-?(0|[1-9][0-9]*)\.[0-9]{1,{{ places }}}$')
            then rtrim(rtrim({{ expression }}, '0'), '.')
        else rtrim(rtrim(cast(try_cast({{ expression }} as decimal(38, {{ places }})) as varchar), '0'), '.')
        {%- else %}
        else cast(try_cast({{ expression }} as decimal(38, 0)) as varchar)
        {%- endif %}
    end
{%- endmacro %}


{% macro arg_min_by(expression, order_by) -%}
    {{ return(adapter.dispatch('arg_min_by', 'sf_migration')(expression, order_by)) }}
{%- endmacro %}

{% macro duckdb__arg_min_by(expression, order_by) -%}
    arg_min({{ expression }}, {{ order_by }}) filter (where {{ expression }} is not null)
{%- endmacro %}


{% macro arg_max_by(expression, order_by) -%}
    {{ return(adapter.dispatch('arg_max_by', 'sf_migration')(expression, order_by)) }}
{%- endmacro %}

{% macro duckdb__arg_max_by(expression, order_by) -%}
    arg_max({{ expression }}, {{ order_by }})
{%- endmacro %}
