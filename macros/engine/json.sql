{% macro json_text(document, key) -%}
    {{ return(adapter.dispatch('json_text', 'sf_migration')(document, key)) }}
{%- endmacro %}

{% macro duckdb__json_text(document, key) -%}
    json_extract_string({{ document }}, '$."{{ key }}"')
{%- endmacro %}


{% macro json_texts(document, keys) -%}
    {{ return(adapter.dispatch('json_texts', 'sf_migration')(document, keys)) }}
{%- endmacro %}

{% macro duckdb__json_texts(document, keys) -%}
    json_extract_string(
        {{ document }}, [{% for key in keys %}'$."{{ key }}"'{{ ', ' if not loop.last }}{% endfor %}]
    )
{%- endmacro %}


{% macro json_object_of(pairs) -%}
    {{ return(adapter.dispatch('json_object_of', 'sf_migration')(pairs)) }}
{%- endmacro %}

{# pairs: name to SQL of a text. Empty values are left out, names sorted: a hash of it then tells whether anything changed. #}
{% macro duckdb__json_object_of(pairs) -%}
    {%- if pairs -%}
    '{' || nullif(concat_ws(
        ','
        {%- for name, value in pairs | dictsort(case_sensitive=true) %},
        '"{{ name }}":' || cast(to_json({{ value }}) as varchar)
        {%- endfor %}
    ), '') || '}'
    {%- else -%}
    cast(null as varchar)
    {%- endif -%}
{%- endmacro %}


{% macro json_entries(document) -%}
    {{ return(adapter.dispatch('json_entries', 'sf_migration')(document)) }}
{%- endmacro %}

{# Gives one row per name, as column json_key. #}
{% macro duckdb__json_entries(document) -%}
    unnest(json_keys({{ document }})) as json_key
{%- endmacro %}


{% macro json_text_at(document, key_column) -%}
    {{ return(adapter.dispatch('json_text_at', 'sf_migration')(document, key_column)) }}
{%- endmacro %}

{% macro duckdb__json_text_at(document, key_column) -%}
    json_extract_string({{ document }}, '$."' || {{ key_column }} || '"')
{%- endmacro %}


{% macro json_object_agg(key, value) -%}
    {{ return(adapter.dispatch('json_object_agg', 'sf_migration')(key, value)) }}
{%- endmacro %}

{% macro duckdb__json_object_agg(key, value) -%}
    '{'
    || array_to_string(
        list_sort(list(cast(to_json({{ key }}) as varchar) || ':' || cast(to_json({{ value }}) as varchar))), ','
    )
    || '}'
{%- endmacro %}


{% macro json_merged(first, second) -%}
    {{ return(adapter.dispatch('json_merged', 'sf_migration')(first, second)) }}
{%- endmacro %}

{% macro duckdb__json_merged(first, second) -%}
    cast(json_merge_patch(coalesce({{ first }}, '{}'), coalesce({{ second }}, '{}')) as varchar)
{%- endmacro %}
