with

audit_counts as (

    select * from {{ ref('audit_counts') }}

),

audit_field_diffs as (

    select * from {{ ref('audit_field_diffs') }}

),

audit_ruled_records as (

    select * from {{ ref('audit_ruled_records') }}

),

rules as (

    select * from {{ ref('rules') }}

),

records as (

    select * from {{ ref('stg_salesforce__records') }}

),

fields as (

    {{ audited_field_names() }}

),

-- every cell of every record that is in the mart and in the org
compared as (

    select
        fields.mart,
        fields.sf_object,
        fields.field,
        audit_counts.rows_in_org as cells
    from fields
    inner join audit_counts on fields.mart = audit_counts.mart

),

differing as (

    select
        mart,
        field,
        case when finding = 'missing in the org' then 'missing' else 'unexplained' end as reason,
        count(*) as cells
    from audit_field_diffs
    group by 1, 2, 3

),

-- a cell that several rules decided counts once, by the first of them
ruled_cells as (

    select
        fields.mart,
        fields.field,
        records.record_key,
        min(rules.kind || ':' || rules.rule) as reason
    from audit_ruled_records
    inner join rules on audit_ruled_records.rule = rules.rule
    inner join fields
        on
            ' ' || rules.field || ' ' like '% ' || fields.field || ' %'
            and ' ' || replace(rules.entity, ' and ', ' ') || ' '
            like '% ' || fields.sf_object || ' %'
    inner join records
        on
            audit_ruled_records.record_key = records.record_key
            and fields.sf_object = records.sf_object
    group by 1, 2, 3

),

ruled as (

    select
        ruled_cells.mart,
        ruled_cells.field,
        ruled_cells.reason,
        count(*) as cells
    from ruled_cells
    left join audit_field_diffs
        on
            ruled_cells.mart = audit_field_diffs.mart
            and ruled_cells.field = audit_field_diffs.field
            and ruled_cells.record_key = audit_field_diffs.record_key
    where audit_field_diffs.record_key is null
    group by 1, 2, 3

),

decided as (

    select
        mart,
        field,
        reason,
        cells
    from differing

    union all

    select
        mart,
        field,
        reason,
        cells
    from ruled

),

decided_cells as (

    select
        mart,
        field,
        sum(cells) as cells
    from decided
    group by 1, 2

),

reasons as (

    select
        compared.mart,
        compared.sf_object,
        compared.field,
        'exact' as reason,
        compared.cells - coalesce(decided_cells.cells, 0) as cells
    from compared
    left join decided_cells
        on compared.mart = decided_cells.mart and compared.field = decided_cells.field

    union all

    select
        compared.mart,
        compared.sf_object,
        compared.field,
        decided.reason,
        decided.cells
    from compared
    inner join decided
        on compared.mart = decided.mart and compared.field = decided.field

),

audit_cell_reasons as (

    select
        mart,
        sf_object,
        field,
        reason,
        cast(cells as bigint) as cells
    from reasons
    where cells <> 0

)

select * from audit_cell_reasons
