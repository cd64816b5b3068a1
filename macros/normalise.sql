{# Letters and digits in lower case: "MarketingQualifiedLead" and "marketing qualified lead" are one value. #}
{% macro value_key(text) -%}
    coalesce(nullif({{ regex_replace('lower(' ~ text ~ ')', '[^\\p{L}\\p{N}]', '') }}, ''), lower({{ text }}), '')
{%- endmacro %}


{# A blank inside the local part is a plus sign that some client sent without encoding it. #}
{% macro normalise_email(text) -%}
    {{ regex_replace('lower(' ~ text ~ ')', '^([^@ ]+) ([^@ ]+@[^@ ]+)$', '\\1+\\2') }}
{%- endmacro %}


{% macro is_email(text) -%}
    {{ regex_matches(text, "(?i)^[a-z0-9.!#$%&''*+/=?^_`{|}~-]+@([a-z0-9-]+\\.)+[a-z0-9-]{2,}$") }}
{%- endmacro %}


{% macro email_domain(text) -%}
    case when {{ is_email(text) }} then lower(split_part({{ text }}, '@', 2)) end
{%- endmacro %}


{# Case, scheme, user, www., port and path do not count; a bare word or an IP address is no domain. #}
{% macro website_domain(text) -%}
    {%- set host = regex_extract(
        'lower(' ~ text ~ ')', '^(?:[a-z][a-z0-9+.-]*://)?(?:[^/@?#]*@)?(?:www[0-9]?\\.)?([^/:?#\\s@]+)', 1
    ) -%}
    {%- set domain = "rtrim(" ~ host ~ ", '.')" -%}
    case
        when {{ regex_matches(domain, '^([^.]+\\.)+[^.0-9][^.]+$') }} and {{ text }} not like '% %' then {{ domain }}
    end
{%- endmacro %}


{# Digits, one leading plus and the extension stay; whatever is not plainly one number stays as it was written. #}
{% macro normalise_phone(text) -%}
    {%- set number = '(?i)^(\\+?)([0-9][0-9 ()./-]*|\\([0-9][0-9 ()./-]*)(?:(?:ext\\.?|extension|x|#)[ :]*([0-9]{1,8}))?$' -%}
    {%- set digits = regex_replace('coalesce(' ~ regex_extract(text, number, 2) ~ ", '')", '[^0-9]', '') -%}
    case
        when {{ regex_matches(text, number) }}
            and {{ text }} not like '%(0)%'
            and {{ text }} not like '% / %'
            and length({{ digits }}) between 5 and 15
            then
                coalesce({{ regex_extract(text, number, 1) }}, '')
                || {{ digits }}
                || coalesce(' x' || {{ regex_extract(text, number, 3) }}, '')
        else {{ text }}
    end
{%- endmacro %}
