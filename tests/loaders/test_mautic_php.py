"""PHP serialization to JSON: exact, or refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import phpserialize
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.mautic import php

pytestmark = pytest.mark.requirement("SRC-02")

TEXT = st.text(st.characters(exclude_categories=("Cs",)))
# A key of digits only is a whole number in PHP; it has its own test.
KEYS = TEXT.filter(lambda key: not key.lstrip("-").isdigit())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, min_size=1, max_size=4),
    max_leaves=15,
)


@given(VALUES)
def test_what_php_wrote_is_what_json_says(value: Any) -> None:
    assert json.loads(php.to_json(phpserialize.dumps(value).decode())) == value


@given(st.binary(max_size=60) | TEXT.map(str.encode))
def test_any_other_text_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    try:
        json.loads(php.to_json(noise.decode("utf-8", "replace")))
    except php.UndecodableError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("N;", None),
        ("a:0:{}", []),
        ('s:4:"🌟";', "🌟"),  # the length counts bytes
        ('a:2:{i:0;s:1:"a";i:1;s:1:"b";}', ["a", "b"]),
        ('a:2:{i:1;s:1:"a";i:0;s:1:"b";}', {"1": "a", "0": "b"}),
        ('a:1:{i:1;s:1:"a";}', {"1": "a"}),
        ('a:2:{i:0;s:1:"a";s:7:"bounces";b:1;}', {"0": "a", "bounces": True}),
        ("d:3;", 3.0),
        ("d:0.1;", 0.1),
        ("i:-9223372036854775808;", -(2**63)),
        ('s:12:"a";s:1:"b";"";', 'a";s:1:"b";"'),
    ],
)
def test_shapes_that_mautic_writes(text: str, expected: Any) -> None:
    assert json.loads(php.to_json(text)) == expected


def date_time(name: str, date: str, kind: int, zone: str) -> str:
    """A DateTime as PHP writes it."""
    return (
        f'O:{len(name)}:"{name}":3:{{s:4:"date";s:{len(date)}:"{date}";s:13:"timezone_type";i:{kind};'
        f's:8:"timezone";s:{len(zone)}:"{zone}";}}'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (date_time("DateTime", "2024-07-01 12:00:00.000000", 3, "Europe/Berlin"), "2024-07-01T10:00:00Z"),
        (date_time("DateTime", "2024-01-01 00:30:00.000000", 3, "Asia/Kolkata"), "2023-12-31T19:00:00Z"),
        (
            date_time("DateTimeImmutable", "2024-01-01 12:00:00.250000", 1, "-03:30"),
            "2024-01-01T15:30:00.250000Z",
        ),
        (date_time("DateTime", "2024-01-01 12:00:00.000000", 2, "EST"), "2024-01-01T17:00:00Z"),
        (date_time("DateTime", "2024-01-01 12:00:00.000000", 3, "UTC"), "2024-01-01T12:00:00Z"),
    ],
)
def test_a_date_becomes_an_instant(text: str, expected: str) -> None:
    assert json.loads(php.to_json(text)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no valid"),
        ("plain text", "no valid"),
        ('{"json": 1}', "no valid"),
        ('s:3:"ab";', "no valid"),
        ("a:1:{i:0;i:1;}rest", "text follows"),
        ("d:NAN;", "a number that JSON does not have"),
        ("d:INF;", "a number that JSON does not have"),
        ('O:8:"stdClass":0:{}', "object of class stdClass"),
        ("a:2:{i:0;a:0:{}i:1;R:2;}", "no valid"),
        ("a:1:{d:1.5;i:1;}", "an array key"),
        (date_time("DateTime", "2024-01-01 12:00:00.000000", 3, "Nowhere/Land"), "DateTime without"),
        (date_time("DateTime", "yesterday", 3, "UTC"), "DateTime without"),
        ("a:1:{i:0;" * 5000, "nested too deeply"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(php.UndecodableError, match=reason):
        php.to_json(text)
