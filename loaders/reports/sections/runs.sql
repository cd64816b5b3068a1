select
    runs.run_id,
    runs.command,
    runs.state,
    runs.exit_code,
    date_trunc('second', runs.started_at) as started_at,
    date_trunc('second', runs.ended_at) as ended_at,
    runs.git_commit,
    runs.mapping_hash,
    count(jobs.job_key) as jobs,
    coalesce(sum(jobs.rows), 0)::bigint as rows_sent,
    coalesce(sum(jobs.bytes), 0)::bigint as bytes_sent
from ledger.runs as runs
left join ledger.jobs as jobs on runs.run_id = jobs.run_id and runs.org_id = jobs.org_id
where runs.org_id = $org_id
group by all
order by started_at desc, run_id
limit 20
