{# A source that was never landed gives empty models instead of an error, and says so. #}
{% macro create_missing_raw_tables() -%}
    {%- set statements = [] -%}
    {%- set landed = [] -%}
    {%- set waiting = {} -%}
    {%- if execute -%}
        {#- Not adapter.get_relation: it opens a transaction that nobody commits. -#}
        {%- for row in run_query(tables_with_comment()) -%}
            {%- do landed.append(row[0] ~ '.' ~ row[1]) -%}
            {%- if row[2] == 'not landed yet' -%}
                {%- do waiting.setdefault(row[0], []).append(row[1]) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for node in graph.get('sources', {}).values() if node.schema ~ '.' ~ node.identifier not in landed -%}
            {%- do statements.append(create_empty_table(node)) -%}
            {%- do waiting.setdefault(node.schema, []).append(node.identifier) -%}
        {%- endfor -%}
        {%- for schema, tables in waiting.items() -%}
            {%- do exceptions.warn(
                schema ~ ' is not landed yet, these tables are empty: ' ~ tables | sort | join(', ')
                ~ '. Run: refresh-raw --source ' ~ schema | replace('raw_', '')
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(statements | join(';\n')) }}
{%- endmacro %}


{# The comment tells the loaders that the table is a stand-in, which they drop before they land. #}
{% macro create_empty_table(node) -%}
    {%- set relation = api.Relation.create(node.database, node.schema, node.identifier) -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do columns.append(adapter.quote(column.name) ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    create schema if not exists {{ adapter.quote(node.schema) }};
    create table {{ relation }} ({{ columns | join(', ') }});
    comment on table {{ relation }} is 'not landed yet'
{%- endmacro %}


{% macro tables_with_comment() -%}
    {{ return(adapter.dispatch('tables_with_comment', 'sf_migration')()) }}
{%- endmacro %}

{% macro duckdb__tables_with_comment() -%}
    select schema_name, table_name, comment
    from duckdb_tables()
    where database_name = current_database()
{%- endmacro %}
