"""Values that must be unique and collide inside one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loaders.rehearsal.org import checks
from loaders.rehearsal.org.catalogue import FieldInfo
from loaders.rehearsal.org.rules import ObjectRules
from loaders.rehearsal.org.store import literal, quote
from loaders.rehearsal.org.values import error


def unique_clashes(unique: Sequence[FieldInfo], rules: ObjectRules) -> Iterator[tuple[str, str]]:
    """Per unique field (and rule of several fields) a query that counts colliding values, and the statement
    that refuses all but the first."""
    keys = []
    for info in unique:
        key = checks.comparable(info, quote("m_" + info.name))
        refusal = error("DUPLICATE_VALUE", checks.duplicate_text(info, "winner"))
        keys.append((f"{quote('g_' + info.name)} and {key} is not null", key, refusal))
    for rule in rules.unique:
        refusal = error(rule.code, literal(rule.message))
        keys.append((f"is_new and {rule.new} is not null", rule.new, refusal))
    for condition, key, refusal in keys:
        rows = f"from w_checked where error is null and {condition}"
        yield (
            f"select count(*) - count(distinct {key}) {rows}",
            f"update w_checked set error = {refusal} from (select row_no as loser, "
            f"first_value(id) over same as winner, row_number() over same as place {rows} "
            f"window same as (partition by {key} order by row_no)) where place > 1 and row_no = loser",
        )
