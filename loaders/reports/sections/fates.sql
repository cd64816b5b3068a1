-- Where the landed records went; the many keys of `merged into` count as one way.
select
    source_system || ' ' || source_entity as entity,
    case when fate like 'merged into %' then 'merged into another' else fate end as fate,
    count(*) as records
from warehouse.audit.audit_record_fate
group by all
order by entity, records desc, fate
