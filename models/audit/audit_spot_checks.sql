with

records as (

    select * from {{ ref('stg_salesforce__records') }}

),

marts as (

    {{ audited_rows() }}

),

-- the same seed draws the same records, and each mart gives its share
shuffled as (

    select
        mart,
        sf_object,
        record_key,
        row_number() over (
            partition by mart
            order by md5(record_key || '{{ var("spot_check_seed") }}'), record_key
        ) as place
    from marts

),

ordered as (

    select
        *,
        row_number() over (
            order by place, md5(mart || '{{ var("spot_check_seed") }}'), mart
        ) as turn
    from shuffled
    where place <= {{ var('spot_check_records') }}

),

drawn as (

    select * from ordered
    where turn <= {{ var('spot_check_records') }}

),

mart_rows as (

    {{ audited_documents('drawn') }}

),

source_rows as (

    {{ source_documents('drawn') }}

),

audit_spot_checks as (

    select
        drawn.mart,
        drawn.sf_object,
        drawn.record_key,
        records.sf_id,
        source_rows.source_row,
        mart_rows.mart_row,
        records.payload as org_row
    from drawn
    inner join mart_rows
        on drawn.mart = mart_rows.mart and drawn.record_key = mart_rows.record_key
    left join records
        on drawn.record_key = records.record_key and drawn.sf_object = records.sf_object
    left join source_rows on drawn.record_key = source_rows.record_key

)

select * from audit_spot_checks
