with

rules as (

    select * from {{ ref('rules') }}

),

int_accounts_matched as (

    select * from {{ ref('int_accounts_matched') }}

),

int_people_split as (

    select * from {{ ref('int_people_split') }}

),

uses as (

    select account_name_rule as rule from int_accounts_matched

    union all

    select website_rule as rule from int_accounts_matched

    union all

    select last_name_rule as rule from int_people_split

    union all

    select company_rule as rule from int_people_split
    where becomes = 'Lead'

    union all

    select primary_rule as rule from int_people_split

    union all

    select stage_rule as rule from int_people_split

    union all

    select title_rule as rule from int_people_split

),

counted as (

    select
        rule,
        count(*) as records
    from uses
    where rule is not null
    group by 1

),

-- a rule that is used but not declared shows as well, and fails its test
audit_rule_uses as (

    select
        coalesce(rules.rule, counted.rule) as rule,
        rules.entity,
        rules.field,
        rules.requirement,
        rules.what,
        coalesce(counted.records, 0) as records
    from rules
    full join counted on rules.rule = counted.rule

)

select * from audit_rule_uses
