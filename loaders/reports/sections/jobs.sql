select
    run_id,
    mart,
    coalesce(purpose, 'load') as purpose,
    operation,
    count(*) as jobs,
    sum(rows)::bigint as rows_sent,
    date_trunc('second', min(created_at)) as first_at,
    date_trunc('second', max(updated_at)) as last_at
from ledger.jobs
where org_id = $org_id
group by all
order by first_at desc, mart
limit 60
