{# A label that the Campaign does not have is replaced by its default, and nobody is told. #}
{% test has_a_known_status(model) %}

select
    members.record_key,
    members.record_key || ': Campaign ' || members.campaign_key || ' has no status "' || members.status || '"' as finding
from {{ model }} as members
left join {{ ref('sf_campaign_member_statuses') }} as statuses
    on members.campaign_key = statuses.campaign_key and members.status = statuses.label
left join {{ ref('campaign_member_statuses') }} as standard
    on members.status = standard.label and standard.is_standard
where statuses.label is null and standard.label is null

{% endtest %}
