{# Cells of loaded records that the org holds otherwise than the mart: compared by meaning, not by spelling. #}
{% macro differing_cells(contract, relation, records, identities) -%}
    {%- set fields = audited_fields(contract) -%}
    {%- set cells = [] -%}
    {%- for field in fields -%}
        {%- do cells.append({
            'field': "'" ~ field.field ~ "'",
            'expected': "case when differs_" ~ loop.index ~ " then coalesce(value_" ~ loop.index ~ ", '') end",
            'actual': 'actual_' ~ loop.index,
        }) -%}
    {%- endfor -%}
    select
        '{{ contract.mart }}' as mart,
        record_key,
        sf_id,
        field,
        nullif(expected, '') as expected,
        actual,
        case
            when actual is null then 'missing in the org'
            when expected = '' then 'empty in the mart'
            else 'different'
        end as finding
    from (
        select
            record_key,
            sf_id,
            {{ rows_of(cells) }}
        from (
            select
                *,
                {% for field in fields -%}
                {{ cell_differs(field, 'value_' ~ loop.index, 'actual_' ~ loop.index) }} as differs_{{ loop.index }}{{ ',' if not loop.last }}
                {% endfor %}
            from ({{ expected_and_actual(contract, relation, fields, records, identities) }}) as paired
        ) as compared
        where false {%- for field in fields %} or differs_{{ loop.index }}{% endfor %}
    ) as findings
    where expected is not null
{%- endmacro %}


{# value_1, actual_1, value_2 ...: an Id in the org is turned back into the key or e-mail address that the mart names. #}
{% macro expected_and_actual(contract, relation, fields, records, identities) -%}
    select
        cells.*,
        found.sf_id,
        {% for field in fields -%}
        {%- if field.type == 'Lookup' -%}
        coalesce(parent_{{ loop.index }}.record_key, {{ list_item('found.org_values', loop.index) }})
        {%- else -%}
        {{ list_item('found.org_values', loop.index) }}
        {%- endif %} as actual_{{ loop.index }}{{ ',' if not loop.last }}
        {% endfor %}
    from ({{ mart_cells(relation, fields) }}) as cells
    inner join (
        select
            record_key,
            sf_id,
            {{ json_texts('payload', fields | map(attribute='field') | list) }} as org_values
        from {{ records }}
        where sf_object = '{{ contract.object }}'
    ) as found on cells.record_key = found.record_key
    {% for field in fields if field.type == 'Lookup' -%}
    {%- set place = fields.index(field) + 1 -%}
    left join {{ identities }} as parent_{{ place }}
        on {{ list_item('found.org_values', place) }} = parent_{{ place }}.sf_id
    {% endfor %}
{%- endmacro %}


{% macro cell_differs(field, expected, actual) -%}
    {%- set comparable -%}
        {{ comparable_value(field.type, expected) }} is distinct from {{ comparable_value(field.type, actual) }}
    {%- endset -%}
    {#- Without an owner in the source the org chooses one. -#}
    {%- if field.field == 'OwnerId' -%}
    coalesce({{ expected }}, '') <> '' and {{ comparable }}
    {%- else -%}
    {{ comparable }}
    {%- endif -%}
{%- endmacro %}


{% macro comparable_value(sf_type, text) -%}
    {%- if sf_type in ['Number', 'Currency', 'Percent'] -%}
    coalesce({{ plain_number(text) }}, nullif(trim({{ text }}), ''))
    {%- elif sf_type == 'Checkbox' -%}
    coalesce(lower(nullif({{ text }}, '')), 'false')
    {%- elif sf_type == 'DateTime' -%}
    coalesce({{ iso_timestamp(text) }}, nullif(trim({{ text }}), ''))
    {%- elif sf_type == 'Date' -%}
    coalesce({{ iso_date(text) }}, nullif(trim({{ text }}), ''))
    {%- elif sf_type == 'MultiselectPicklist' -%}
    {{ sorted_options("nullif(" ~ text ~ ", '')") }}
    {%- elif sf_type in ['Email', 'Lookup'] -%}
    nullif(lower(trim({{ text }})), '')
    {%- else -%}
    {%- set lines = regex_replace(text, '\\r\\n?', '\n') -%}
    nullif({{ regex_replace(lines, '^\\s+|\\s+$', '') }}, '')
    {%- endif -%}
{%- endmacro %}


{# What an Id in a lookup stands for: the key of a record that was written, the natural key of one that was only matched. #}
{% macro org_identities(records, ledger) -%}
    select
        sf_id,
        case
            {%- for matched in matched_objects() %}
            when sf_object = '{{ matched.object }}' then lower({{ json_text('payload', matched.natural_key) }})
            {%- endfor %}
            else record_key
        end as record_key
    from {{ records }}

    {%- for sf_object in file_objects() %}

    union all

    select
        {{ json_text('payload', 'ContentDocumentId') }} as sf_id,
        record_key
    from {{ records }}
    where sf_object = '{{ sf_object }}' and record_key is not null
    {%- endfor %}

    union all

    select
        ledger.sf_id,
        min(ledger.record_key) as record_key
    from {{ ledger }} as ledger
    left join {{ records }} as records on ledger.sf_id = records.sf_id
    where records.sf_id is null and ledger.sf_id is not null
    group by 1
{%- endmacro %}


{% macro matched_objects() -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.get('salesforce') -%}
            {%- if node.config.meta.salesforce.get('mode') == 'match' -%}
                {%- do found.append(node.config.meta.salesforce) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found | unique(attribute='object') | list) }}
{%- endmacro %}


{# Objects that hold the versions of files: links name the document, whose Id is another one. #}
{% macro file_objects() -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.get('salesforce') -%}
            {%- if node.config.meta.salesforce.get('mode') == 'file' -%}
                {%- do found.append(node.config.meta.salesforce.object) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found | unique | list) }}
{%- endmacro %}
