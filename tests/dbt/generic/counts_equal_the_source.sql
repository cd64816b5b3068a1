{# Every definition that landed is in the inventory, once: `inventory` in the meta of a source table names the kind (C13). #}
{% test counts_equal_the_source(model) %}

with

in_source as (

    select '' as source_system, '' as kind, 0 as definitions where false
    {%- if execute %}
    {%- for node in graph.get('sources', {}).values() if node.config.meta.get('inventory') %}
    union all
    select '{{ node.source_name }}', '{{ node.config.meta.inventory }}', count(*)
    from {{ api.Relation.create(node.database, node.schema, node.identifier) }}
    {%- endfor %}
    {%- endif %}

),

in_inventory as (

    select
        source_system,
        kind,
        count(*) as definitions
    from {{ model }}
    group by source_system, kind

)

select
    coalesce(in_source.source_system, in_inventory.source_system) as source_system,
    coalesce(in_source.kind, in_inventory.kind) as kind,
    in_source.definitions as in_source,
    in_inventory.definitions as in_inventory
from in_source
full join in_inventory
    on in_source.source_system = in_inventory.source_system and in_source.kind = in_inventory.kind
where coalesce(in_source.definitions, 0) <> coalesce(in_inventory.definitions, 0)

{% endtest %}
