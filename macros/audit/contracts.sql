{# The contract of a mart, from the YAML beside it: nothing about a field is said twice. Without fields while dbt parses. #}
{% macro mart_contract(model_name) -%}
    {%- set contract = {'mart': model_name | replace('sf_', '', 1), 'object': '', 'fields': [], 'has_custom_fields': false} -%}
    {%- if execute -%}
        {%- set node = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'model') | selectattr('name', 'equalto', model_name) | first -%}
        {%- do contract.update({
            'object': node.config.meta.salesforce.get('object', ''),
            'object_column': node.config.meta.salesforce.get('object_column'),
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
                'field': line.sf_field, 'type': 'Lookup' if line.sf_type.startswith('Lookup(') else line.sf_type,
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
        {%- do selects.append('select ' ~ mart_and_object(contract) ~ ', record_key from ' ~ ref(name)) -%}
    {%- endfor -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}


{# The audited marts with their objects, also those without rows. #}
{% macro audited_objects() -%}
    {%- set selects = [] -%}
    {%- for name in audited_marts() -%}
        {%- set contract = mart_contract(name) -%}
        {%- if contract.object_column -%}
            {%- do selects.append('select distinct ' ~ mart_and_object(contract) ~ ' from ' ~ ref(name)) -%}
        {%- else -%}
            {%- do selects.append('select ' ~ mart_and_object(contract)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}


{# A mart of many objects counts as one mart each, as the load names them: custom_records.Course__c. #}
{% macro mart_and_object(contract) -%}
    {{ mart_name_of(contract) }} as mart, {{ contract.object_column or "'" ~ contract.object ~ "'" }} as sf_object
{%- endmacro %}


{% macro mart_name_of(contract) -%}
    {%- if contract.object_column -%}
    '{{ contract.mart }}.' || {{ contract.object_column }}
    {%- else -%}
    '{{ contract.mart }}'
    {%- endif -%}
{%- endmacro %}


{# Marts whose rows accompany rows of another mart, under the same or a derived key: no source record of their own. #}
{% macro companion_marts() -%}
    {%- set names = ["''"] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.get('companion') -%}
            {%- do names.append("'" ~ node.name | replace('sf_', '', 1) ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
    {{ names | join(', ') }}
{%- endmacro %}


{# One contract and its rows for each object of a mart: most have one, custom records have one an object of the customer. #}
{% macro contracts_with_rows(model_name, relation) -%}
    {%- set contract = mart_contract(model_name) -%}
    {%- set found = [] -%}
    {%- for sf_object in confirmed_objects() if contract.object_column -%}
        {%- set rows -%}
            (
                select
                    *,
                    {{ json_merged('fields', 'lookups') }} as custom_fields
                from {{ relation }}
                where {{ contract.object_column }} = '{{ sf_object }}'
            ) as {{ sf_object | lower }}
        {%- endset -%}
        {%- do found.append({
            'contract': dict(contract, mart=contract.mart ~ '.' ~ sf_object, object=sf_object, has_custom_fields=true),
            'rows': rows,
        }) -%}
    {%- endfor -%}
    {{ return(found or [{'contract': contract, 'rows': relation}]) }}
{%- endmacro %}


{# Objects of the customer that somebody has confirmed, from the seed itself. #}
{% macro confirmed_objects() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- set seed = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'seed') | selectattr('name', 'equalto', 'custom_objects') | first -%}
        {%- if adapter.get_relation(seed.database, seed.schema, seed.alias) -%}
            {%- set query -%}
                select distinct sf_object from {{ seed.relation_name }} where status = 'confirmed' order by 1
            {%- endset -%}
            {%- do names.extend(run_query(query).columns[0].values()) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(names) }}
{%- endmacro %}


{# Every field that audit compares, the customer's own included. #}
{% macro audited_field_names() -%}
    {%- set selects = ["select '' as mart, '' as sf_object, '' as field where false"] -%}
    {%- if execute -%}
        {%- for name in audited_marts() -%}
            {%- for one in contracts_with_rows(name, name) -%}
                {%- for field in audited_fields(one.contract) -%}
                    {%- do selects.append(
                        "select '" ~ one.contract.mart ~ "', '" ~ one.contract.object ~ "', '" ~ field.field ~ "'"
                    ) -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ selects | join('\n    union all ') }}
{%- endmacro %}
