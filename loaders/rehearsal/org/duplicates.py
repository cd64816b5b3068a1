"""Duplicate rules as errors of the batch writer: a record that matches a stored one is refused, by Block always,
by an alert unless the client insists.

Matching compares simplified texts for equality; Salesforce's fuzzy methods (edit distance, nicknames) find
more. Rows of one chunk are not compared with each other (Salesforce help, "Things to Know About Duplicate
Rules"), rows of a later chunk meet those of an earlier one. On update a rule runs when a match key changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from loaders.rehearsal.org.catalogue import Catalogue, DuplicateRule, FieldInfo, MatchKey, ObjectInfo
from loaders.rehearsal.org.store import literal, quote, table
from loaders.rehearsal.org.values import error

CODE = "DUPLICATES_DETECTED"
ALERT = "Use one of these records?"
STANDARD = {
    "Account": (("Name", "company", False), ("BillingCity", "words", True)),
    "Contact": (("Email", "exact", False),),
    "Lead": (("Email", "exact", False),),
}
LEGAL_FORMS = (
    r"\b(inc|incorporated|corp|corporation|co|company|ltd|limited|llc|llp|plc|gmbh|mbh|ag|kg|se|sa|sas|sarl|"
    r"bv|nv|oy|ab)\b"
)


def standard_keys(info: ObjectInfo) -> tuple[MatchKey, ...]:
    """What the standard rule of Account, Contact or Lead compares; nothing for other objects."""
    return tuple(
        MatchKey(info.field(name), method, blanks)
        for name, method, blanks in STANDARD.get(info.name, ())
        if info.has(name)
    )


def with_standard_rules(catalogue: Catalogue, action: str) -> Catalogue:
    """The catalogue of an org whose standard duplicate rules are active with `block` or `allow` (and alert)."""
    act = {"block": "block", "allow": "alert"}.get(action)
    if act is None:
        return catalogue
    changed = []
    for name in STANDARD:
        info = catalogue.object(name)
        rule = DuplicateRule(f"Standard_{name}_Duplicate_Rule", ALERT, act, act, (standard_keys(info),))
        known = {one.name for one in info.duplicate_rules}
        if rule.name not in known:
            changed.append(replace(info, duplicate_rules=(*info.duplicate_rules, rule)))
    return catalogue.with_objects(changed)


def matched_fields(info: ObjectInfo) -> list[FieldInfo]:
    """The fields that the object's duplicate rules compare."""
    return [key.field for rule in info.duplicate_rules for keys in rule.keys for key in keys]


class Duplicates:
    """The duplicate rules of one object for one operation; `insists` for a client that saves despite alerts."""

    def __init__(
        self, info: ObjectInfo, operation: str, derived: Mapping[str, str], *, insists: bool = False
    ) -> None:
        self.info, self.operation, self.derived = info, operation, derived
        self.rules = [
            (rule, keys, on_insert, on_update)
            for rule in info.duplicate_rules
            for on_insert, on_update in [(_acts(rule.on_insert, insists), _acts(rule.on_update, insists))]
            if (on_insert and operation != "update") or (on_update and operation != "insert")
            for keys in rule.keys
        ]

    def expressions(self) -> list[str]:
        """Common table expressions with the stored records that rows of `derived` match."""
        return [
            f"z_{number} as (select {self._key(keys, _stored)} as key, "
            f'min("Id") as id, max("Id") as other from {table(self.info.name)} where not "IsDeleted" and '
            f"{self._key(keys, _stored)} in (select {self._key(keys, self._new)} from derived) group by 1)"
            for number, (_, keys, _, _) in enumerate(self.rules)
        ]

    def joins(self) -> list[str]:
        """The joins of those expressions to a row."""
        return [
            f"left join z_{number} on z_{number}.key = {self._key(keys, self._new)}"
            for number, (_, keys, _, _) in enumerate(self.rules)
        ]

    def errors(self) -> list[str]:
        """One error expression per rule and alternative."""
        found = []
        for number, (rule, keys, on_insert, on_update) in enumerate(self.rules):
            holder = f"case when z_{number}.id = target_id then z_{number}.other else z_{number}.id end"
            changed = f"{self._key(keys, self._new)} is distinct from {self._key(keys, _current)}"
            cases = []
            if on_insert and self.operation != "update":
                cases.append("is_new")
            if on_update and self.operation != "insert":
                cases.append(f"(not is_new and {changed})")
            test = f"z_{number}.id is not null and {holder} is distinct from target_id"
            found.append(f"case when ({' or '.join(cases)}) and {test} then {_refusal(rule)} end")
        return found

    def clashes(self, chunk: int) -> Iterator[tuple[str, str]]:
        """Per rule a query that counts rows which match one of an earlier chunk, and the statement that
        refuses them."""
        for rule, keys, on_insert, _ in self.rules:
            if not on_insert or self.operation == "update":
                continue
            key = self._key(keys, self._new)
            rows = (
                f"(select row_no as loser, (row_no - 1) // {chunk} as own, min((row_no - 1) // {chunk}) over "
                f"(partition by {key}) as first from w_checked where error is null and is_new and {key} is not null)"
            )
            yield (
                f"select count(*) from {rows} where own > first",
                f"update w_checked set error = {_refusal(rule)} from {rows} where own > first and row_no = loser",
            )

    def _new(self, info: FieldInfo) -> str:
        return quote(("d_" if info.name in self.derived else "m_") + info.name)

    @staticmethod
    def _key(keys: Sequence[MatchKey], column: Callable[[FieldInfo], str]) -> str:
        """SQL: what two duplicates have in common; null where a value is missing that must be there."""
        parts = []
        for key in keys:
            part = f"nullif({_simplified(key.method, f'{column(key.field)}::varchar')}, '')"
            parts.append(f"coalesce({part}, '')" if key.blanks else part)
        return f"({' || chr(31) || '.join(parts)})"


def _stored(info: FieldInfo) -> str:
    return quote(info.name)


def _current(info: FieldInfo) -> str:
    return quote("cur_" + info.name)


def _acts(action: str, insists: bool) -> bool:
    return action == "block" or (action == "alert" and not insists)


def _refusal(rule: DuplicateRule) -> str:
    return error(CODE, literal(rule.alert))


def _simplified(method: str, column: str) -> str:
    lower = f"lower(strip_accents({column}))"
    if method == "digits":
        return f"regexp_replace({column}, '[^0-9]', '', 'g')"
    if method == "company":
        lower = f"regexp_replace({lower}, {literal(LEGAL_FORMS)}, '', 'g')"
    if method in ("company", "words"):
        return rf"regexp_replace({lower}, '[^\p{{L}}\p{{N}}]', '', 'g')"
    return f"lower(trim({column}))"
