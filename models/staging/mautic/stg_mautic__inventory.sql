{%- set selects = [] -%}
{%- for kind in [
    'automations', 'segment_rules', 'forms', 'pages', 'templates', 'scoring_rules', 'popups',
    'reports', 'webhooks',
] -%}
    {%- do selects.append('select * from ' ~ ref('stg_mautic__' ~ kind)) -%}
{%- endfor -%}

with

stg_mautic__inventory as (

    {{ union_by_name(selects) }}

)

select * from stg_mautic__inventory
