"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum that survives
case-insensitive systems.

The rehearsal org numbers its records per object: three characters of key prefix, three of the org's
pod, nine of counter. Ascending counters give ascending ids. Every rule exists twice, as Python and as a
DuckDB expression.
"""

from __future__ import annotations

import re

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
POD = "5gR"
ID_PATTERN = re.compile(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?")


def checksum(short: str) -> str:
    """The three characters that make an 18-character id of a 15-character one."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, char in enumerate(short[start : start + 5]) if "A" <= char <= "Z")
        suffix += CHECKSUM[bits]
    return suffix


def make_id(prefix: str, number: int) -> str:
    """The 18-character id with this key prefix and counter."""
    digits = ""
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    short = prefix + POD + digits
    return short + checksum(short)


def long_id(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None if it is neither."""
    if not ID_PATTERN.fullmatch(text):
        return None
    return text if len(text) == 18 else text + checksum(text)


def make_id_sql(prefix: str, number: str) -> str:
    """DuckDB expression for `make_id(prefix, number)`; `number` is a BIGINT expression below 62^5."""
    head = prefix + POD + "0000"
    places = [f"(({number}) // {62**power}) % 62" for power in (4, 3, 2, 1, 0)]
    # chr() of a computed code: indexing into a constant text walks that text for every row.
    chars = " || ".join(
        f"chr(({place} + case when {place} < 10 then 48 when {place} < 36 then 55 else 61 end)::int)"
        for place in places
    )
    bits = " + ".join(
        f"(case when {place} between 10 and 35 then {1 << bit} else 0 end)"
        for bit, place in enumerate(places)
    )
    constant = checksum(head + "00000")[:2]
    last = f"chr((({bits}) + case when ({bits}) < 26 then 65 else 22 end)::int)"
    return f"('{head}' || {chars} || '{constant}' || {last})"


def long_id_sql(text: str) -> str:
    """DuckDB expression: the 18-character form of a trimmed id text, null if it is no id."""
    suffix = " || ".join(
        f"'{CHECKSUM}'["
        + " + ".join(
            f"(case when ascii(({text})[{start + bit + 1}]) between 65 and 90 then {1 << bit} else 0 end)"
            for bit in range(5)
        )
        + " + 1]"
        for start in (0, 5, 10)
    )
    return (
        f"(case when length({text}) = 18 and regexp_full_match({text}, '[0-9A-Za-z]+') then {text} "
        f"when length({text}) = 15 and regexp_full_match({text}, '[0-9A-Za-z]+') then {text} || {suffix} end)"
    )
