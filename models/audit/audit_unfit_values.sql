with

audit_unfit_values as (

    {% for mart in audited_marts() %}
    {% set last_mart = loop.last %}
    {% for one in contracts_with_rows(mart, ref(mart)) %}
    {{ unfit_rows(one.contract, one.rows) }}
    {% if not (loop.last and last_mart) %}union all{% endif %}
    {% endfor %}
    {% endfor %}

)

select * from audit_unfit_values
