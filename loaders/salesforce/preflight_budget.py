"""What a load costs, against what the org has left (C11, SFG-02, SFG-03). Pure.

Sizes are estimates by Salesforce's own rules: 2 KB a record for most objects (facts.csv), one Bulk batch for
every 10,000 rows of a part, and ten API calls for each part: create, upload, close, a few polls,
three result sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import OrgState
from loaders.salesforce.facts import object_facts
from loaders.salesforce.files import FILES_A_PART
from loaders.salesforce.findings import BLOCKER, INFO, WARNING, Finding

BATCH_ROWS = 10_000
PART_ROWS = 150_000  # rows of ordinary width that fit into one part
CALLS_A_PART = 10
CALLS_A_LOAD = 6  # who the org is, and its users
NEARLY_FULL = 0.8  # share of what is left from which on we warn


@dataclass(frozen=True)
class Volume:
    """Rows of one mart: all, new to the org, new or changed, and refused by the checks; bytes of its new files."""

    mart: str
    object: str
    rows: int
    new: int
    to_send: int
    refused: int
    file_bytes: int = 0

    @property
    def calls(self) -> int:
        """API calls: ten a Bulk job, or one a file and one a part of a hundred files."""
        if self.file_bytes:
            return self.new + -(-self.new // FILES_A_PART)
        return CALLS_A_PART * -(-self.to_send // PART_ROWS)

    @property
    def batches(self) -> int:
        """Bulk batches."""
        return 0 if self.file_bytes else -(-self.to_send // BATCH_ROWS)

    @property
    def storage_kb(self) -> int:
        """Data storage that the new records take."""
        return self.new * object_facts(self.object).storage_kb


def budget_findings(
    volumes: Sequence[Volume], contracts: Mapping[str, Contract], org: OrgState
) -> list[Finding]:
    """One finding a limit: a blocker if the load cannot fit, a warning if it nearly fills what is left."""
    if not org.limits:
        return []
    needs = [
        (
            "DailyApiRequests",
            "API_CALLS",
            "API calls",
            CALLS_A_LOAD + sum(volume.calls for volume in volumes),
            "load fewer marts today (`load-sf --mart`), or ask Salesforce for more calls",
        ),
        (
            "DailyBulkApiBatches",
            "BULK_BATCHES",
            "Bulk API batches",
            sum(volume.batches for volume in volumes),
            "load fewer marts today; the allowance renews over 24 hours",
        ),
        (
            "DataStorageMB",
            "DATA_STORAGE",
            "MB of data storage",
            -(-sum(volume.storage_kb for volume in volumes) // 1024),
            "buy or free storage, or leave out what nobody needs by a rule in staging",
        ),
    ]
    file_bytes = sum(volume.file_bytes for volume in volumes)
    if file_bytes:
        step = "buy or free file storage, or leave out large files by a rule in staging"
        needs.append(("FileStorageMB", "FILE_STORAGE", "MB of file storage", -(-file_bytes // 1024**2), step))
    found = []
    for limit_name, code, unit, need, step in needs:
        limit = org.limits.get(limit_name)
        if limit is None:
            found.append(
                Finding(
                    INFO,
                    "NOT_CHECKED",
                    f"The org does not tell its limit {limit_name}; {need:,} {unit} are needed.",
                    "ask the admin",
                )
            )
            continue
        text = f"The load needs about {need:,} {unit}; {limit.remaining:,} of {limit.maximum:,} are left."
        if need > limit.remaining:
            found.append(Finding(BLOCKER, code, text, step))
        elif need > limit.remaining * NEARLY_FULL:
            found.append(Finding(WARNING, code, text, step))
        else:
            found.append(Finding(INFO, code, text, "nothing"))
    return found
