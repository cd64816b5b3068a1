{# The value where the record has any part of an address: its parts survive together, or a street would move to another city. #}
{% macro address_of(value) -%}
    case when coalesce(street, city, state, postal_code, country) is not null then {{ value }} end
{%- endmacro %}
