with

ledger_records as (

    select * from {{ source('salesforce', 'ledger_records') }}

),

stg_salesforce__ledger_records as (

    select
        mart,
        record_key,
        sf_id,
        status,
        nullif(error_code, '') as error_code,
        nullif(error_text, '') as error_text,
        run_id,
        job_id,
        updated_at
    from ledger_records

)

select * from stg_salesforce__ledger_records
