select
    rule,
    entity,
    field,
    what,
    records
from warehouse.audit.audit_rule_uses
where records > 0
order by records desc, rule
