with

contacts as (

    {{ landed('actimo', 'contacts') }}

),

-- two files of one delivery may hold the same contact; the one edited last is right
ranked as (

    select
        *,
        workspace || '-' || contact_id as source_id,
        {{ clean_text('company') }} as company_name,
        row_number() over (
            partition by workspace, contact_id
            order by updated_at desc nulls last, source_file asc, source_row desc
        ) as place
    from contacts
    where contact_id is not null

),

base_actimo__contacts as (

    select
        *,
        -- the company is a text: one spelling in one workspace is one company
        case
            when company_name is not null
                then workspace || '-' || md5({{ value_key('company_name') }})
        end as company_id
    from ranked
    where place = 1

)

select * from base_actimo__contacts
