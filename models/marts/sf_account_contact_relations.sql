with

int_account_people as (

    select * from {{ ref('int_account_people') }}
    where not is_primary

),

int_people_split as (

    select * from {{ ref('int_people_split') }}
    where becomes = 'Contact'

),

-- Salesforce makes the relation to the Account of the Contact itself
sf_account_contact_relations as (

    select
        int_account_people.link_key as record_key,
        int_account_people.account_key,
        int_account_people.person_key as contact_key,
        cast(int_account_people.linked_at as date) as start_date
    from int_account_people
    inner join int_people_split on int_account_people.person_key = int_people_split.record_key

)

select * from sf_account_contact_relations
