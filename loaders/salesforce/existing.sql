-- How a value is compared with what the org has; the names are those of compare_as in match_existing.csv. The patterns
-- are those of macros/normalise.sql, so that the org is matched by the rules that matched the sources.
create or replace temp macro same_email(value) as nullif(lower(trim(value)), '');

create or replace temp macro same_exact(value) as nullif(lower(trim(value)), '');

create or replace temp macro same_name(value) as nullif(regexp_replace(lower(value), '[^\p{L}\p{N}]', '', 'g'), '');

create or replace temp macro host_of(value) as rtrim(
    regexp_extract(lower(value), '^(?:[a-z][a-z0-9+.-]*://)?(?:[^/@?#]*@)?(?:www[0-9]?\.)?([^/:?#\s@]+)', 1), '.'
);

create or replace temp macro same_domain(value) as case
    when regexp_matches(host_of(value), '^([^.]+\.)+[^.0-9][^.]+$') and value not like '% %'
        and host_of(value) not in (select domain from shared_hosts)
        then host_of(value)
end;
