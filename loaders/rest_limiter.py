"""How many requests a host gets at once, and how fast: learned from its answers, shared by all workers.

The limits of the sources' APIs are not published (COM-13), so nothing is assumed: a limiter begins with
`most` requests at once and no pause between them. A refusal (429, or 503 with Retry-After) halves the
requests at once and closes the host for as long as the answer says, else for a time with jitter that doubles
until something succeeds. Success opens it again, step by step. The pauses alone set the pace, whether the
limit counts seconds, hours or rolls dice. It knows seconds and refusals, not HTTP.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 4
PATIENCE = 3_900.0  # seconds without a single success; a limit by the hour needs more than one hour
LONGEST_GUESS = 60.0  # seconds closed after a refusal that does not say for how long
SHORTEST_GUESS = 0.25
LOOK_UP = 1.0  # seconds after which a waiting worker looks whether it is still wanted
STREAK = 10  # successes in a row that open the host by one step


class StoppedError(Exception):
    """Nobody waits for the answer any more."""


class HostLimiter:
    """The gate to one host. Thread-safe; every worker passes through `slot` and reports what came back."""

    def __init__(
        self, most: int = AT_ONCE, patience: float = PATIENCE, shortest_guess: float = SHORTEST_GUESS
    ) -> None:
        self.most = max(1, most)
        self.patience = patience
        self.shortest_guess = shortest_guess
        self.refusals = 0  # in all, for reports
        self.allowed = self.most  # requests at once, learned
        self._changed = threading.Condition()
        self._in_flight = 0
        self._in_a_row = 0  # refusals since the last success
        self._streak = 0
        self._open_at = 0.0
        self._last_success = time.monotonic()

    @contextmanager
    def slot(self, stopped: threading.Event) -> Iterator[None]:
        """Waits for a turn and holds it. Raises StoppedError once `stopped` is set."""
        self._enter(stopped)
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _enter(self, stopped: threading.Event) -> None:
        with self._changed:
            if not self._in_flight and not self._in_a_row:
                self._last_success = time.monotonic()  # idle time is no failure of the host
            while True:
                if stopped.is_set():
                    raise StoppedError
                now = time.monotonic()
                wait = self._open_at - now
                if wait <= 0 and self._in_flight < self.allowed:
                    break
                self._changed.wait(min(wait, LOOK_UP) if wait > 0 else LOOK_UP)
            self._in_flight += 1

    def succeeded(self) -> None:
        """The host answered; after a streak of answers it gets one request more at once."""
        with self._changed:
            self._last_success = time.monotonic()
            self._in_a_row = 0
            self._streak += 1
            if self._streak >= STREAK:
                self._streak = 0
                self.allowed = min(self.most, self.allowed + 1)
                self._changed.notify_all()

    def refused(self, retry_after: float | None) -> bool:
        """The host said no, for `retry_after` seconds if it told; False when patience has run out."""
        with self._changed:
            now = time.monotonic()
            self.refusals += 1
            self._streak = 0
            pause = retry_after
            if pause is None:
                guess = min(LONGEST_GUESS, self.shortest_guess * 2**self._in_a_row)
                pause = guess * random.uniform(0.5, 1.0)  # noqa: S311  jitter is no secret
            if now >= self._open_at:  # the first of a volley of refusals, the others tell nothing new
                self._in_a_row += 1
                self.allowed = max(1, self.allowed // 2)
            self._open_at = max(self._open_at, now + pause)
            return self._open_at - self._last_success <= self.patience


_limiters: dict[str, HostLimiter] = {}
_lock = threading.Lock()


def limiter_of(host: str, most: int = AT_ONCE) -> HostLimiter:
    """The one limiter of a host (name and port) in this process, whichever worker or table asks for it."""
    with _lock:
        if host not in _limiters:
            _limiters[host] = HostLimiter(most)
        return _limiters[host]
