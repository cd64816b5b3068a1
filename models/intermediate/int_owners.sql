with

users as (

    {{ union_feeds('stg_{}__users', var('feeds')['users']) }}

),

owner_decisions as (

    select * from {{ ref('owner_decisions') }}

),

int_owners as (

    select
        users.source_system,
        users.record_key,
        users.source_id,
        users.user_email as source_email,
        coalesce(owner_decisions.decision, 'match') as decision,
        case
            when coalesce(owner_decisions.decision, 'match') != 'contact_only'
                then lower(trim(coalesce(owner_decisions.owner_email, users.user_email)))
        end as owner_email,
        users.user_name,
        users.role_name,
        users.is_active
    from users
    left join owner_decisions on users.user_email = lower(trim(owner_decisions.source_email))

)

select * from int_owners
