"""What a load will cost, from its plan, against what the org has left (C11, SFG-02, SFG-03). Pure but for `fill`.

The reading that a load does before it writes (describes, users, keys) is what the plan itself has just done, so it is
counted and not guessed. Writing is modelled: a part is one Bulk job of 95 MB at most, a job costs create, upload, close,
polls and three result sets, a batch has 10,000 rows, a record takes the storage of facts.csv. How long a job takes comes
from the jobs of the ledger, or is guessed at 1,000 rows a second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loaders.salesforce.contract import Contract
from loaders.salesforce.export import PART_TARGET, WAREHOUSE, quoted
from loaders.salesforce.facts import object_facts
from loaders.salesforce.images import moment_sql
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.parts import OPERATIONS
from loaders.salesforce.session import Org, Pace, RequestFailedError

if TYPE_CHECKING:
    from loaders.salesforce.outcome import LoadResult, MartResult

BATCH_ROWS = 10_000
CALLS_A_JOB = 6  # create, upload, close, three result sets
CALLS_A_LOOK = 3  # describe, query job, one page; and its polls
ROWS_PER_SECOND = 1_000.0
FIXED_CALLS = 1  # the limits resource before the first job


@dataclass(frozen=True)
class Need:
    """One allowance of the org and what the load takes of it; `left` is None where the org does not tell."""

    limit: str
    unit: str
    needed: int
    left: int | None
    maximum: int | None

    @property
    def fits(self) -> bool:
        """Whether the load fits, as far as the org tells."""
        return self.left is None or self.needed <= self.left


@dataclass(frozen=True)
class Cost:
    """What one mart costs."""

    jobs: int = 0
    batches: int = 0
    records: int = 0
    api_calls: int = 0
    storage_kb: int = 0
    file_bytes: int = 0
    seconds: float = 0.0


UNITS = (
    ("DailyApiRequests", "API calls"),
    ("DailyBulkApiBatches", "Bulk API batches"),
    ("DailyBulkV2IngestRecords", "records by Bulk API"),
    ("DataStorageMB", "MB of data storage"),
    ("FileStorageMB", "MB of file storage"),
)


def cost(mart: MartResult, contract: Contract, pace: Pace, rate: float, file_bytes: int = 0) -> Cost:
    """The cost of a planned mart. Pure; `rate` is in rows a second."""
    storage = mart.new * object_facts(mart.object).storage_kb
    if contract.mode == "file":
        calls = mart.new and mart.new + CALLS_A_LOOK
        return Cost(0, 0, 0, calls, storage, file_bytes, mart.new / rate)
    sent = {"new": mart.new, "changed": mart.changed}
    jobs = batches = calls = 0
    for _, decisions in OPERATIONS.get(contract.mode, ()):
        rows = sum(sent[decision] for decision in decisions)
        if rows:
            share = rows / max(mart.new + mart.changed, 1)
            parts = max(1, math.ceil(mart.bytes * share / PART_TARGET))
            jobs += parts
            batches += parts * math.ceil(rows / parts / BATCH_ROWS)
            calls += parts * (CALLS_A_JOB + polls(rows / parts / rate, pace))
    if jobs and (mart.changed or contract.mode == "upsert"):
        calls += CALLS_A_LOOK + polls(0.0, pace)  # the before-images
    if mart.changed:
        calls += 1  # which fields may be emptied
    rows = mart.new + mart.changed
    return Cost(jobs, batches, rows, calls, storage, 0, rows / rate)


def polls(seconds: float, pace: Pace) -> int:
    """How often a job that takes so long is asked for its state: at once, then ever less often. Pure."""
    asked, at, pause = 2, pace.first_poll, pace.first_poll
    while at < seconds:
        pause = min(pause * 1.5, pace.longest_poll)
        at += pause
        asked += 1
    return asked


def needs(costs: Sequence[Cost], reading_calls: int, limits: Mapping[str, Any]) -> list[Need]:
    """What the marts take of each allowance, beside what is left of it. Pure."""
    calls = reading_calls + sum(one.api_calls for one in costs)
    calls += FIXED_CALLS if any(one.jobs for one in costs) else 0
    wanted = {
        "DailyApiRequests": calls,
        "DailyBulkApiBatches": sum(one.batches for one in costs),
        "DailyBulkV2IngestRecords": sum(one.records for one in costs),
        "DataStorageMB": math.ceil(sum(one.storage_kb for one in costs) / 1024),
        "FileStorageMB": math.ceil(sum(one.file_bytes for one in costs) / 1024 / 1024),
    }
    found = []
    for name, unit in UNITS:
        limit = limits.get(name)
        told = isinstance(limit, Mapping) and "Remaining" in limit and "Max" in limit
        left, maximum = (int(limit["Remaining"]), int(limit["Max"])) if told and limit else (None, None)
        found.append(Need(name, unit, wanted[name], left, maximum))
    return found


def what_fits(
    marts: Sequence[str], costs: Sequence[Cost], reading_calls: int, limits: Mapping[str, Any]
) -> list[str]:
    """The marts, in load order, that fit into what is left before the first one that does not. Pure."""
    count = 0
    while count < len(marts) and all(need.fits for need in needs(costs[: count + 1], reading_calls, limits)):
        count += 1
    return list(marts[:count])


def fill(result: LoadResult, org: Org, ledger: Ledger, contracts: Mapping[str, Contract]) -> None:
    """Adds costs and allowances to a plan; needs the attached warehouse, and to be the last that a dry run does."""
    reading = org.meter.calls
    try:
        limits = org.request("GET", "limits").json()
    except RequestFailedError:
        limits = {}
    rate = rows_per_second(ledger, result.org_id)
    costs = []
    for mart in result.marts:
        contract = contracts[mart.mart]
        size = file_bytes(ledger, contract) if contract.mode == "file" and mart.new else 0
        one = Cost() if mart.left_out else cost(mart, contract, org.pace, rate, size)
        mart.jobs, mart.batches, mart.api_calls = one.jobs, one.batches, one.api_calls
        mart.storage_kb, mart.file_bytes, mart.expected_seconds = (
            one.storage_kb,
            one.file_bytes,
            round(one.seconds, 1),
        )
        costs.append(one)
    result.budget = needs(costs, reading, limits)
    if not all(need.fits for need in result.budget):
        names = [mart.mart for mart in result.marts]
        result.fitting = what_fits(names, costs, reading, limits)


def rows_per_second(ledger: Ledger, org_id: str) -> float:
    """How fast this org took rows so far, by the ledger's complete jobs; 1,000 before there are any."""
    begun, ended = moment_sql("job_created_at"), moment_sql("finished_at")  # by the org's clock, in seconds
    rows, seconds = ledger.one(
        f"select coalesce(sum(rows), 0), coalesce(sum(greatest(epoch({ended} - {begun}), 1)), 0) from ledger.jobs\n"
        "where org_id = ? and state = 'complete' and rows >= 1000 and finished_at is not null",
        [org_id],
    )
    return float(rows) / float(seconds) if rows and seconds else ROWS_PER_SECOND


def file_bytes(ledger: Ledger, contract: Contract) -> int:
    """Bytes of the files that no run has uploaded yet; needs the attached warehouse."""
    if contract.file is None:
        return 0
    known = f"select record_key from ledger.records where mart = '{contract.mart}' and sf_id is not null"
    return int(
        ledger.one(
            f"select coalesce(sum({quoted(contract.file.size)}), 0) from {contract.source(WAREHOUSE)}\n"
            f"where record_key not in ({known})"
        )[0]
    )
