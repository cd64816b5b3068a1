with

rules as (

    select * from {{ ref('rules') }}

),

audit_ruled_records as (

    select * from {{ ref('audit_ruled_records') }}

),

counted as (

    select
        rule,
        count(*) as records
    from audit_ruled_records
    group by rule

),

-- a rule that is used but not declared shows as well, and fails its test
audit_rule_uses as (

    select
        coalesce(rules.rule, counted.rule) as rule,
        rules.kind,
        rules.entity,
        rules.field,
        rules.requirement,
        rules.what,
        coalesce(counted.records, 0) as records
    from rules
    full join counted on rules.rule = counted.rule

)

select * from audit_rule_uses
