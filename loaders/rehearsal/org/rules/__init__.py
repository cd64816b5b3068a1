"""What single objects do beyond the general rules: derived fields, extra checks, records that come along.

One module per family of objects; `rules_for(name)` finds them. The general rules (types, lengths, references,
uniqueness) are in `loaders.rehearsal.org.checks` and apply to every object.
"""

from __future__ import annotations

from loaders.rehearsal.org.rules.base import ObjectRules, Unique
from loaders.rehearsal.org.rules.marketing import MARKETING
from loaders.rehearsal.org.rules.people import PEOPLE
from loaders.rehearsal.org.rules.sales import SALES
from loaders.rehearsal.org.rules.service import SERVICE

__all__ = ["ObjectRules", "Unique", "rules_for"]

_RULES: dict[str, ObjectRules] = {**PEOPLE, **SALES, **MARKETING, **SERVICE}
_NONE = ObjectRules()


def rules_for(name: str) -> ObjectRules:
    """The extra rules of an object; an empty set if it has none."""
    return _RULES.get(name, _NONE)
