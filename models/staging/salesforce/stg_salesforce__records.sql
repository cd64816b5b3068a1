with

records as (

    select * from {{ source('salesforce', 'records') }}

),

ledger_records as (

    select * from {{ source('salesforce', 'ledger_records') }}

),

-- links, topics and their like have no field for the key: the ledger knows what they are
keys as (

    select
        sf_id,
        min(record_key) as record_key
    from ledger_records
    where sf_id is not null
    group by 1

),

stg_salesforce__records as (

    select
        records.object as sf_object,
        records.sf_id,
        coalesce(records.record_key, keys.record_key) as record_key,
        records.payload,
        records.read_at
    from records
    left join keys on records.sf_id = keys.sf_id
    where not coalesce(records.is_deleted, false)

)

select * from stg_salesforce__records
