-- What is owed: rows that the org refused, by cause.
select
    mart,
    coalesce(error_code, status) as code,
    count(*) as records,
    list(record_key order by record_key)[1:5] as samples,
    arg_min(error_text, record_key) as text
from ledger.records
where status not in ('accepted', 'found', 'rolled_back') and org_id = $org_id
group by all
order by records desc, mart, code
