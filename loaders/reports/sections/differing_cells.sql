select
    mart,
    record_key,
    sf_id,
    field,
    expected,
    actual,
    finding
from warehouse.audit.audit_field_diffs
order by mart, record_key, field
limit 50
