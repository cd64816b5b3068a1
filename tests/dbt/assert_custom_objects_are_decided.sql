-- Every object of a customer and every link between records has a line that says what it becomes.
with

int_custom_records_placed as (

    select * from {{ ref('int_custom_records_placed') }}

),

int_custom_record_lookups as (

    select * from {{ ref('int_custom_record_lookups') }}

),

int_custom_link_kinds as (

    select * from {{ ref('int_custom_link_kinds') }}

),

custom_objects as (

    select * from {{ ref('custom_objects') }}

),

undecided_objects as (

    select distinct
        source_object as subject,
        source_object || ': add a line to seeds/salesforce/custom_objects.csv' as finding
    from int_custom_records_placed
    where exclusion = 'custom object is not decided'

),

undecided_junctions as (

    select
        int_custom_link_kinds.link_object as subject,
        int_custom_link_kinds.link_object || ': one of the first has up to '
        || int_custom_link_kinds.most_others || ' of the second, a lookup holds one; add a line for'
        || ' a junction object to seeds/salesforce/custom_objects.csv' as finding
    from int_custom_link_kinds
    left join custom_objects
        on
            int_custom_link_kinds.link_object = custom_objects.source_object
            and custom_objects.status in ('confirmed', 'ignored')
    where int_custom_link_kinds.link_kind = 'junction' and custom_objects.source_object is null

),

undecided_lookups as (

    select distinct
        int_custom_record_lookups.holder_object as subject,
        int_custom_record_lookups.holder_object
        || ' field ' || int_custom_record_lookups.parent_object
        || ': add a line with sf_type Lookup(' || int_custom_record_lookups.parent_sf_object
        || ') to seeds/maps/' || int_custom_record_lookups.source_system || '_fields.csv' as finding
    from int_custom_record_lookups
    left join custom_objects
        on int_custom_record_lookups.holder_object = custom_objects.source_object
    where
        int_custom_record_lookups.sf_field is null
        and coalesce(custom_objects.status, '') <> 'ignored'

)

select * from undecided_objects

union all

select * from undecided_junctions

union all

select * from undecided_lookups
