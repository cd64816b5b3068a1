"""The org's daily allowances and its storage, and how much of them is used. Counters are kept across
restarts.

Storage follows Salesforce's flat rates (help, "Data and File Storage Allocations"): 2 KB a record,
Campaign 8, CampaignMember 1, price books free; e-mail messages count their real size.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

from loaders.rehearsal.org.catalogue import Catalogue
from loaders.rehearsal.org.options import FREE, KILOBYTES, Options
from loaders.rehearsal.org.store import Store, table

BATCH_RECORDS = 150_000_000
SAVED_EVERY = 5.0


class Limits:
    """Counters of one org. Thread-safe."""

    def __init__(self, options: Options, store: Store) -> None:
        self.options, self.store = options, store
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._day = self._today()
        self._saved = time.monotonic()
        self._storage: tuple[float, float] = (0.0, 0.0)
        remembered = json.loads(store.setting("limits") or "{}")
        if remembered.get("day") == self._day:
            self._used = remembered["used"]

    @staticmethod
    def _today() -> str:
        return datetime.now(UTC).strftime("%Y-%m-%d")

    def count(self, name: str, amount: int = 1) -> int:
        """Adds to a counter and returns its new value; counters start again at midnight UTC."""
        with self._lock:
            if self._today() != self._day:
                self._day, self._used = self._today(), {}
            self._used[name] = self._used.get(name, 0) + amount
            return self._used[name]

    def used(self, name: str) -> int:
        """The value of a counter."""
        return self._used.get(name, 0)

    def save(self) -> None:
        """Keeps the counters in the store."""
        self.store.remember("limits", json.dumps({"day": self._day, "used": self._used}))

    def header(self) -> str:
        """The value of the Sforce-Limit-Info header."""
        return f"api-usage={self.used('DailyApiRequests')}/{self.options.daily_api_requests}"

    def data_storage_mb(self, catalogue: Catalogue) -> float:
        """Megabytes of data storage in use; counted at most twice a second."""
        at, value = self._storage
        if time.monotonic() - at < 0.5:
            return value
        counts = " union all ".join(
            f"select {KILOBYTES.get(info.name, 2)} * count(*) as kb from {table(info.name)} where "
            f'not "IsDeleted"'
            for info in catalogue.objects.values()
            if info.name not in FREE
        )
        value = float(self.store.rows(f"select coalesce(sum(kb), 0) from ({counts})")[0][0]) / 1024
        self._storage = (time.monotonic(), value)
        return value

    def storage_left(self, catalogue: Catalogue) -> float | None:
        """Kilobytes of data storage that are left; None for the default, which is out of reach and not
        worth counting."""
        if self.options.data_storage_mb >= Options.data_storage_mb:
            return None
        return (self.options.data_storage_mb - self.data_storage_mb(catalogue)) * 1024

    def file_storage_mb(self) -> float:
        """Megabytes of file storage in use."""
        found = self.store.rows(
            'select coalesce(sum("ContentSize"), 0) from org."ContentVersion" where not "IsDeleted"'
        )
        return float(found[0][0]) / 1024 / 1024

    def report(self, catalogue: Catalogue) -> dict[str, dict[str, int]]:
        """The limits resource: maximum and remainder of each."""
        options = self.options

        def left(maximum: int, used: float) -> dict[str, Any]:
            return {"Max": maximum, "Remaining": max(0, maximum - int(used))}

        return {
            "DailyApiRequests": left(options.daily_api_requests, self.used("DailyApiRequests")),
            "DailyAsyncApexExecutions": left(250_000, 0),
            "DailyBulkApiBatches": left(options.daily_bulk_batches, self.used("DailyBulkApiBatches")),
            "DailyBulkV2QueryFileStorageMB": left(976_562, 0),
            "DailyBulkV2QueryJobs": left(10_000, self.used("DailyBulkV2QueryJobs")),
            "DailyBulkV2IngestRecords": left(BATCH_RECORDS, self.used("BulkRecords")),
            "DailyWorkflowEmails": left(1_000, 0),
            "DataStorageMB": left(options.data_storage_mb, self.data_storage_mb(catalogue)),
            "FileStorageMB": left(options.file_storage_mb, self.file_storage_mb()),
            "HourlyTimeBasedWorkflow": left(1_000, 0),
            "MassEmail": left(5_000, 0),
            "SingleEmail": left(5_000, 0),
            "PermissionSets": left(1_500, 0),
        }
