{# The contract of a mart, from the YAML beside it: nothing about a field is said twice. Without fields while dbt parses. #}
{% macro mart_contract(model_name) -%}
    {%- set contract = {'mart': model_name | replace('sf_', '', 1), 'object': '', 'fields': [], 'has_custom_fields': false} -%}
    {%- if execute -%}
        {%- set node = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'model') | selectattr('name', 'equalto', model_name) | first -%}
        {%- do contract.update({
            'object': node.config.meta.salesforce.object,
            'fields': mart_fields(node),
            'has_custom_fields': 'custom_fields' in node.columns,
        }) -%}
    {%- endif -%}
    {{ return(contract) }}
{%- endmacro %}


{# The marts that audit covers; a mart that is written but not listed in the var stops the build. #}
{% macro audited_marts() -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.get('salesforce') -%}
            {%- if node.config.meta.salesforce.get('mode') != 'match' and node.name not in var('audited_marts') -%}
                {%- do exceptions.raise_compiler_error(node.name ~ ' is missing in var audited_marts in dbt_project.yml') -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(var('audited_marts')) }}
{%- endmacro %}


{% macro mart_fields(node) -%}
    {%- set fields = [] -%}
    {%- for column in node.columns.values() if column.config.meta.get('salesforce') -%}
        {%- set required = column.constraints | selectattr('type', 'equalto', 'not_null') | list | length > 0 -%}
        {%- do fields.append(dict(column.config.meta.salesforce, column=column.name, required=required)) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}


{# The customer's own fields of an object, whichever source fills them. #}
{% macro custom_fields_of(sf_object) -%}
    {%- set fields = [] -%}
    {%- for source_name in var('sources') -%}
        {%- for line in confirmed_lines(source_name) if line.sf_object == sf_object -%}
            {%- do fields.append({
                'field': line.sf_field, 'type': line.sf_type,
                'length': line.length, 'precision': line.precision, 'scale': line.scale,
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(fields | unique(attribute='field') | list) }}
{%- endmacro %}


{# Key of every row of every audited mart. #}
{% macro audited_rows() -%}
    {%- set selects = [] -%}
    {%- for name in audited_marts() -%}
        {%- set contract = mart_contract(name) -%}
        {%- do selects.append(
            "select '" ~ contract.mart ~ "' as mart, '" ~ contract.object ~ "' as sf_object, record_key from " ~ ref(name)
        ) -%}
    {%- endfor -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}


{# The audited marts with their objects, also those without rows. #}
{% macro audited_objects() -%}
    {%- set selects = [] -%}
    {%- for name in audited_marts() -%}
        {%- set contract = mart_contract(name) -%}
        {%- do selects.append("select '" ~ contract.mart ~ "' as mart, '" ~ contract.object ~ "' as sf_object") -%}
    {%- endfor -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}
