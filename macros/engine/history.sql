{# Each name of a JSON object of texts, replaced by its value wherever the text has it. #}
{% macro replace_tokens(text, document) -%}
    {{ return(adapter.dispatch('replace_tokens', 'sf_migration')(text, document)) }}
{%- endmacro %}

{% macro duckdb__replace_tokens(text, document) -%}
    case
        when {{ text }} like '%{_%}%' and json_valid({{ document }}) and json_type({{ document }}) = 'OBJECT'
            then list_reduce(
                json_keys({{ document }}),
                (replaced, token) -> replace(
                    replaced, token, coalesce(json_extract_string({{ document }}, '$."' || token || '"'), '')
                ),
                {{ text }}
            )
        else {{ text }}
    end
{%- endmacro %}


{# Path in dots, such as ct.stat or bounces[0].reason. #}
{% macro json_at(document, path) -%}
    {{ return(adapter.dispatch('json_at', 'sf_migration')(document, path)) }}
{%- endmacro %}

{% macro duckdb__json_at(document, path) -%}
    case when json_valid({{ document }}) then json_extract_string({{ document }}, '$.{{ path }}') end
{%- endmacro %}


{% macro json_count_at(document, path) -%}
    {{ return(adapter.dispatch('json_count_at', 'sf_migration')(document, path)) }}
{%- endmacro %}

{% macro duckdb__json_count_at(document, path) -%}
    coalesce(case when json_valid({{ document }}) then json_array_length({{ document }}, '$.{{ path }}') end, 0)
{%- endmacro %}


{% macro sha256_of(text) -%}
    {{ return(adapter.dispatch('sha256_of', 'sf_migration')(text)) }}
{%- endmacro %}

{% macro duckdb__sha256_of(text) -%}
    sha256({{ text }})
{%- endmacro %}


{% macro byte_length(text) -%}
    {{ return(adapter.dispatch('byte_length', 'sf_migration')(text)) }}
{%- endmacro %}

{% macro duckdb__byte_length(text) -%}
    octet_length(encode({{ text }}))
{%- endmacro %}


{# The present in UTC, or the moment of var as_of: a build of yesterday can then be repeated. #}
{% macro present_moment() -%}
    {%- if var('as_of') -%}
    cast('{{ var("as_of") }}' as timestamp)
    {%- else -%}
    {{ return(adapter.dispatch('present_moment', 'sf_migration')()) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__present_moment() -%}
    cast(now() at time zone 'UTC' as timestamp)
{%- endmacro %}


{# Writes one column of a relation to files below data/files, one file a row: what is made here and uploaded later. #}
{% macro write_texts(relation, path_column, text_column) -%}
    {%- if execute and not flags.EMPTY -%}
        {{ return(adapter.dispatch('write_texts', 'sf_migration')(relation, path_column, text_column)) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__write_texts(relation, path_column, text_column) -%}
    {%- set folder = env_var('SFM_DATA_DIR', 'data') ~ '/files' -%}
    {%- for row in run_query('select distinct ' ~ path_column ~ ' from ' ~ relation ~ ' order by 1') -%}
        {%- if loop.first -%}
            {#- Only a partitioned COPY creates the folder; its partition holds the list of what is written. -#}
            {%- do run_query(
                'copy (select ' ~ path_column ~ ", '" ~ relation.identifier ~ "' as written_by from " ~ relation ~ ") to '"
                ~ folder ~ "' (format csv, header, partition_by (written_by), overwrite_or_ignore)"
            ) -%}
        {%- endif -%}
        {%- do run_query(
            'copy (select encode(any_value(' ~ text_column ~ ')) from ' ~ relation ~ ' where ' ~ path_column
            ~ " = '" ~ row[0] ~ "') to '" ~ folder ~ '/' ~ row[0] ~ "' (format blob)"
        ) -%}
    {%- endfor -%}
{%- endmacro %}


{# One row per text of a JSON list, or one row for a single value. #}
{% macro json_texts_of(document) -%}
    {{ return(adapter.dispatch('json_texts_of', 'sf_migration')(document)) }}
{%- endmacro %}

{% macro duckdb__json_texts_of(document) -%}
    unnest(case
        when not coalesce(json_valid({{ document }}), false) then [{{ document }}]
        when json_type({{ document }}) = 'ARRAY' then json_extract_string({{ document }}, '$[*]')
        when json_type({{ document }}) = 'OBJECT' then json_extract_string({{ document }}, '$.*')
        else [{{ document }}]
    end)
{%- endmacro %}


{# A JSON object with one more name; unchanged if the value, JSON text itself, is null. #}
{% macro json_with(document, name, value) -%}
    {{ return(adapter.dispatch('json_with', 'sf_migration')(document, name, value)) }}
{%- endmacro %}

{% macro duckdb__json_with(document, name, value) -%}
    case
        when {{ value }} is null then {{ document }}
        else cast(json_merge_patch({{ document }}, '{"{{ name }}":' || {{ value }} || '}') as varchar)
    end
{%- endmacro %}
