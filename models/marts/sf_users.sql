with

int_owners as (

    select * from {{ ref('int_owners') }}

),

-- several source users can be given to one user of the org
ranked as (

    select
        *,
        row_number() over (
            partition by owner_email
            order by
                case when source_email = owner_email then 0 else 1 end,
                source_system,
                {{ id_order('source_id') }}
        ) as user_rank
    from int_owners
    where owner_email is not null

),

sf_users as (

    select
        record_key,
        owner_email as user_email,
        user_name,
        role_name,
        is_active
    from ranked
    where user_rank = 1

)

select * from sf_users
