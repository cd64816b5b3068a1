{% macro regex_replace(text, pattern, replacement) -%}
    {{ return(adapter.dispatch('regex_replace', 'sf_migration')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro duckdb__regex_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}


{% macro regex_matches(text, pattern) -%}
    {{ return(adapter.dispatch('regex_matches', 'sf_migration')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__regex_matches(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}


{% macro regex_extract(text, pattern, group) -%}
    {{ return(adapter.dispatch('regex_extract', 'sf_migration')(text, pattern, group)) }}
{%- endmacro %}

{% macro duckdb__regex_extract(text, pattern, group) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', {{ group }}), '')
{%- endmacro %}


{% macro sorted_options(text) -%}
    {{ return(adapter.dispatch('sorted_options', 'sf_migration')(text)) }}
{%- endmacro %}

{% macro duckdb__sorted_options(text) -%}
    array_to_string(list_sort(string_split({{ text }}, ';')), ';')
{%- endmacro %}
