{# The landed rows of the drawn records as documents, for entities whose tables say so in their meta. #}
{% macro source_documents(drawn) -%}
    {%- set selects = ["select '' as record_key, '' as source_row where false"] -%}
    {%- if execute -%}
        {%- for node in graph.get('sources', {}).values() if node.config.meta.get('entity') and 'id' in node.columns -%}
            {%- set key = record_key(node.source_name, node.config.meta.entity, 'landed_row.id') -%}
            {%- do selects.append(
                'select ' ~ key ~ ', ' ~ row_document('landed_row') ~ ' from '
                ~ api.Relation.create(node.database, node.schema, node.identifier) ~ ' as landed_row where ' ~ key
                ~ ' in (select record_key from ' ~ drawn ~ ')'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}


{# The drawn rows of the audited marts as documents. #}
{% macro audited_documents(drawn) -%}
    {%- set selects = [] -%}
    {%- for name in audited_marts() -%}
        {%- set contract = mart_contract(name) -%}
        {%- do selects.append(
            'select ' ~ mart_name_of(contract) ~ ' as mart, record_key, ' ~ row_document('mart_row') ~ ' as mart_row from '
            ~ ref(name) ~ ' as mart_row where record_key in (select record_key from ' ~ drawn ~ ')'
        ) -%}
    {%- endfor -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}
