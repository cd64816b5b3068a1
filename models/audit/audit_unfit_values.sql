with

audit_unfit_values as (

    {% for mart in audited_marts() %}
    {{ unfit_rows(mart_contract(mart), ref(mart)) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from audit_unfit_values
