"""Picks the rows of a sample load: some of every source in every mart, and the parents they need. Deterministic."""

from __future__ import annotations

from collections.abc import Sequence

from loaders.salesforce.contract import Contract, Field
from loaders.salesforce.export import WAREHOUSE, literal, lookups, raw_value
from loaders.salesforce.ledger import Ledger


def fill_sample(ledger: Ledger, chosen: Sequence[Contract], size: int) -> None:
    """Fills `sample` with `size` rows of each of `chosen` and all that these refer to, near and far.

    Rows are taken from every source and entity in turn, so that a small sample has some of each; which ones depends
    on the keys only.
    """
    ledger.con.execute("delete from sample")
    by_mart = {contract.mart: contract for contract in chosen if contract.mode != "match"}
    for contract in by_mart.values():
        ledger.con.execute(
            f"insert into sample select {literal(contract.mart)}, record_key from {contract.source(WAREHOUSE)}\n"
            "order by row_number() over (\n"
            "    partition by split_part(record_key, ':', 1), split_part(record_key, ':', 2)\n"
            f"    order by md5(record_key)\n), md5(record_key) limit {size}"
        )
    before = -1
    while before != (before := ledger.one("select count(*) from sample")[0]):
        for contract in reversed(
            [*by_mart.values()]
        ):  # children first: most families are whole after one turn
            for field in lookups(contract):
                for parent in field.references:
                    if parent in by_mart:
                        _add_parents(ledger, contract, field, by_mart[parent])


def _add_parents(ledger: Ledger, child: Contract, field: Field, parent: Contract) -> None:
    """Adds the parents of sampled rows that are not in the sample yet."""
    ledger.con.execute(
        "insert into sample\n"
        f"select distinct {literal(parent.mart)}, child.parent_key\n"
        f"from (select record_key, {raw_value(field)} as parent_key from {child.source(WAREHOUSE)}) as child\n"
        f"inner join sample on sample.mart = {literal(child.mart)} and sample.record_key = child.record_key\n"
        f"inner join {parent.source(WAREHOUSE)} as parent on parent.record_key = child.parent_key\n"
        f"where child.parent_key not in (select record_key from sample where mart = {literal(parent.mart)})"
    )
