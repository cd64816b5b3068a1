{# Says what a failed or warning test found, so that nobody has to look for the table that holds it. #}
{% macro print_findings(results) -%}
    {%- if execute -%}
        {%- for result in results if result.node.resource_type == 'test' and result.status in ['fail', 'warn'] -%}
            {%- if result.failures and result.node.relation_name -%}
                {%- do print_stored_rows(result) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro print_stored_rows(result) -%}
    {%- set rows = run_query('select * from ' ~ result.node.relation_name ~ ' order by all limit 5') -%}
    {%- set names = rows.column_names | map('lower') | list -%}
    {%- set test_name = result.node.test_metadata.name if result.node.test_metadata else result.node.name -%}
    {#- Values of people stay out of logs: only a finding or a key is shown. -#}
    {%- set shown = 'finding' if 'finding' in names else 'record_key' if 'record_key' in names else none -%}
    {%- for row in rows if shown -%}
        {{ print(test_name ~ ': ' ~ row[names.index(shown)]) }}
    {%- endfor -%}
    {%- if not shown or result.failures > 5 -%}
        {{ print(test_name ~ ': ' ~ result.failures ~ ' in all, see ' ~ result.node.relation_name) }}
    {%- endif -%}
{%- endmacro %}
