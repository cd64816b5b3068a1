"""The shape of an object's extra rules: SQL over the row as it will be stored.

In every expression `"m_<Field>"` is the value that the field will have, `"g_<Field>"` whether the
request gave one, and `is_new` whether the row is inserted. Fields named in `needs` or `derived` are
always available. `$moment` in `derived` and `defaults` is the time of the write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loaders.rehearsal.org.store import literal
from loaders.rehearsal.org.values import error


@dataclass(frozen=True)
class Unique:
    """Fields that together are unique: `new` is SQL over the new row, `stored` the same over a stored one."""

    new: str
    stored: str
    code: str
    message: str


@dataclass(frozen=True)
class ObjectRules:
    """Extra rules of one object.

    `joins` are joined to the new row `m`, `derived` values are stored whatever the request says,
    `defaults` only where it says nothing, `errors` refuse. A record for which `frozen_when` (over
    `cur_<Field>`, the stored values) holds takes changes of custom and `never_frozen` fields only.
    `effect` names a function of `loaders.rehearsal.org.effects` that runs after an insert, `change_effect` a field
    and the function that runs after an update of it.
    """

    needs: tuple[str, ...] = ()
    joins: str = ""
    derived: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    unique: tuple[Unique, ...] = ()
    effect: str | None = None
    change_effect: tuple[str, str] | None = None
    frozen_when: str | None = None
    never_frozen: frozenset[str] = frozenset()


def refuse(condition: str, code: str, message: str, fields: str = "") -> str:
    """SQL: the error if the condition holds, else null."""
    return f"case when {condition} then {error(code, literal(message), literal(fields))} end"
