-- How a text of an export becomes a moment, a number or a flag. Each macro gives null for a text that it cannot
-- read; the caller reports those. Local times are in the workspace's zone; what lands is UTC without a zone.

-- a text without the blanks around it, null if nothing is left
create or replace temp macro bare(t) as nullif(trim(t, e' \t\r\n' || chr(160) || chr(8203) || chr(65279)), '');

-- zero dates are the API's way to say unknown
create or replace temp macro is_zero_date(t) as regexp_full_match(t, '0000-00-00([T ][0:]+)?');

create or replace temp macro iso_zoned(t) as case
    when regexp_full_match(t, '\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)? ?(Z|[+-]\d{2}(:?\d{2})?)')
        then timezone('UTC', try_cast(
            regexp_replace(replace(t, ',', '.'), ' ?([+-]\d{2})(\d{2})$', '\1:\2') as timestamptz
        ))
end;

create or replace temp macro iso_local(t) as case
    when regexp_full_match(t, '\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?)?')
        then try_cast(replace(t, ',', '.') as timestamp)
end;

-- day first, always: a file with the month first has to say so in its manifest
create or replace temp macro day_first_local(t) as case
    when regexp_full_match(t, '\d{1,2}([-/.])\d{1,2}[-/.]\d{4}( \d{1,2}:\d{2}(:\d{2})?)?')
        then try_strptime(
            regexp_replace(t, '^(\d+)[-/.](\d+)[-/.]', '\1-\2-'), ['%d-%m-%Y %H:%M', '%d-%m-%Y %H:%M:%S', '%d-%m-%Y']
        )
end;

-- Excel's day count; its fractions are rounded to the second, which is what a cell shows
create or replace temp macro serial_local(t) as case
    when regexp_full_match(t, '[2-7]\d{4}([.,]\d+)?')
        then timestamp '1899-12-30' + to_seconds(cast(round(cast(replace(t, ',', '.') as double) * 86400) as bigint))
end;

-- of a local time that occurs twice the first; of one that does not occur the one an hour later
create or replace temp macro local_to_utc(l, zone) as timezone('UTC', case
    when hour(l) < 4 and timezone(zone, timezone(zone, l) - interval 1 hour) = l
        then timezone(zone, l) - interval 1 hour
    else timezone(zone, l)
end);

create or replace temp macro is_odd_local(l, zone) as hour(l) < 4 and (
    timezone(zone, timezone(zone, l)) <> l or timezone(zone, timezone(zone, l) - interval 1 hour) = l
);

create or replace temp macro number_text(t) as
    regexp_replace(replace(t, chr(8722), '-'), '[\s\x{00a0}\x{202f}\x{2019}''%]', '', 'g');

-- the file's own decimal sign, else the last of the two; a sign that occurs twice separates thousands
create or replace temp macro decimal_sign(t, stated) as case
    when stated in (',', '.') then stated
    when contains(t, ',') and contains(t, '.') then regexp_extract(t, '([.,])[^.,]*$', 1)
    when contains(t, ',') then case when regexp_matches(t, ',.*,') then '.' else ',' end
    when regexp_matches(t, '\..*\.') then ','
    else '.'
end;

create or replace temp macro number_with_comma(t) as case
    when regexp_full_match(t, '[+-]?(\d+|\d{1,3}(\.\d{3})+)?(,\d+)?')
        then try_cast(replace(replace(t, '.', ''), ',', '.') as double)
    when regexp_full_match(t, '[+-]?\d*\.\d+') then try_cast(t as double)
end;

create or replace temp macro number_with_point(t) as case
    when regexp_full_match(t, '[+-]?(\d+|\d{1,3}(,\d{3})+)?(\.\d+)?') then try_cast(replace(t, ',', '') as double)
    when regexp_full_match(t, '[+-]?\d*,\d+') then try_cast(replace(t, ',', '.') as double)
end;

create or replace temp macro number_of(t, stated) as case decimal_sign(number_text(t), stated)
    when ',' then number_with_comma(number_text(t))
    else number_with_point(number_text(t))
end;

create or replace temp macro whole_of(t, stated) as case
    when number_of(t, stated) = trunc(number_of(t, stated)) and abs(number_of(t, stated)) < 9e15
        then cast(number_of(t, stated) as bigint)
end;

create or replace temp macro flag_of(t) as case
    when lower(t) in ('ja', 'yes', 'true', 'sand', 'sandt', '1', 'j', 'y') then true
    when lower(t) in ('nej', 'no', 'false', 'falsk', '0', 'n') then false
end;
