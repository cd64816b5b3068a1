with

records as (

    select * from {{ source('salesforce', 'records') }}

),

stg_salesforce__records as (

    select
        object as sf_object,
        sf_id,
        record_key,
        payload,
        read_at
    from records
    where not coalesce(is_deleted, false)

)

select * from stg_salesforce__records
