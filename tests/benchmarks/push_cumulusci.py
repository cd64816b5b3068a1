"""Pushes the rows of an SQLite file with CumulusCI's bulk step; run by bench_push.py in CumulusCI's environment.

python push_cumulusci.py FILE URL OBJECT KEY COLUMN...
"""

from __future__ import annotations

import json
import logging
import resource
import sqlite3
import sys
import time
from types import SimpleNamespace

from cumulusci.tasks.bulkdata.step import BulkApiDmlOperation, DataOperationType
from salesforce_bulk import SalesforceBulk


def main() -> None:
    """Prints rows, seconds and peak memory in MB as JSON."""
    file, url, sobject, key, *columns = sys.argv[1:]
    context = SimpleNamespace(
        bulk=SalesforceBulk(sessionId="token", host=url, API_version="62.0"),
        sf=None,
        logger=logging.getLogger("push"),
    )
    begun, cpu_before = time.perf_counter(), time.process_time()
    database = sqlite3.connect(file)
    keys: list[str] = []

    def rows():  # type: ignore[no-untyped-def]
        for row in database.execute("select * from rows_of"):
            keys.append(row[0])
            yield ["" if cell is None else cell for cell in row]

    step = BulkApiDmlOperation(
        sobject=sobject,
        operation=DataOperationType.UPSERT,
        api_options={"update_key": key},
        context=context,
        fields=columns,
    )
    with step:
        step.load_records(rows())
    ids = {key: result.id for key, result in zip(keys, step.get_results(), strict=True) if result.success}
    seconds = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = time.process_time() - cpu_before
    print(json.dumps({"rows": len(ids), "seconds": seconds, "cpu": cpu, "memory": memory}))


if __name__ == "__main__":
    main()
