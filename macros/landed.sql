{# A raw table with all columns that _<source>__sources.yml declares: instances lack columns of other versions. #}
{% macro landed(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}
    {%- set columns = declared_columns(source_name, table_name) -%}
    {%- if columns -%}
        {{ union_by_name([empty_select(columns), 'select * from ' ~ relation]) }}
    {%- else -%}
        select * from {{ relation }}
    {%- endif -%}
{%- endmacro %}


{% macro declared_columns(source_name, table_name) -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.get('sources', {}).values() if node.source_name == source_name and node.name == table_name -%}
            {%- do found.extend(node.columns.values()) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}


{# All columns that the sources files speak about, as rows. #}
{% macro declared_source_columns() -%}
    {%- set selects = ["select '' as source_system, '' as table_name, '' as column_name where false"] -%}
    {%- if execute -%}
        {%- for node in graph.get('sources', {}).values() -%}
            {%- for column in node.columns.values() if not column.config.meta.get('in_field_map') or column.config.meta.get('becomes') -%}
                {%- do selects.append(
                    "select '" ~ node.source_name ~ "', '" ~ node.identifier ~ "', '" ~ column.name ~ "'"
                ) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}


{# Which raw table holds which kind of record: `entity` in the meta of a source table. #}
{% macro entity_tables() -%}
    {%- set selects = ["select '' as source_system, '' as table_name, '' as source_entity where false"] -%}
    {%- if execute -%}
        {%- for node in graph.get('sources', {}).values() if node.config.meta.get('entity') -%}
            {%- do selects.append(
                "select '" ~ node.source_name ~ "', '" ~ node.identifier ~ "', '" ~ node.config.meta.entity ~ "'"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}


{# All columns that landed, over the enabled sources. #}
{% macro landed_source_columns() -%}
    {%- set selects = [] -%}
    {%- for source_name in var('sources') -%}
        {%- do selects.append(
            "select '" ~ source_name ~ "' as source_system, table_name, column_name from ("
            ~ live_columns('raw_' ~ source_name) ~ ') as live_' ~ source_name
        ) -%}
    {%- endfor -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}
