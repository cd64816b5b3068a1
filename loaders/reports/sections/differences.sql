select
    mart,
    field,
    finding,
    count(*) as cells
from warehouse.audit.audit_field_diffs
group by all
order by cells desc, mart, field
