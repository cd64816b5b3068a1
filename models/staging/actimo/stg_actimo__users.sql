with

admins as (

    {{ landed('actimo', 'admins') }}

),

ranked as (

    select
        *,
        workspace || '-' || coalesce(admin_id, lower(email)) as source_id,
        row_number() over (
            partition by workspace, coalesce(admin_id, lower(email))
            order by last_login_at desc nulls last, source_file asc, source_row desc
        ) as place
    from admins
    where coalesce(admin_id, email) is not null

),

stg_actimo__users as (

    select
        {{ record_key('actimo', 'user', 'source_id') }} as record_key,
        source_id,
        {{ normalise_email(clean_text('email')) }} as user_email,
        {{ clean_text('name') }} as user_name,
        {{ clean_text('role') }} as role_name,
        -- an export without the column lists those who can log in
        coalesce(lower(status), 'active') in ('active', 'aktiv') as is_active
    from ranked
    where place = 1

)

select * from stg_actimo__users
