{# Text of a note without tags: paragraphs and line breaks become line ends, and entities are decoded once. #}
{% macro html_to_text(html) -%}
    {%- set lines = regex_replace(html, '(?i)<br[^>]*>|</(p|div|li|h[1-6]|tr)>', '\n') -%}
    {%- set bare = regex_replace(lines, '<[A-Za-z/!][^>]*>', '') -%}
    {%- set tidy = regex_replace(bare, '[ \\t]*\\n\\s*', '\n') -%}
    {{ clean_text('(' ~ tidy ~ ')', keep_lines=true) }}
{%- endmacro %}
