"""What a check found, as a value: how bad, what, where, how often, which records, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BLOCKER, WARNING, INFO = "blocker", "warning", "info"
SEVERITIES = (BLOCKER, WARNING, INFO)
SAMPLES = 5  # record keys shown with a finding


@dataclass(frozen=True)
class Finding:
    """One thing to know before a load. `count` is rows, or 0 where the finding is not about rows.

    `code` is Salesforce's own error code where the org would refuse the rows with it.
    """

    severity: str
    code: str
    message: str
    next_step: str
    mart: str = ""
    field: str = ""
    count: int = 0
    samples: tuple[str, ...] = ()
    per_row: bool = False  # about single rows, which the org would refuse one by one


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Blockers first, then warnings, then the rest; within each by mart, code and field."""
    return sorted(
        findings, key=lambda one: (SEVERITIES.index(one.severity), one.mart, one.code, one.field, one.message)
    )


def blockers(findings: Iterable[Finding]) -> list[Finding]:
    """Those that close the gate."""
    return [one for one in findings if one.severity == BLOCKER]


def summary(findings: Iterable[Finding]) -> str:
    """`2 blockers, 1 warning, 3 notes`."""
    counts = {severity: 0 for severity in SEVERITIES}
    for one in findings:
        counts[one.severity] += 1
    names = {BLOCKER: "blocker", WARNING: "warning", INFO: "note"}
    return ", ".join(
        f"{counts[severity]} {name}{'' if counts[severity] == 1 else 's'}" for severity, name in names.items()
    )
