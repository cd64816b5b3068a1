-- Why every compared cell is what it is, by mart; what a rule decided is named.
select
    mart,
    reason,
    count(distinct field) as fields,
    sum(cells)::bigint as cells
from warehouse.audit.audit_cell_reasons
group by all
order by mart, cells desc, reason
