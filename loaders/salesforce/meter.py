"""Watches what is left of the org's allowances while a load runs (C11, SFG-02), and stops it before they are used up.

API calls are in the header of every answer. Bulk batches and data storage are in the limits resource, which is asked at
most once a minute, before a new job. A stop is resumable: nothing of the next part has been sent.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loaders.errors import RemoteError

HEADER = "Sforce-Limit-Info"
RESERVE = 0.05  # share of the daily API calls that is left to everybody else
BATCHES_A_JOB = 16  # a part holds up to 150,000 rows of ordinary width, a batch 10,000
STORAGE_RESERVE_MB = 1
EVERY = 60.0  # seconds between two looks at the limits resource
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


@dataclass
class Meter:
    """What the org said last. `used` and `maximum` are API calls of the last 24 hours."""

    reserve: float = RESERVE
    used: int = 0
    maximum: int = 0
    calls: int = 0  # that this session made
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _looked: float = field(default=float("-inf"), repr=False)

    def note(self, headers: Mapping[str, str]) -> None:
        """Remembers the usage that an answer tells."""
        with self._lock:
            self.calls += 1
        found = _USAGE.search(headers.get(HEADER, ""))
        if found:
            self.used, self.maximum = int(found[1]), int(found[2])

    def before_job(self, read_limits: Callable[[], Mapping[str, Any]]) -> None:
        """Nothing when another job fits. Raises RemoteError when calls, batches or storage are nearly used up."""
        if self.maximum and self.maximum - self.used <= self.maximum * self.reserve:
            raise RemoteError(
                f"Paused: {self.used:,} of the org's {self.maximum:,} daily API calls are used, and "
                f"{self.reserve:.0%} of them are left to others.",
                "wait until calls are free again; the allowance counts the last 24 hours",
            )
        if time.monotonic() - self._looked < EVERY:
            return
        self._looked = time.monotonic()
        limits = read_limits()
        for name, least, what, step in (
            ("DailyBulkApiBatches", BATCHES_A_JOB, "Bulk API batches", "wait until batches are free again"),
            ("DataStorageMB", STORAGE_RESERVE_MB, "MB of data storage", "buy or free storage"),
        ):
            limit = limits.get(name)
            if isinstance(limit, Mapping) and int(limit["Remaining"]) < min(least, int(limit["Max"])):
                raise RemoteError(
                    f"Paused: {int(limit['Remaining']):,} of {int(limit['Max']):,} {what} are left, too few for "
                    "another job.",
                    step,
                )
