{# Every lookup of a custom record names a record that some mart loads: none dangles (MAU-08). #}
{% test custom_lookups_lead_somewhere(model) %}

with

lookups as (

    select
        record_key,
        lookups,
        {{ json_entries('lookups') }}
    from {{ model }}

),

targets as (

    select record_key from {{ ref('sf_leads') }}

    union all

    select record_key from {{ ref('sf_contacts') }}

    union all

    select record_key from {{ ref('sf_accounts') }}

    union all

    select record_key from {{ model }}

),

named as (

    select
        record_key,
        json_key,
        {{ json_text_at('lookups', 'json_key') }} as parent_key
    from lookups

)

select
    named.record_key,
    named.json_key as field,
    named.record_key || ': ' || named.json_key || ' points at ' || named.parent_key
    || ', which no mart loads' as finding
from named
left join targets on named.parent_key = targets.record_key
where targets.record_key is null

{% endtest %}
