with

unioned as (

    {{ union_feeds('stg_{}__inventory', var('feeds')['inventory']) }}

),

recommendations as (

    select * from {{ ref('inventory_recommendations') }}

),

inv_all as (

    select
        unioned.record_key,
        unioned.source_system,
        unioned.source_id,
        unioned.kind,
        unioned.name,
        coalesce(unioned.is_active, false) as is_active,
        coalesce(unioned.trigger_text, 'Not known.') as trigger_text,
        unioned.steps,
        unioned.waits,
        unioned.audience,
        coalesce(unioned.readable, 'Nothing more is known.') as readable,
        recommendations.salesforce_equivalent,
        recommendations.recommendation,
        unioned.definition,
        unioned.created_at,
        unioned.modified_at
    from unioned
    left join recommendations
        on
            unioned.source_system = recommendations.source_system
            and unioned.kind = recommendations.kind

)

select * from inv_all
