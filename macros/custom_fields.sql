{# The id and every column that a confirmed line of the field map names, as clean text. A mapped column that was not landed
   is left to assert_every_mapped_field_has_a_column. #}
{% macro mapped_columns(source_name, source_entity, table_name) -%}
    {%- set landed = landed_columns(source_name, table_name) -%}
    {%- set types = {} -%}
    {%- for line in confirmed_lines(source_name, source_entity) if line.source_field in landed -%}
        {%- do types.setdefault(line.source_field, []).append(line.sf_type) -%}
    {%- endfor -%}
    id
    {%- for source_field, sf_types in types.items() %},
    {{ cleaned_custom_value('cast(' ~ adapter.quote(source_field) ~ ' as varchar)', sf_types) }} as {{ adapter.quote(source_field) }}
    {%- endfor -%}
{%- endmacro %}


{# One JSON object from the confirmed lines for one Salesforce object. #}
{% macro custom_fields_json(source_name, source_entity, table_name, sf_object) -%}
    {%- set landed = landed_columns(source_name, table_name) -%}
    {%- set pairs = {} -%}
    {%- for line in confirmed_lines(source_name, source_entity)
        if line.sf_object == sf_object and line.source_field in landed -%}
        {%- do pairs.update({line.sf_field: salesforce_value(adapter.quote(line.source_field), line.sf_type, line.scale)}) -%}
    {%- endfor -%}
    {{ json_object_of(pairs) }}
{%- endmacro %}


{# In HTML an entity is no damage, so a text with tags stays as it is. #}
{% macro cleaned_custom_value(value, sf_types) -%}
    {%- if 'TextArea' in sf_types or 'LongTextArea' in sf_types -%}
    case
        when {{ regex_matches(value, '<[A-Za-z/][^>]*>') }} then {{ value }}
        else {{ clean_text(value, keep_lines=true) }}
    end
    {%- else -%}
    {{ clean_text(value) }}
    {%- endif -%}
{%- endmacro %}


{# Bulk CSV text of a customer's own value. What does not fit its type stays as it is and becomes a finding: never a null.
   Numbers are rounded to the field's scale, as Salesforce would on its own: 1199.8999999999999 is money in a float. #}
{% macro salesforce_value(value, sf_type, scale=none) -%}
    {%- if sf_type == 'Checkbox' -%}
    case
        when lower({{ value }}) in ('1', '1.0', 'true', 'yes') then 'true'
        when lower({{ value }}) in ('0', '0.0', 'false', 'no') then 'false'
        else {{ value }}
    end
    {%- elif sf_type == 'MultiselectPicklist' -%}
    replace({{ value }}, '|', ';')
    {%- elif sf_type == 'Date' -%}
    coalesce({{ iso_date(value) }}, {{ value }})
    {%- elif sf_type == 'DateTime' -%}
    coalesce({{ iso_timestamp(value) }}, {{ value }})
    {%- elif sf_type in ['Number', 'Currency', 'Percent'] -%}
    coalesce({{ plain_number(value, scale) }}, {{ value }})
    {%- elif sf_type == 'Email' -%}
    lower({{ value }})
    {%- else -%}
    {{ value }}
    {%- endif -%}
{%- endmacro %}


{# The same where the type is not known before the rows are: it stands in a column. #}
{% macro salesforce_value_of(value, type_column) -%}
    case {{ type_column }}
    {%- for sf_type in ['Checkbox', 'MultiselectPicklist', 'Date', 'DateTime', 'Number', 'Currency', 'Percent', 'Email'] %}
        when '{{ sf_type }}' then {{ salesforce_value(value, sf_type) }}
    {%- endfor %}
        else {{ value }}
    end
{%- endmacro %}


{# Read when a model is built, from the seed itself: which fields a customer has is data, not code. #}
{% macro confirmed_lines(source_name, source_entity=none) -%}
    {%- set lines = [] -%}
    {%- if execute -%}
        {%- set seed = graph.nodes.values()
            | selectattr('resource_type', 'equalto', 'seed')
            | selectattr('name', 'equalto', source_name ~ '_fields') | first -%}
        {%- if adapter.get_relation(seed.database, seed.schema, seed.alias) -%}
            {%- set query -%}
                select source_field, sf_object, sf_field, sf_type, length, precision, scale
                from {{ seed.relation_name }}
                where status = 'confirmed'
                {%- if source_entity %} and source_entity = '{{ source_entity }}'{% endif %}
                order by sf_field, source_field, sf_object
            {%- endset -%}
            {%- for row in run_query(query) -%}
                {%- do lines.append({
                    'source_field': row[0], 'sf_object': row[1], 'sf_field': row[2], 'sf_type': row[3],
                    'length': row[4], 'precision': row[5], 'scale': row[6],
                }) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(lines) }}
{%- endmacro %}


{% macro landed_columns(source_name, table_name) -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- set node = graph.get('sources', {}).values()
            | selectattr('source_name', 'equalto', source_name) | selectattr('name', 'equalto', table_name) | first -%}
        {%- set relation = adapter.get_relation(node.database, node.schema, node.identifier) -%}
        {%- if relation -%}
            {%- do names.extend(adapter.get_columns_in_relation(relation) | map(attribute='name')) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(names) }}
{%- endmacro %}
