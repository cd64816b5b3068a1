select
    mart,
    reason,
    coalesce(field, '') as field,
    count(*) as records,
    list(record_key order by record_key)[1:5] as samples,
    arg_min(detail, record_key) as text
from ledger.blocked
where org_id = $org_id
group by all
order by records desc, mart, reason
