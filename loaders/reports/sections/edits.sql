-- What people changed in the org since our last write, and the load therefore left alone.
select
    mart,
    field,
    count(*) as cells,
    list(record_key order by record_key)[1:5] as samples
from ledger.edits
where org_id = $org_id
group by all
order by cells desc, mart, field
