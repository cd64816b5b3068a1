"""Picks the rows of a sample load: some of every mart, and the parents they need. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence

from loaders.salesforce.contract import Contract
from loaders.salesforce.export import WAREHOUSE, literal, lookups, quoted
from loaders.salesforce.ledger import Ledger


def fill_sample(ledger: Ledger, chosen: Sequence[Contract], size: int) -> None:
    """Fills `sample` with about `size` rows of each of `chosen` (in load order) and the parents of these.

    Children are picked first, so that whole families are in it; which rows are picked depends on the keys
    only.
    """
    ledger.con.execute("delete from sample")
    by_mart = {contract.mart: contract for contract in chosen if contract.mode != "match"}
    for contract in reversed([*by_mart.values()]):
        relation = f"{quoted(WAREHOUSE)}.{contract.relation}"
        ledger.con.execute(
            f"insert into sample select {literal(contract.mart)}, record_key from {relation} "
            f"order by md5(record_key) limit {size}"
        )
        for field in lookups(contract):
            for parent in field.references:
                if parent in by_mart:
                    _add_parents(ledger, contract, str(field.column), by_mart[parent])
    ledger.con.execute("create or replace temp table sample as select distinct mart, record_key from sample")


def _add_parents(ledger: Ledger, child: Contract, column: str, parent: Contract) -> None:
    """Adds the parents of sampled rows; in a mart that refers to itself all the way up."""
    select = (
        f"select distinct {literal(parent.mart)} as mart, child.{quoted(column)} as record_key\n"
        f"from {quoted(WAREHOUSE)}.{child.relation} as child\n"
        f"inner join sample on sample.mart = {literal(child.mart)} and sample.record_key = child.record_key\n"
        f"inner join {quoted(WAREHOUSE)}.{parent.relation} as parent\n"
        f"on parent.record_key = child.{quoted(column)}"
    )
    known = "select mart, record_key from sample"
    missing = f"select * from ({select}) as needed where (mart, record_key) not in ({known})"
    while True:
        before = ledger.one("select count(*) from sample")[0]
        ledger.con.execute(f"insert into sample {missing}")
        if parent is not child or ledger.one("select count(*) from sample")[0] == before:
            return
