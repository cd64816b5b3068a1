{# Salesforce refuses a row for one cell that does not fit; each such cell is a finding before anything is sent. #}
{% test fits_salesforce(model) %}
{{ config(severity='warn') }}

with

unfit as (

    {% for one in contracts_with_rows(model.identifier, model) %}
    {{ unfit_rows(one.contract, one.rows) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select
    *,
    record_key || ': ' || field || ' ' || case rule
        when 'required' then 'is empty but required'
        when 'length' then 'has ' || length || ' characters, ' || allowed || ' are allowed'
        when 'picklist' then 'has a value that is not in seeds/salesforce/picklists.csv'
        when 'precision' then 'has more digits than the field'
        else 'is no valid ' || rule
    end as finding
from unfit

{% endtest %}
