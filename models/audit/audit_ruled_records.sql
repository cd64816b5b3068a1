with

int_accounts_matched as (

    select * from {{ ref('int_accounts_matched') }}

),

int_people_split as (

    select * from {{ ref('int_people_split') }}

),

int_campaigns_shaped as (

    select * from {{ ref('int_campaigns_shaped') }}
    where is_migrated

),

int_campaign_members_matched as (

    select * from {{ ref('int_campaign_members_matched') }}

),

int_tags as (

    select * from {{ ref('int_tags') }}

),

sf_tasks as (

    select * from {{ ref('sf_tasks') }}

),

sf_email_messages as (

    select * from {{ ref('sf_email_messages') }}

),

int_account_links_placed as (

    select * from {{ ref('int_account_links_placed') }}

),

int_account_sizes as (

    select * from {{ ref('int_account_sizes') }}

),

int_custom_record_links_unioned as (

    select * from {{ ref('int_custom_record_links_unioned') }}

),

int_person_keys as (

    select * from {{ ref('int_person_keys') }}

),

countries as (

    select * from {{ ref('countries') }}

),

-- a link of a custom object whose person is a visitor, or gone
loose_links as (

    select int_custom_record_links_unioned.record_key
    from int_custom_record_links_unioned
    left join int_person_keys
        on int_custom_record_links_unioned.other_record_key = int_person_keys.record_key
    where
        int_custom_record_links_unioned.other_entity = 'contact'
        and int_person_keys.sf_object is null

),

uses as (

    select
        record_key,
        account_name_rule as rule
    from int_accounts_matched

    union all

    select
        record_key,
        website_rule as rule
    from int_accounts_matched

    union all

    select
        record_key,
        last_name_rule as rule
    from int_people_split

    union all

    select
        record_key,
        company_rule as rule
    from int_people_split
    where becomes = 'Lead'

    union all

    select
        record_key,
        primary_rule as rule
    from int_people_split

    union all

    select
        record_key,
        stage_rule as rule
    from int_people_split

    union all

    select
        record_key,
        title_rule as rule
    from int_people_split

    union all

    select
        record_key,
        hint_rule as rule
    from int_people_split

    union all

    select
        record_key,
        address_rule as rule
    from int_people_split

    union all

    select
        record_key,
        'country_as_it_is' as rule
    from int_people_split
    where country not in (select countries.country from countries)

    union all

    select
        record_key,
        'country_as_it_is' as rule
    from int_accounts_matched
    where country not in (select countries.country from countries)

    union all

    select
        int_accounts_matched.record_key,
        'employees_from_person' as rule
    from int_accounts_matched
    inner join int_account_sizes on int_accounts_matched.record_key = int_account_sizes.account_key
    where int_accounts_matched.number_of_employees is null

    union all

    select
        record_key,
        name_rule as rule
    from int_campaigns_shaped

    union all

    select
        record_key,
        definition_rule as rule
    from int_campaigns_shaped

    union all

    select
        record_key,
        'member_for_email' as rule
    from int_campaign_members_matched
    where source_status = 'received an e-mail'

    union all

    select
        record_key,
        'tag_spelling' as rule
    from int_tags
    where spellings > 1

    union all

    select
        record_key,
        'tags_as_text' as rule
    from int_tags
    where tag_policy = 'text'

    union all

    select
        record_key,
        'task_subject_default' as rule
    from sf_tasks
    where subject = '{{ var("task_subject_default") }}'

    union all

    select
        record_key,
        'email_without_content' as rule
    from sf_email_messages
    where coalesce(html_body, text_body) is null

    union all

    select
        record_key,
        'further_company_of_a_lead' as rule
    from int_account_links_placed
    where fate = 'excluded: a Lead has no Account'

    union all

    select
        record_key,
        'custom_link_without_end' as rule
    from loose_links

),

audit_ruled_records as (

    select
        record_key,
        rule
    from uses
    where rule is not null

)

select * from audit_ruled_records
