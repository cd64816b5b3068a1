with

users as (

    {{ landed('mautic', 'users') }}

),

roles as (

    {{ landed('mautic', 'roles') }}

),

stg_mautic__users as (

    select
        {{ record_key('mautic', 'user', 'users.id') }} as record_key,
        cast(users.id as varchar) as source_id,
        {{ normalise_email(clean_text('users.email')) }} as user_email,
        concat_ws(
            ' ', {{ clean_text('users.first_name') }}, {{ clean_text('users.last_name') }}
        ) as user_name,
        {{ clean_text('roles.name') }} as role_name,
        coalesce(users.is_published = 1, false) as is_active
    from users
    left join roles on users.role_id = roles.id

)

select * from stg_mautic__users
