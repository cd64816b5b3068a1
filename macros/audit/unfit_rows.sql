{# Cells of a mart that Salesforce would refuse, one row per record and field. Values stay out of it: they are personal. #}
{% macro unfit_rows(contract, relation) -%}
    {%- set picklists = ref('picklists') -%}
    {%- set fields = audited_fields(contract) -%}
    {%- set findings = [] -%}
    {%- for field in fields -%}
        {%- do findings.append({
            'field': "'" ~ field.field ~ "'",
            'rule': 'rule_' ~ loop.index,
            'length': 'length(value_' ~ loop.index ~ ')',
            'allowed': 'cast(' ~ (field_limit(field) or 'null') ~ ' as bigint)',
        }) -%}
    {%- endfor -%}
    select
        '{{ contract.mart }}' as mart,
        record_key,
        field,
        rule,
        length,
        allowed
    from (
        select
            record_key,
            {{ rows_of(findings) }}
        from (
            select
                cells.*,
                {% for field in fields -%}
                {{ unfit_rule(field, 'value_' ~ loop.index, 'options_' ~ loop.index ~ '.sf_value') }} as rule_{{ loop.index }}{{ ',' if not loop.last }}
                {% endfor %}
            from ({{ mart_cells(relation, fields) }}) as cells
            {% for field in fields if field.get('picklist') -%}
            {%- set place = 'options_' ~ (fields.index(field) + 1) -%}
            left join {{ picklists }} as {{ place }}
                on
                    {{ place }}.sf_object || '.' || {{ place }}.sf_field = '{{ field.picklist }}'
                    and {{ place }}.sf_value = value_{{ fields.index(field) + 1 }}
            {% endfor %}
        ) as judged
        where coalesce({% for field in fields %}rule_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}) is not null
    ) as findings
    where rule is not null
{%- endmacro %}


{# All fields of a contract, the customer's own included, each with the SQL that gives its value as text. #}
{% macro audited_fields(contract) -%}
    {%- set fields = [] -%}
    {%- for field in contract.fields -%}
        {%- do fields.append(dict(field, expression=value_as_text(field))) -%}
    {%- endfor -%}
    {%- if contract.has_custom_fields -%}
        {%- for field in custom_fields_of(contract.object) -%}
            {%- do fields.append(dict(field, expression=list_item('custom_values', loop.index))) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(fields) }}
{%- endmacro %}


{% macro value_as_text(field) -%}
    {%- if field.type == 'DateTime' -%}
        {{ return(iso_timestamp(field.column)) }}
    {%- elif field.type == 'Date' -%}
        {{ return(iso_date(field.column)) }}
    {%- else -%}
        {{ return('cast(' ~ field.column ~ ' as varchar)') }}
    {%- endif -%}
{%- endmacro %}


{# One column a field: value_1, value_2 ...; the JSON document is read once. #}
{% macro mart_cells(relation, fields) -%}
    {%- set custom = fields | rejectattr('column', 'defined') | map(attribute='field') | list %}
    select
        record_key,
        {% for field in fields -%}
        {{ field.expression }} as value_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            *
            {%- if custom %},
            {{ json_texts('custom_fields', custom) }} as custom_values
            {%- endif %}
        from {{ relation }}
    ) as mart_rows
{%- endmacro %}


{# Longest text that Salesforce takes; some types have a length of their own. #}
{% macro field_limit(field) -%}
    {%- set own = {'Email': 80, 'Phone': 40, 'Url': 255, 'Text': 255, 'TextArea': 255, 'LongTextArea': 32768, 'Picklist': 255} -%}
    {%- if field.type in own -%}
        {{ return(field.get('length') or own[field.type]) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}


{% macro unfit_rule(field, value, option) -%}
    case
        {%- if field.get('required') %}
        when {{ value }} is null then 'required'
        {%- endif %}
        when {{ value }} is null then null
        {%- if field_limit(field) %}
        when length({{ value }}) > {{ field_limit(field) }} then 'length'
        {%- endif %}
        {%- if field.type == 'Email' %}
        when not {{ is_email(value) }} then 'email'
        {%- elif field.get('picklist') %}
        when {{ option }} is null then 'picklist'
        {%- elif field.type in ['Number', 'Currency', 'Percent'] %}
        when {{ try_cast_as(value, 'double') }} is null then 'number'
        {%- if field.get('precision') %}
        when abs({{ try_cast_as(value, 'double') }}) >= 1e{{ field.precision - (field.get('scale') or 0) }} then 'precision'
        {%- endif %}
        {%- elif field.type == 'Checkbox' %}
        when {{ value }} not in ('true', 'false') then 'boolean'
        {%- elif field.type == 'Date' %}
        when {{ try_cast_as(value, 'date') }} is null then 'date'
        {%- elif field.type == 'DateTime' %}
        when {{ try_cast_as(value, 'timestamp') }} is null then 'date and time'
        {%- endif %}
    end
{%- endmacro %}
