with

accounts as (

    select * from {{ ref('int_accounts_clustered') }}

),

visitors as (

    select * from {{ ref('int_people_unioned') }}
    where is_anonymous

),

people as (

    select * from {{ ref('int_people_clustered') }}

),

int_people_split as (

    select * from {{ ref('int_people_split') }}

),

children as (

    select * from {{ ref('int_child_fates') }}

),

ledger as (

    select * from {{ ref('stg_salesforce__ledger_records') }}

),

marts as (

    {{ audited_rows() }}

),

-- what the load knows of each row that is meant for Salesforce
sent as (

    select
        marts.record_key,
        marts.mart,
        marts.sf_object,
        ledger.sf_id,
        case
            when ledger.error_code is not null then 'rejected: ' || ledger.error_code
            when ledger.sf_id is not null then 'loaded as ' || marts.sf_object
            else 'awaiting load as ' || marts.sf_object
        end as fate
    from marts
    left join ledger on marts.mart = ledger.mart and marts.record_key = ledger.record_key
    -- rows that only accompany another one, such as the content of an e-mail beside its Task
    where marts.mart not in ({{ companion_marts() }})

),

-- one branch a fate, no branch for the rest: what is forgotten here fails the conservation test
fates as (

    select
        visitors.source_system,
        'contact' as source_entity,
        visitors.record_key,
        'excluded: anonymous visitor' as fate,
        'never identified, and no e-mail address, first or last name' as because
    from visitors

    union all

    select
        people.source_system,
        'contact' as source_entity,
        people.record_key,
        'merged into ' || people.person_key as fate,
        'same e-mail address' as because
    from people
    where people.cluster_rank > 1

    union all

    select
        accounts.source_system,
        'company' as source_entity,
        accounts.record_key,
        'merged into ' || accounts.account_key as fate,
        'same domain' as because
    from accounts
    where accounts.cluster_rank > 1

    union all

    select
        int_people_split.source_system,
        'contact' as source_entity,
        int_people_split.record_key,
        'excluded: lifecycle stage' as fate,
        int_people_split.because
    from int_people_split
    where int_people_split.becomes = 'not migrated'

    union all

    select
        people.source_system,
        'contact' as source_entity,
        people.record_key,
        sent.fate,
        int_people_split.because
    from people
    inner join sent on people.record_key = sent.record_key
    inner join int_people_split on people.record_key = int_people_split.record_key
    where people.cluster_rank = 1

    union all

    select
        accounts.source_system,
        'company' as source_entity,
        accounts.record_key,
        sent.fate,
        'every company is an Account' as because
    from accounts
    inner join sent on accounts.record_key = sent.record_key
    where accounts.cluster_rank = 1

    union all

    select
        source_system,
        source_entity,
        record_key,
        fate,
        because
    from children
    where fate is not null

    union all

    select
        children.source_system,
        children.source_entity,
        children.record_key,
        sent.fate,
        children.because
    from children
    inner join sent on children.record_key = sent.record_key and children.mart = sent.mart
    where children.fate is null

),

audit_record_fate as (

    select
        source_system,
        source_entity,
        record_key,
        fate,
        because
    from fates

)

select * from audit_record_fate
