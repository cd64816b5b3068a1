with

int_file_links_unioned as (

    select * from {{ ref('int_file_links_unioned') }}

),

int_campaign_definitions as (

    select * from {{ ref('int_campaign_definitions') }}

),

sf_files as (

    select * from {{ ref('sf_files') }}

),

sf_campaigns as (

    select * from {{ ref('sf_campaigns') }}

),

links as (

    select
        file_record_key as file_key,
        parent_record_key as linked_key
    from int_file_links_unioned

    union all

    select
        record_key as file_key,
        campaign_key as linked_key
    from int_campaign_definitions

),

sf_file_links as (

    select
        links.file_key || '>' || links.linked_key as record_key,
        links.file_key,
        links.linked_key,
        'I' as share_type,
        'AllUsers' as visibility
    from links
    inner join sf_files on links.file_key = sf_files.record_key
    inner join sf_campaigns on links.linked_key = sf_campaigns.record_key

)

select * from sf_file_links
