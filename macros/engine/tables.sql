{% macro union_by_name(selects) -%}
    {{ return(adapter.dispatch('union_by_name', 'sf_migration')(selects)) }}
{%- endmacro %}

{% macro duckdb__union_by_name(selects) -%}
    {{ selects | join('\n    union all by name\n    ') }}
{%- endmacro %}


{% macro live_columns(schema) -%}
    {{ return(adapter.dispatch('live_columns', 'sf_migration')(schema)) }}
{%- endmacro %}

{% macro duckdb__live_columns(schema) -%}
    select
        table_name,
        column_name
    from information_schema.columns
    where
        table_schema = '{{ schema }}'
        and table_catalog = current_database()
        and not starts_with(table_name, '_dlt_')
        and not starts_with(column_name, '_dlt_')
{%- endmacro %}


{% macro rows_of(structs) -%}
    {{ return(adapter.dispatch('rows_of', 'sf_migration')(structs)) }}
{%- endmacro %}

{# structs: list of {name: SQL expression}; one row comes out for each. #}
{% macro duckdb__rows_of(structs) -%}
    unnest([
        {% for struct in structs -%}
        {
            {%- for name, expression in struct.items() %}'{{ name }}': {{ expression }}{{ ', ' if not loop.last }}{% endfor -%}
        }{{ ',' if not loop.last }}
        {% endfor %}
    ], recursive := true)
{%- endmacro %}


{# Counts from 1. #}
{% macro list_item(list, position) -%}
    {{ return(adapter.dispatch('list_item', 'sf_migration')(list, position)) }}
{%- endmacro %}

{% macro duckdb__list_item(list, position) -%}
    {{ list }}[{{ position }}]
{%- endmacro %}
