-- Why the decisions fell as they did: the sentence that the mapping gives, counted.
select
    source_system || ' ' || source_entity as entity,
    case when fate like 'merged into %' then 'merged into another' else fate end as fate,
    because as reason,
    count(*) as records
from warehouse.audit.audit_record_fate
group by all
order by entity, records desc, fate, reason
limit 200
