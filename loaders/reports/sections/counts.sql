select
    mart,
    sf_object,
    rows_in_mart,
    rows_accepted,
    rows_rejected,
    rows_in_org,
    rows_left_over,
    difference,
    within_tolerance
from warehouse.audit.audit_counts
order by mart
