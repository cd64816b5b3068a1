with

int_accounts_matched as (

    select * from {{ ref('int_accounts_matched') }}

),

int_custom_fields as (

    select * from {{ ref('int_custom_fields') }}
    where sf_object = 'Account'

),

int_account_sizes as (

    select * from {{ ref('int_account_sizes') }}

),

sf_accounts as (

    select
        int_accounts_matched.record_key,
        int_accounts_matched.owner_email,
        int_accounts_matched.account_name,
        int_accounts_matched.website,
        int_accounts_matched.phone,
        int_accounts_matched.fax,
        int_accounts_matched.street as billing_street,
        int_accounts_matched.city as billing_city,
        int_accounts_matched.state as billing_state,
        int_accounts_matched.postal_code as billing_postal_code,
        int_accounts_matched.country as billing_country,
        int_accounts_matched.industry,
        int_accounts_matched.description,
        coalesce(int_accounts_matched.number_of_employees, int_account_sizes.company_size)
            as number_of_employees,
        int_accounts_matched.annual_revenue,
        int_accounts_matched.created_at as source_created_at,
        int_custom_fields.custom_fields
    from int_accounts_matched
    left join int_account_sizes on int_accounts_matched.record_key = int_account_sizes.account_key
    left join int_custom_fields on int_accounts_matched.record_key = int_custom_fields.record_key

)

select * from sf_accounts
