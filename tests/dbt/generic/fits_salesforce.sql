{# Salesforce refuses a row for one cell that does not fit; each such cell is a finding before anything is sent. #}
{% test fits_salesforce(model) %}
{{ config(severity='warn') }}

with

unfit as (

    {{ unfit_rows(mart_contract(model.identifier), model) }}

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
