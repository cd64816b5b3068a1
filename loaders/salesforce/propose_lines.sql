-- The lines for the field map, each with a confidence and the reason in words. No value of a record is named.
create or replace temp macro share_of(part, whole) as case
    when whole = 0 then 'no value has landed'
    else floor(100.0 * part / whole)::int || ' % of ' || format('{:,}', whole) || if(whole = 1, ' value fits', ' values fit')
end;

create or replace temp table proposed_fields as
select
    wanted_fields.source_system,
    wanted_fields.source_entity,
    wanted_fields.source_field,
    if(wanted_fields.status = 'ignored', null, wanted_fields.sf_object) as sf_object,
    coalesce(chosen_fields.sf_field, new_names.sf_field) as sf_field,
    case
        when wanted_fields.status = 'ignored' then null
        else coalesce(chosen_fields.sf_type, wanted_fields.sf_type)
    end as sf_type,
    case
        when wanted_fields.status = 'ignored' then null
        when chosen_fields.sf_field is not null then chosen_fields.length
        else wanted_fields.length
    end as length,
    case
        when wanted_fields.status = 'ignored' then null
        when chosen_fields.sf_field is not null then chosen_fields.precision
        else wanted_fields.precision
    end as precision,
    case
        when wanted_fields.status = 'ignored' then null
        when chosen_fields.sf_field is not null then chosen_fields.scale
        else wanted_fields.scale
    end as scale,
    if(wanted_fields.status = 'ignored', null, left(coalesce(chosen_fields.label, wanted_fields.label), 40)) as label,
    wanted_fields.status,
    case
        when wanted_fields.status = 'ignored' then 1.0
        when chosen_fields.sf_field is null and wanted_fields.records = 0 then 0.5 * wanted_fields.certainty
        when chosen_fields.sf_field is null and (wanted_fields.is_refuted or wanted_fields.fits = 'text')
            then wanted_fields.certainty
        when chosen_fields.sf_field is null
            then wanted_fields.certainty * wanted_fields.fitting / wanted_fields.records
        when wanted_fields.records = 0 then 0.7 * chosen_fields.alike
        else chosen_fields.alike * chosen_fields.fitting / wanted_fields.records
    end as confidence,
    case
        when wanted_fields.status = 'ignored' then 'its object is ignored in custom_objects.csv'
        when chosen_fields.sf_field is not null then
            case
                when chosen_fields.by_label = 1 then 'label equals '
                when chosen_fields.by_name = 1 then 'name equals '
                when chosen_fields.by_label >= chosen_fields.by_name then 'label is like '
                else 'name is like '
            end
            || wanted_fields.sf_object || '.' || chosen_fields.sf_field
            || coalesce(' of ' || chosen_fields.owner, '')
            || '; ' || share_of(chosen_fields.fitting, wanted_fields.records)
        else
            'new field, ' || wanted_fields.because
            || '; ' || share_of(if(wanted_fields.is_refuted, wanted_fields.records, wanted_fields.fitting), wanted_fields.records)
            || case when wanted_fields.sf_type = 'Picklist' then ', ' || wanted_fields.distinct_values || ' different' else '' end
            || case
                when wanted_fields.sf_type = 'Number' and wanted_fields.decimals > wanted_fields.scale
                    then '; rounded to ' || wanted_fields.scale || ' decimals'
                else ''
            end
            || if(wanted_fields.column_type is null and wanted_fields.records = 0
                and not starts_with(wanted_fields.source_entity, 'custom_'), '; its column is not there', '')
            || if(not wanted_fields.is_registered and wanted_fields.source_system in (select source_system from registry), '; missing in the registry', '')
    end as reason
from wanted_fields
left join chosen_fields using (source_system, source_entity, source_field, sf_object)
left join new_names using (source_system, source_entity, source_field, sf_object);
