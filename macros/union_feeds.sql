{# A feed without a model behind it stops parsing: dbt names the model that is missing. #}
{% macro union_feeds(pattern, feeds) -%}
    {%- set selects = [] -%}
    {%- if model.resource_type == 'model' and model.config.contract.enforced -%}
        {%- do selects.append(empty_select(model.columns.values(), except=['source_system'])) -%}
    {%- endif -%}
    {%- for feed in feeds -%}
        {%- do selects.append("select '" ~ feed ~ "' as source_system, * from " ~ ref(pattern.format(feed))) -%}
    {%- endfor -%}
    {{ union_by_name(selects) }}
{%- endmacro %}


{# No row, all declared columns: what no feed has is null, and what the contract does not know still fails. #}
{% macro empty_select(columns, except=[]) -%}
    {%- set casts = [] -%}
    {%- for column in columns if column.name not in except -%}
        {%- do casts.append('cast(null as ' ~ column.data_type ~ ') as ' ~ adapter.quote(column.name)) -%}
    {%- endfor -%}
    select {{ casts | join(', ') }} where false
{%- endmacro %}


{# All seeds of one kind, one a source: stack_maps('values') reads mautic_values and its kin. #}
{% macro stack_maps(kind) -%}
    {%- set selects = [] -%}
    {%- for source_name in var('sources') -%}
        {%- do selects.append("select '" ~ source_name ~ "' as source_system, * from " ~ ref(source_name ~ '_' ~ kind)) -%}
    {%- endfor -%}
    {{ union_by_name(selects) }}
{%- endmacro %}
