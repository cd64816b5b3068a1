with

records as (

    select * from {{ ref('stg_salesforce__records') }}

),

ledger_records as (

    select * from {{ ref('stg_salesforce__ledger_records') }}

),

identities as (

    {{ org_identities('records', 'ledger_records') }}

),

gone as (

    select
        ledger_records.mart,
        ledger_records.record_key,
        ledger_records.sf_id,
        'Id' as field,
        ledger_records.sf_id as expected,
        cast(null as varchar) as actual,
        'accepted, but not in the org' as finding
    from ledger_records
    left join records on ledger_records.sf_id = records.sf_id
    where ledger_records.sf_id is not null and records.sf_id is null

),

differing as (

    {% for mart in audited_marts() %}
    {{ differing_cells(mart_contract(mart), ref(mart), 'records', 'identities') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

audit_field_diffs as (

    select * from gone

    union all

    select * from differing

)

select * from audit_field_diffs
