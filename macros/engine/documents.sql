{% macro json_document(texts={}, documents={}) -%}
    {{ return(adapter.dispatch('json_document', 'sf_migration')(texts, documents)) }}
{%- endmacro %}

{# texts: name to SQL of a value; documents: name to SQL of a text that is JSON already. Empty ones are null. #}
{% macro duckdb__json_document(texts, documents) -%}
    cast(json_object(
        {%- for name, value in texts.items() %}
        '{{ name }}', {{ value }}{{ ',' if not loop.last or documents }}
        {%- endfor %}
        {%- for name, value in documents.items() %}
        '{{ name }}', {{ duckdb__json_or_text(value) }}{{ ',' if not loop.last }}
        {%- endfor %}
    ) as varchar)
{%- endmacro %}


{# Text that is no JSON is kept as a JSON string: a source's own damage must not stop the build. #}
{% macro duckdb__json_or_text(value) -%}
    case when json_valid({{ value }}) then cast({{ value }} as json) else to_json({{ value }}) end
{%- endmacro %}


{% macro json_list_agg(document, order_by) -%}
    {{ return(adapter.dispatch('json_list_agg', 'sf_migration')(document, order_by)) }}
{%- endmacro %}

{% macro duckdb__json_list_agg(document, order_by) -%}
    '[' || string_agg({{ document }}, ',' order by {{ order_by }}) || ']'
{%- endmacro %}


{% macro row_document(table_alias, documents=[]) -%}
    {{ return(adapter.dispatch('row_document', 'sf_migration')(table_alias, documents)) }}
{%- endmacro %}

{# Every column of the row by name; documents: columns whose text is JSON already. #}
{% macro duckdb__row_document(table_alias, documents) -%}
    {%- set row = namespace(sql=table_alias) -%}
    {%- if documents -%}
        {%- set replaced = [] -%}
        {%- for name in documents -%}
            {%- do replaced.append('"' ~ name ~ '" := ' ~ duckdb__json_or_text(table_alias ~ '."' ~ name ~ '"')) -%}
        {%- endfor -%}
        {%- set row.sql = 'struct_update(' ~ table_alias ~ ', ' ~ replaced | join(', ') ~ ')' -%}
    {%- endif -%}
    cast(to_json({{ row.sql }}) as varchar)
{%- endmacro %}


{% macro text_agg(text, separator, order_by) -%}
    {{ return(adapter.dispatch('text_agg', 'sf_migration')(text, separator, order_by)) }}
{%- endmacro %}

{% macro duckdb__text_agg(text, separator, order_by) -%}
    string_agg({{ text }}, {{ separator }} order by {{ order_by }})
{%- endmacro %}


{% macro json_items(document) -%}
    {{ return(adapter.dispatch('json_items', 'sf_migration')(document)) }}
{%- endmacro %}

{# One row per item of a JSON list or per member of a JSON object: json_key (position or name) and json_item (JSON text). #}
{% macro duckdb__json_items(document) -%}
    select
        items.key as json_key,
        cast(items.value as varchar) as json_item
    from json_each({{ document }}) as items
{%- endmacro %}


{% macro is_json(text) -%}
    {{ return(adapter.dispatch('is_json', 'sf_migration')(text)) }}
{%- endmacro %}

{# Nothing at all counts as JSON. #}
{% macro duckdb__is_json(text) -%}
    coalesce(json_valid({{ text }}), true)
{%- endmacro %}
