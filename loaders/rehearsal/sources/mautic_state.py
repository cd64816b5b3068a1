"""What the stand-in for Mautic's API can be told, and what it remembers: version, log-ins, tokens, faults.

`POST /mautic/_rehearsal` with a JSON object of settings replaces all of them while it runs, those left out
get their defaults; `GET` shows them. Same seed and same number of requests, same faults.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Shares are between 0 and 1 of all requests below /api."""

    version: str = "6.0.3"  # the twin has its schema
    api_enabled: bool = True
    basic_auth: bool = True
    username: str = "admin"
    password: str = "rehearsal"  # noqa: S105  the published default of a stand-in that only listens on loopback
    client_id: str = "rehearsal"
    client_secret: str = "rehearsal"  # noqa: S105
    token_seconds: float = 3600.0
    sees_others: bool = True  # whether the role of the user has "view others"
    tells_role: bool = True
    offset: str = "+00:00"  # in which the moments of records are written
    other_containers: bool = False  # lists where objects are usual and the other way round
    total_as_text: bool = True  # for contacts and companies, as Mautic does
    throttled: float = 0.0  # share of requests refused with 429
    retry_after: str = "random"  # always, never or random
    retry_seconds: int = 0
    requests_a_second: int = 0  # 0 is no limit; one more gets 429
    failing: float = 0.0  # share answered with 500
    dropped: float = 0.0  # share whose connection breaks before the answer
    cut: float = 0.0  # share whose answer ends half-way, the connection with it or as broken JSON
    halved: float = 0.0  # share of pages from which half of the rows are missing
    slow_seconds: float = 0.0
    delete_contacts: tuple[int, ...] = ()  # vanish from the database ...
    delete_after: int = 0  # ... with this request
    seed: int = 1


class State:
    """Settings and memory of one stand-in. Thread-safe."""

    def __init__(self) -> None:
        self.settings = Settings()
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}
        self.requests = 0
        self._second, self._in_second = 0, 0
        self.log: dict[str, int] = {}  # path to number of requests

    def change(self, given: dict[str, Any]) -> None:
        """Replaces the settings and starts counting anew. Raises TypeError for one that there is not."""
        with self._lock:
            if "delete_contacts" in given:
                given = {**given, "delete_contacts": tuple(given["delete_contacts"])}
            self.settings = Settings(**given)
            self.requests = 0
            self._tokens = {}
            self.log = {}

    def shown(self) -> dict[str, Any]:
        """Settings and counters."""
        return {"settings": asdict(self.settings), "requests": self.requests, "paths": dict(self.log)}

    def new_token(self) -> str:
        """An access token for as long as the settings say."""
        token = secrets.token_hex(20)
        with self._lock:
            self._tokens[token] = time.monotonic() + self.settings.token_seconds
        return token

    def token_is_valid(self, token: str) -> bool:
        """Whether the token was given out and has not expired."""
        with self._lock:
            return self._tokens.get(token, 0.0) > time.monotonic()

    def next_request(self, path: str) -> tuple[int, random.Random]:
        """The number of this request and its own chance."""
        with self._lock:
            self.requests += 1
            self.log[path] = self.log.get(path, 0) + 1
            return self.requests, random.Random(f"{self.settings.seed}:{self.requests}")

    def over_the_limit(self) -> bool:
        """Counts the request of this second; whether it is one too many."""
        limit = self.settings.requests_a_second
        with self._lock:
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._in_second = second, 0
            self._in_second += 1
            return bool(limit) and self._in_second > limit
