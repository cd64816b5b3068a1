with

records as (

    select * from {{ ref('stg_salesforce__records') }}

),

ledger as (

    select * from {{ ref('stg_salesforce__ledger_records') }}

),

marts as (

    {{ audited_rows() }}

),

objects as (

    {{ audited_objects() }}

),

mart_rows as (

    select
        marts.mart,
        count(distinct marts.record_key) as rows_in_mart,
        count(distinct case
            when ledger.sf_id is not null and ledger.error_code is null then marts.record_key
        end) as rows_accepted,
        count(distinct case
            when ledger.error_code is not null then marts.record_key
        end) as rows_rejected,
        count(distinct records.record_key) as rows_in_org
    from marts
    left join ledger on marts.mart = ledger.mart and marts.record_key = ledger.record_key
    left join records
        on marts.sf_object = records.sf_object and marts.record_key = records.record_key
    group by 1

),

-- written once, not wanted any more: a person who became a Contact, a company that was merged
left_over as (

    select
        records.sf_object,
        count(*) as rows_left_over
    from records
    left join marts
        on records.sf_object = marts.sf_object and records.record_key = marts.record_key
    where records.record_key is not null and marts.record_key is null
    group by 1

),

counted as (

    select
        objects.mart,
        objects.sf_object,
        coalesce(mart_rows.rows_in_mart, 0) as rows_in_mart,
        coalesce(mart_rows.rows_accepted, 0) as rows_accepted,
        coalesce(mart_rows.rows_rejected, 0) as rows_rejected,
        coalesce(mart_rows.rows_in_org, 0) as rows_in_org,
        coalesce(left_over.rows_left_over, 0) as rows_left_over
    from objects
    left join mart_rows on objects.mart = mart_rows.mart
    left join left_over on objects.sf_object = left_over.sf_object

),

audit_counts as (

    select
        mart,
        sf_object,
        rows_in_mart,
        rows_accepted,
        rows_rejected,
        rows_in_org,
        rows_left_over,
        case
            when rows_in_mart > 0
                then cast(abs(rows_in_mart - rows_in_org) as double) / rows_in_mart
            else 0
        end as difference,
        abs(rows_in_mart - rows_in_org)
        <= rows_in_mart * {{ var('count_tolerance') }} as within_tolerance
    from counted

)

select * from audit_counts
