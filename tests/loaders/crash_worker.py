"""A load in a process of its own that can be killed at the n-th step; see test_crash.py.

A step is the moment before or after an HTTP call, a journal write, or a commit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from loaders.salesforce import parts
from loaders.salesforce.export import cut_for
from loaders.salesforce.ledger import Ledger
from loaders.salesforce.load import load
from loaders.salesforce.rollback import rollback
from loaders.salesforce.rollback_plan import Scope
from loaders.salesforce.session import Pace, _BigBlocks

KILLED = 137
JOURNAL = ("begin_run", "prepare_job", "job_created", "job_state", "collect", "write_blocked", "end_run")
PACE = Pace(attempts=3, first_wait=0.01, longest_wait=0.02, first_poll=0.005, longest_poll=0.05, rounds=2)
PART_BYTES = 700  # several parts: some jobs are done, others under way, others not begun


class Steps:
    """Counts steps and ends the process, as kill -9 would, when it comes to `last`."""

    def __init__(self, last: int | None) -> None:
        self.last = last
        self.names: list[str] = []

    def step(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.last:
            os._exit(KILLED)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            self.step(f"before {name}")
            answer = function(*arguments, **options)
            self.step(f"after {name}")
            return answer

        return wrapped


def _install(steps: Steps) -> None:
    """Puts the steps around every journal write, commit and HTTP call."""
    send, transaction = _BigBlocks.send, Ledger.transaction
    for name in JOURNAL:
        setattr(Ledger, name, steps.around(name, getattr(Ledger, name)))

    asked: set[str] = set()

    def counted_send(adapter: Any, request: Any, **options: Any) -> Any:
        if (
            request.method == "GET" and request.path_url in asked
        ):  # how often a job is looked at depends on the hour
            return send(adapter, request, **options)
        asked.add(request.path_url)
        path = "/".join(request.path_url.split("?")[0].split("/")[4:6])
        return steps.around(f"{request.method} {path}", send)(adapter, request, **options)

    @contextmanager
    def counted_transaction(ledger: Ledger) -> Iterator[None]:
        with transaction(ledger):
            yield
            steps.step("before commit")

    _BigBlocks.send = counted_send  # type: ignore[method-assign]
    Ledger.transaction = counted_transaction  # type: ignore[method-assign]


def undo(folder: Path, environment: dict[str, str], last: int | None, answer: Path, run_id: str) -> None:
    """Rolls a run back; writes what came of it and the steps to `answer`."""
    os.environ.update(environment)
    os.chdir(folder)
    steps = Steps(last)
    _install(steps)
    calm = replace(PACE, first_poll=0.2, longest_poll=0.2)  # so that a run has about as many steps as another
    result = rollback(Scope(run_id=run_id), pace=calm)
    answer.write_text(json.dumps({"exit_code": result.exit_code, "steps": steps.names}), encoding="utf-8")


def run(folder: Path, environment: dict[str, str], last: int | None, answer: Path) -> None:
    """Loads everything; writes what came of it, the steps, and what a further run would find, to `answer`."""
    os.environ.update(environment)
    os.chdir(folder)
    parts.PART_LIMIT = PART_BYTES
    parts.cut_for = lambda widest: cut_for(widest, PART_BYTES, PART_BYTES)  # type: ignore[assignment]
    steps = Steps(last)
    _install(steps)
    result = load(None, pace=PACE, preflight=False)
    names = list(steps.names)
    again = load(None, pace=PACE, dry_run=True, preflight=False)
    told = {
        "exit_code": result.exit_code,
        "steps": names,
        "again": [mart.plan_line for mart in again.marts],
    }
    answer.write_text(json.dumps(told), encoding="utf-8")
