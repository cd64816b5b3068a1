-- What the other files build on. `contacts` holds one row per contact or visitor: id, email (null for visitors),
-- identified, added. Every number comes from an MD5 of the seed, a word and an id, so that it depends on
-- neither order nor batch, nor on the version of DuckDB.
create macro rnd(kind, id, n) as
    (md5_number_lower(concat(getvariable('seed'), '/', kind, '/', id)) % n::ubigint)::bigint;
create macro share(kind, id) as rnd(kind, id, 1000000) / 1e6;
create macro now_() as timestamp '2026-06-30 12:00:00';
create macro past(kind, id, days) as now_() - to_seconds(1 + rnd(kind, id, days * 86400));
create macro after_(kind, id, start) as
    start + to_seconds(floor(share(kind, id) * greatest(epoch(now_()) - epoch(start), 0))::bigint);
create macro within(kind, id, start, seconds) as
    least(start + to_seconds(1 + rnd(kind, id, seconds)), now_());
create macro one_of(kind, id, choices) as choices[1 + rnd(kind, id, len(choices))];
create macro uuid_of(kind, id) as (
    with digest as (select md5(concat(getvariable('seed'), '/', kind, '/', id)) as d)
    select concat_ws('-', d[1:8], d[9:12], '4' || d[14:16], '8' || d[18:20], d[21:32]) from digest
);

-- PHP serialize() text: lengths are bytes.
create macro php_s(text) as 's:' || strlen(text) || ':"' || text || '";';
create macro php_i(number) as 'i:' || number || ';';
create macro php_b(flag) as 'b:' || flag::int || ';';
-- Nested lists are expanded once per mention: `list_transform([parts], ...)[1]` mentions them once.
create macro php_list(parts) as list_transform([parts], lambda all_: 'a:' || len(all_) || ':{'
    || array_to_string(list_transform(all_, lambda part, nr: 'i:' || (nr - 1) || ';' || part), '') || '}')[1];
create macro php_map(parts) as list_transform([parts], lambda all_: 'a:' || (len(all_) // 2) || ':{'
    || array_to_string(all_, '') || '}')[1];

-- What Mautic's FormEntity adds: date_modified is empty until the first edit.
create macro entity(kind, id) as struct_pack(
    is_published := 1,
    date_added := past(kind, id, 1500),
    created_by := 1 + rnd(kind || ' creator', id, 12),
    created_by_user := 'Ada Abendroth',
    date_modified := case when rnd(kind || ' edited', id, 3) > 0 then after_(kind, id, past(kind, id, 1500)) end,
    modified_by := case when rnd(kind || ' edited', id, 3) > 0 then 1 end,
    modified_by_user := case when rnd(kind || ' edited', id, 3) > 0 then 'Ada Abendroth' end
);

create view people as select * from contacts where identified;
create view mailable as select * from people where email like '%@%';
