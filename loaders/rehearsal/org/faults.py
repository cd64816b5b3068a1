"""Failing on purpose: a script of faults, each bound to calls or jobs by pattern, number or chance.

The script is YAML or JSON, a list of rules. Same seed and same calls, same faults.

    - {match: "PUT /jobs/ingest/*/batches", nth: 1, action: reset, when: after}
    - {match: "PUT /jobs/ingest/*/batches", nth: 2, action: status, status: 500, when: during}
    - {match: "GET /query*", probability: 0.05, action: status, status: 503, retry_after: 1}
    - {match: "* /jobs/*", nth: [3, 7], action: expire_session}
    - {object: Contact, operation: insert, nth: 1, action: lock_error, fraction: 0.1}

Call rules match method and path below /services/data/vXX.0 (or the whole path). Actions: `status`
(status 429, 500, 503 …, retry_after seconds), `reset` (the connection breaks), `expire_session`,
`revoke` (nobody gets a session for `seconds`, by default for good), `delay` (seconds), `change_describe` (the
`field` of `object` disappears, or with `change: require` becomes required). `when: after` lets the call take
effect first, `when: during` strikes in the middle of its body. Job rules match object and operation
of Bulk 2.0 ingest jobs. Actions: `slow` (seconds), `stuck`, `fail` (after_rows), `unprocessed` and
`lost_results` and `lock_error` and `storage_full` (fraction of the rows, the last two after_rows).

`nth` counts matches from 1, `every` strikes
each n-th, `times` bounds how often a rule strikes in all.
"""

from __future__ import annotations

import fnmatch
import json
import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from loaders.errors import ConfigurationError

CALL_ACTIONS = frozenset({"status", "reset", "expire_session", "revoke", "delay", "change_describe"})
JOB_ACTIONS = frozenset(
    {"slow", "stuck", "fail", "unprocessed", "lost_results", "lock_error", "storage_full"}
)
KNOWN = frozenset(
    [
        "match",
        "object",
        "operation",
        "nth",
        "every",
        "probability",
        "times",
        "action",
        "when",
        "status",
        "code",
        "message",
        "retry_after",
        "seconds",
        "after_rows",
        "fraction",
        "field",
        "change",
    ]
)
CODES = {
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "UNKNOWN_EXCEPTION",
    503: "SERVER_UNAVAILABLE",
    403: "REQUEST_LIMIT_EXCEEDED",
    401: "INVALID_SESSION_ID",
}


@dataclass
class Rule:
    """One line of the script, how often it was asked and how often it struck."""

    number: int
    spec: Mapping[str, Any]
    calls: int = 0
    hits: int = 0

    @property
    def action(self) -> str:
        """What the rule does."""
        return str(self.spec["action"])

    @property
    def text(self) -> str:
        """The rule in one line."""
        return json.dumps(dict(self.spec), sort_keys=True)

    @property
    def after(self) -> bool:
        """Whether the call takes effect before the fault."""
        return self.spec.get("when") == "after"

    @property
    def during(self) -> bool:
        """Whether the fault strikes while the body is on its way."""
        return self.spec.get("when") == "during"

    def value(self, name: str, default: float) -> float:
        """A number of the rule."""
        return float(self.spec.get(name, default))

    def strikes(self, seed: int) -> bool:
        """Counts one matching call and says whether the fault happens now."""
        self.calls += 1
        if "times" in self.spec and self.hits >= int(self.spec["times"]):
            return False
        nth, every, chance = self.spec.get("nth"), self.spec.get("every"), self.spec.get("probability")
        if nth is not None:
            due = self.calls in (nth if isinstance(nth, list) else [nth])
        elif every is not None:
            due = self.calls % int(every) == 0
        elif chance is not None:
            due = random.Random(f"{seed}:{self.number}:{self.calls}").random() < float(chance)
        else:
            due = True
        self.hits += due
        return due


@dataclass
class Faults:
    """The script of an org. Thread-safe."""

    rules: list[Rule] = field(default_factory=list)
    seed: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _jobs: dict[str, list[Rule]] = field(default_factory=dict)

    def for_call(self, method: str, path: str) -> Rule | None:
        """The fault that strikes this call, if any."""
        short = re.sub(r"^/services/data/v\d\d\.0", "", path).rstrip("/") or "/"
        with self._lock:
            for rule in self.rules:
                pattern = rule.spec.get("match")
                if pattern is None:
                    continue
                wanted, _, place = str(pattern).partition(" ")
                fits = wanted in ("*", method) and (
                    fnmatch.fnmatchcase(short, place) or fnmatch.fnmatchcase(path, place)
                )
                if fits and rule.strikes(self.seed):
                    return rule
        return None

    def for_job(self, job_id: str, object_name: str, operation: str) -> list[Rule]:
        """The faults of a job; decided when it is first asked for, then the same."""
        with self._lock:
            if job_id not in self._jobs:
                self._jobs[job_id] = [
                    rule
                    for rule in self.rules
                    if rule.action in JOB_ACTIONS
                    and rule.spec.get("object", object_name) == object_name
                    and rule.spec.get("operation", operation) == operation
                    and rule.strikes(self.seed)
                ]
            return self._jobs[job_id]

    def replace(self, specs: Sequence[Mapping[str, Any]]) -> None:
        """A new script instead of the old one. Raises ConfigurationError."""
        rules = [_checked(number, spec) for number, spec in enumerate(specs, 1)]
        with self._lock:
            self.rules = rules
            self._jobs = {}


def read_faults(path: Path | None, seed: int) -> Faults:
    """The script in a file; none without a file. Raises ConfigurationError naming the line that cannot
    be used."""
    faults = Faults(seed=seed)
    if path is None:
        return faults
    try:
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as problem:
        raise ConfigurationError(f"The fault script {path} cannot be read: {problem}") from None
    if not isinstance(specs, list):
        raise ConfigurationError(f"The fault script {path} is not a list of rules.")
    faults.replace(specs)
    return faults


def _checked(number: int, spec: object) -> Rule:
    if not isinstance(spec, Mapping):
        raise ConfigurationError(f"Fault {number} is not a mapping.")
    unknown = set(spec) - KNOWN
    if unknown:
        raise ConfigurationError(
            f"Fault {number} has unknown settings: {', '.join(sorted(map(str, unknown)))}."
        )
    action = spec.get("action")
    if action not in CALL_ACTIONS | JOB_ACTIONS:
        known = ", ".join(sorted(CALL_ACTIONS | JOB_ACTIONS))
        raise ConfigurationError(f"Fault {number}: unknown action {action!r}.", f"use one of {known}")
    if (action in CALL_ACTIONS) != ("match" in spec):
        raise ConfigurationError(
            f"Fault {number}: calls need `match`, jobs are matched by `object` and `operation`."
        )
    return Rule(number, dict(spec))
