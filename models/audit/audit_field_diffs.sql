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
    {% set last_mart = loop.last %}
    {% for one in contracts_with_rows(mart, ref(mart)) %}
    {{ differing_cells(one.contract, one.rows, 'records', 'identities') }}
    {% if not (loop.last and last_mart) %}union all{% endif %}
    {% endfor %}
    {% endfor %}

),

audit_field_diffs as (

    select * from gone

    union all

    select * from differing

)

select * from audit_field_diffs
