{# A regular expression over the text decides first: most values are clean, and then they are taken as they are. #}
{% macro clean_text(text, keep_lines=false) -%}
    {%- set chain = namespace(sql=text) -%}
    {#- The ampersand comes last: "&amp;lt;" is decoded once, to "&lt;". -#}
    {%- for entity, character in [
        ('&lt;', '<'), ('&gt;', '>'), ('&quot;', '"'), ('&#34;', '"'), ('&#39;', "''"), ('&#039;', "''"),
        ('&apos;', "''"), ('&nbsp;', ' '), ('&amp;', '&'),
    ] -%}
        {%- set chain.sql = "replace(" ~ chain.sql ~ ", '" ~ entity ~ "', '" ~ character ~ "')" -%}
    {%- endfor -%}
    {%- set chain.sql = "case when " ~ text ~ " like '%&%' then " ~ chain.sql ~ " else " ~ text ~ " end" -%}
    {%- if keep_lines -%}
        {%- set lines = regex_replace(chain.sql, '\\r\\n?', '\n') -%}
        {%- set printable = regex_replace(lines, '[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F]', '') -%}
    {%- else -%}
        {%- set lines = regex_replace(chain.sql, '[\\t\\r\\n]+', ' ') -%}
        {%- set printable = regex_replace(lines, '[\\x00-\\x1F\\x7F]', '') -%}
    {%- endif -%}
    {%- set blank = '[\\s\\x{A0}\\x{200B}\\x{FEFF}]' -%}
    {%- set trimmed = regex_replace(printable, '^' ~ blank ~ '+|' ~ blank ~ '+$', '') -%}
    case
        when {{ regex_matches(text, '[&\\x00-\\x1F\\x7F]|^' ~ blank ~ '|' ~ blank ~ '$') }}
            then nullif({{ trimmed }}, '')
        else nullif({{ text }}, '')
    end
{%- endmacro %}


{% macro join_lines(first, second) -%}
    coalesce({{ first }} || '{{ '\n' }}' || {{ second }}, {{ first }}, {{ second }})
{%- endmacro %}
