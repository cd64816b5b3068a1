-- What each record points at: one row a lookup, of items and of the junction records between them.
with

int_custom_record_ends as (

    select * from {{ ref('int_custom_record_ends') }}

),

int_custom_link_kinds as (

    select * from {{ ref('int_custom_link_kinds') }}

),

int_custom_records_placed as (

    select * from {{ ref('int_custom_records_placed') }}

),

ends as (

    select
        int_custom_record_ends.*,
        int_custom_link_kinds.link_kind,
        int_custom_link_kinds.link_object,
        int_custom_record_ends.source_system || ':custom_link:'
        || split_part(int_custom_record_ends.record_key, ':', 3) || '-'
        || split_part(int_custom_record_ends.other_key, ':', 2) || '-'
        || split_part(int_custom_record_ends.other_key, ':', 3) as link_key
    from int_custom_record_ends
    inner join int_custom_link_kinds
        on
            int_custom_record_ends.source_system = int_custom_link_kinds.source_system
            and int_custom_record_ends.source_object = int_custom_link_kinds.source_object
            and int_custom_record_ends.other_object = int_custom_link_kinds.other_object

),

holders as (

    select
        source_system,
        source_object as holder_object,
        record_key as holder_key,
        other_object as parent_object,
        other_key as parent_key,
        other_sf_object as parent_sf_object,
        false as is_junction,
        linked_at
    from ends
    where link_kind = 'lookup'

    union all

    select
        ends.source_system,
        ends.other_object as holder_object,
        ends.other_key as holder_key,
        ends.source_object as parent_object,
        ends.record_key as parent_key,
        int_custom_records_placed.sf_object as parent_sf_object,
        false as is_junction,
        ends.linked_at
    from ends
    inner join int_custom_records_placed on ends.record_key = int_custom_records_placed.record_key
    where ends.link_kind = 'lookup on the other'

    union all

    select
        source_system,
        link_object as holder_object,
        link_key as holder_key,
        other_object as parent_object,
        other_key as parent_key,
        other_sf_object as parent_sf_object,
        true as is_junction,
        linked_at
    from ends
    where link_kind = 'junction'

    union all

    select
        ends.source_system,
        ends.link_object as holder_object,
        ends.link_key as holder_key,
        ends.source_object as parent_object,
        ends.record_key as parent_key,
        int_custom_records_placed.sf_object as parent_sf_object,
        true as is_junction,
        ends.linked_at
    from ends
    inner join int_custom_records_placed on ends.record_key = int_custom_records_placed.record_key
    where ends.link_kind = 'junction'

),

int_field_map as (

    select * from {{ ref('int_field_map') }}
    where status = 'confirmed' and sf_type like 'Lookup(%'

),

int_custom_record_lookups as (

    select
        holders.*,
        int_field_map.sf_object as holder_sf_object,
        int_field_map.sf_field
    from holders
    left join int_field_map
        on
            holders.source_system = int_field_map.source_system
            and holders.holder_object = int_field_map.source_entity
            and holders.parent_object = int_field_map.source_field
            and int_field_map.sf_type = 'Lookup(' || holders.parent_sf_object || ')'

)

select * from int_custom_record_lookups
