select
    mart,
    sf_object,
    record_key,
    sf_id,
    source_row,
    mart_row,
    org_row
from warehouse.audit.audit_spot_checks
order by mart, record_key
