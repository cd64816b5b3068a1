"""What a load came to, as plain values. Pure; printing is left to the commands."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from loaders.salesforce.budget import Need
from loaders.salesforce.contract import Contract
from loaders.salesforce.plan import Counts
from loaders.salesforce.registry import kind_of


@dataclass(frozen=True)
class Problem:
    """One reason why rows of a mart are not in the org, with one of them as an example."""

    reason: str  # Salesforce's code for refused rows, the loader's own for blocked ones
    rows: int
    record_key: str
    text: str
    next_step: str


@dataclass(frozen=True)
class Edit:
    """One cell that a person changed in the org since we wrote it."""

    mart: str
    record_key: str
    sf_id: str
    field: str
    ours: str
    theirs: str


@dataclass
class MartResult:
    """One mart's part of a load. `new` to `gone` are the plan; the rest is what happened."""

    mart: str
    object: str
    mode: str
    new: int = 0
    changed: int = 0
    same: int = 0
    blocked: int = 0
    owed: int = 0  # refused before with this content, not sent again
    gone: int = 0
    sent: int = 0
    accepted: int = 0
    refused: int = 0
    jobs: int = 0
    seconds: float = 0.0
    plan_line: str = ""
    problems: list[Problem] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)  # the first 1,000
    edited_cells: int = 0
    edits_overwritten: bool = False
    rows: int = 0  # of the mart, or of the sample
    differing: int = 0  # in the org with another content that nobody can update
    adopted: int = 0  # found in the org, not sent again, and in the ledger now
    notes: list[str] = field(default_factory=list)  # what the org at hand made us leave out
    left_out: str = ""  # why the mart was not loaded at all
    rows_left_out: int = 0
    bytes: int = 0  # upper bound of what is to be sent
    batches: int = 0  # the forecast of a plan from here on
    api_calls: int = 0
    storage_kb: int = 0
    file_bytes: int = 0
    expected_seconds: float = 0.0

    @classmethod
    def planned(cls, contract: Contract, counts: Counts) -> MartResult:
        """The result before anything was sent."""
        return cls(
            mart=contract.mart,
            object=contract.object,
            mode=contract.mode,
            new=counts.new,
            changed=counts.changed,
            same=counts.same,
            blocked=counts.blocked,
            owed=counts.refused,
            gone=counts.gone,
            plan_line=counts.line(contract),
            rows=counts.to_send + counts.same + counts.blocked + counts.refused + counts.differing,
            differing=counts.differing,
            bytes=counts.bytes,
        )

    @property
    def outstanding(self) -> int:
        """Rows of the mart that the org does not hold as they are."""
        return self.refused + self.owed + self.blocked


@dataclass
class LoadResult:
    """What one `load-sf` did."""

    run_id: str
    target: str
    org_id: str
    org: str
    dry_run: bool
    marts: list[MartResult] = field(default_factory=list)
    resumed_jobs: int = 0
    unsettled_jobs: int = 0  # only a dry run leaves them so
    stopped: str = ""  # why the marts after the last one were not loaded
    seconds: float = 0.0
    budget: list[Need] = field(default_factory=list)  # only a plan has it
    fitting: list[str] = field(default_factory=list)  # marts that fit, when not all do
    command: str = ""  # the load that a plan is for

    @property
    def exit_code(self) -> int:
        """0 if every row is in the org as it is in the mart, else 1. A dry run refuses nothing: 0."""
        return 1 if not self.dry_run and (self.stopped or any(mart.outstanding for mart in self.marts)) else 0

    def lines(self) -> list[str]:
        """What to tell about rows that did not arrive, and where to look; nothing if all did."""
        told = []
        for mart in self.marts:
            told += [f"{note}\n  Next: nothing, if that is acceptable" for note in mart.notes]
            if mart.left_out:
                told.append(f"{mart.mart} left out ({mart.rows_left_out:,} row(s)): {mart.left_out}.")
            for problem in mart.problems:
                told.append(
                    f"{mart.mart} -> {mart.object}: {problem.rows:,} row(s) {problem.reason}, e.g. "
                    f"{problem.record_key}: {problem.text}\n  Next: {problem.next_step}"
                )
            told += _edit_lines(mart)
        outstanding = sum(mart.outstanding for mart in self.marts)
        if outstanding and not self.dry_run:
            told.append(
                f"{outstanding:,} row(s) are not in the org. `load-sf status` lists them; "
                "`load-sf why KEY` tells one record's story."
            )
        if self.stopped:
            told.append(self.stopped)
        return told + self._budget_lines()

    def _budget_lines(self) -> list[str]:
        """What of a plan does not fit into what the org has left, and what would."""
        short = [need for need in self.budget if not need.fits]
        if not short:
            return []
        told = [
            f"Does not fit: {need.needed:,} {need.unit} are needed, {need.left:,} of {need.maximum:,} are left."
            for need in short
        ]
        by_hand = " ".join(f"--mart {mart}" for mart in self.fitting)
        step = (
            f"load-sf {by_hand} --target {self.target}"
            if by_hand
            else "ask the admin for more of what is short"
        )
        return [*told, f"  Next: {step}"]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**asdict(self), "exit_code": self.exit_code}


def _edit_lines(mart: MartResult) -> list[str]:
    """What to tell about cells that people edited."""
    if not mart.edits:
        return []
    first = mart.edits[0]
    what = "overwritten" if mart.edits_overwritten else "kept"
    step = (
        "tell whoever made the edits"
        if mart.edits_overwritten
        else "change the source if the edit is right; --overwrite-edits sends the source's value"
    )
    return [
        f"{mart.mart} -> {mart.object}: {mart.edited_cells:,} value(s) that people edited in the org were {what}, "
        f"e.g. {first.record_key} ({first.sf_id}): {first.field} is {first.theirs!r}, we had written "
        f"{first.ours!r}\n  Next: {step}"
    ]


def refusal(code: str, rows: int, record_key: str, text: str) -> Problem:
    """A refused row as a problem, with the registry's next step."""
    return Problem(code, rows, record_key, text, kind_of(code).next_step)
