"""The limiter that learns what a host allows, shared by all workers of that host."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
import requests

from loaders.rest_client import _retry_after
from loaders.rest_limiter import STREAK, HostLimiter, StoppedError, limiter_of

GO = threading.Event()


def answer(status: int, **headers: str) -> requests.Response:
    """An answer with these headers."""
    made = requests.Response()
    made.status_code = status
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


@pytest.mark.requirement("COM-13")
def test_a_refusal_closes_the_host_for_every_worker() -> None:
    limiter = HostLimiter(4)
    limiter.refused(0.3)
    begin = time.monotonic()

    def work(_: int) -> float:
        with limiter.slot(GO):
            return time.monotonic() - begin

    with ThreadPoolExecutor(4) as workers:
        waited = list(workers.map(work, range(4)))
    assert min(waited) >= 0.29


@pytest.mark.requirement("COM-13")
def test_refusals_halve_what_goes_at_once_and_success_opens_it_again() -> None:
    limiter = HostLimiter(8)
    limiter.refused(0.0)
    limiter.refused(0.0)
    assert limiter.allowed == 2
    for _ in range(STREAK):
        limiter.succeeded()
    assert limiter.allowed == 3
    for _ in range(STREAK * 20):
        limiter.succeeded()
    assert limiter.allowed == 8


def test_a_volley_of_refusals_counts_as_one() -> None:
    limiter = HostLimiter(8)
    for _ in range(4):
        limiter.refused(0.5)
    assert limiter.allowed == 4
    assert limiter.refusals == 4


def test_without_a_hint_the_pause_doubles_until_something_succeeds() -> None:
    limiter = HostLimiter(1, shortest_guess=10.0)
    pauses = []
    for _ in range(3):
        limiter._open_at = 0.0
        limiter.refused(None)
        pauses.append(limiter._open_at - time.monotonic())
    assert 4.9 <= pauses[0] <= 10 < 19.9 <= pauses[2] <= 40
    limiter.succeeded()
    limiter._open_at = 0.0
    limiter.refused(None)
    assert limiter._open_at - time.monotonic() <= 10


def test_no_more_than_allowed_go_at_once() -> None:
    limiter = HostLimiter(2)
    inside = most = 0
    lock = threading.Lock()

    def work(_: int) -> None:
        nonlocal inside, most
        with limiter.slot(GO):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(20)))
    assert most == 2


def test_patience_ends_when_the_host_asks_for_more_than_there_is() -> None:
    limiter = HostLimiter(1, patience=60)
    assert limiter.refused(30)
    assert not limiter.refused(90)


def test_nobody_waits_for_what_is_not_wanted_any_more() -> None:
    limiter, stopped = HostLimiter(1), threading.Event()
    limiter.refused(600)
    threading.Timer(0.1, stopped.set).start()
    with pytest.raises(StoppedError), limiter.slot(stopped):
        pytest.fail("the host is closed")


def test_one_host_has_one_limiter() -> None:
    assert limiter_of("a.example") is limiter_of("a.example")
    assert limiter_of("a.example") is not limiter_of("b.example")


@pytest.mark.requirement("COM-13")
def test_the_time_to_wait_is_read_in_every_spelling() -> None:
    assert _retry_after(answer(429, Retry_After="7")) == 7
    assert _retry_after(answer(503, Retry_After="1.5")) == 1.5
    assert _retry_after(answer(429)) is None
    assert _retry_after(answer(429, Retry_After="soon")) is None
    in_a_minute = _retry_after(answer(429, Retry_After=formatdate(time.time() + 60, usegmt=True)))
    assert in_a_minute is not None
    assert 55 <= in_a_minute <= 61
    reset = _retry_after(answer(429, X_RateLimit_Reset=str(int(time.time()) + 30)))
    assert reset is not None
    assert 27 <= reset <= 31
    assert _retry_after(answer(200, X_RateLimit_Reset=str(int(time.time()) + 30))) is None
    assert _retry_after(answer(429, Retry_After=formatdate(time.time() - 60, usegmt=True))) == 0
