"""Values of a query: string escapes, ids, dates with zones, date literals such as LAST_N_DAYS:30."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from loaders.rehearsal.org.ids import CHECKSUM, checksum

_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    '"': '"',
    "'": "'",
    "\\": "\\",
    "_": "_",
    "%": "%",
}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}(\d+(?:\.\d+)?)", re.IGNORECASE | re.ASCII)
_N_LITERAL = re.compile(r"(LAST|NEXT)_N_(DAYS|WEEKS|MONTHS|QUARTERS|YEARS):(\d{1,5})")
_AGO_LITERAL = re.compile(r"N_(DAYS|WEEKS|MONTHS|QUARTERS|YEARS)_AGO:(\d{1,5})")
_NAMED = re.compile(r"(LAST|THIS|NEXT)_(WEEK|MONTH|QUARTER|YEAR)")

Range = tuple[date, date]


def text_of(raw: str) -> str:
    """The text that a quoted literal stands for. Raises ValueError with the wrong escape sequence."""
    return _ESCAPE.sub(_unescaped, raw[1:-1]) if "\\" in raw else raw[1:-1]


def like_pattern(raw: str) -> str:
    r"""The literal as a SQL LIKE pattern with escape character `\`: only bare `%` and `_` are wild.

    Raises ValueError with the wrong escape sequence.
    """

    def escaped(match: re.Match[str]) -> str:
        plain = _unescaped(match)
        return f"\\{plain}" if plain in ("%", "_", "\\") else plain

    return _ESCAPE.sub(escaped, raw[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    if len(code) == 5:
        letter = chr(int(code[1:], 16))
        if not "\ud800" <= letter <= "\udfff":
            return letter
    elif code in _ESCAPES:
        return _ESCAPES[code]
    raise ValueError(match.group(0))


def id_18(text: str) -> str | None:
    """The 18-character form of an id given with 15 or 18 characters; None when the text is no id.

    The case of an 18-character id is restored from its checksum, as the platform does.
    """
    if not _ID.fullmatch(text):
        return None
    if len(text) == 15:
        return text + checksum(text)
    bits = text[15:].upper()
    if any(letter not in CHECKSUM for letter in bits):
        return None
    letters = []
    for place, letter in enumerate(text[:15]):
        upper = CHECKSUM.index(bits[place // 5]) >> (place % 5) & 1
        letters.append(letter.upper() if upper else letter.lower())
    restored = "".join(letters)
    return restored + bits if checksum(restored) == bits else None


def number_of(text: str) -> int | float:
    """The number; integers stay exact. Raises ValueError when it does not fit."""
    if re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


def currency_of(word: str) -> float | None:
    """The amount of a currency literal such as USD500.25, else None."""
    match = _CURRENCY.fullmatch(word)
    return float(match.group(1)) if match else None


def datetime_of(text: str) -> datetime:
    """The moment in UTC, without zone as the store keeps it. Raises ValueError for an impossible one."""
    moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(text) from None


def date_range(word: str, now: datetime) -> Range | None:
    """First day and the day after the last one that a date literal means at `now` (UTC); None if it is none.

    Weeks begin on Sunday, quarters and fiscal periods follow the calendar year.
    """
    name = word.upper().replace("FISCAL_", "")
    today = now.date()
    try:
        if name in _DAYS:
            return _days(today, *_DAYS[name])
        if match := _NAMED.fullmatch(name):
            return _named(today, *match.groups())
        if match := _N_LITERAL.fullmatch(name):
            return _n_periods(today, *match.groups())
        if match := _AGO_LITERAL.fullmatch(name):
            unit, count = match.groups()
            return _period(today, unit.removesuffix("S"), -int(count))
    except (OverflowError, ValueError):
        raise ValueError(word) from None
    return None


_DAYS = {
    "TODAY": (0, 1),
    "YESTERDAY": (-1, 0),
    "TOMORROW": (1, 2),
    "LAST_90_DAYS": (-90, 1),
    "NEXT_90_DAYS": (1, 91),
}


def _days(today: date, first: int, end: int) -> Range:
    return today + timedelta(days=first), today + timedelta(days=end)


def _named(today: date, which: str, unit: str) -> Range:
    return _period(today, unit, {"LAST": -1, "THIS": 0, "NEXT": 1}[which])


def _n_periods(today: date, direction: str, units: str, count: str) -> Range:
    """LAST_N_DAYS:n includes today, NEXT_N_DAYS:n starts tomorrow; longer units leave the current one out."""
    number, unit = int(count), units.removesuffix("S")
    if unit == "DAY":
        return _days(today, -number, 1) if direction == "LAST" else _days(today, 1, number + 1)
    if direction == "LAST":
        return _period(today, unit, -number)[0], _period(today, unit, 0)[0]
    return _period(today, unit, 1)[0], _period(today, unit, number)[1]


def _period(today: date, unit: str, shift: int) -> Range:
    """The whole day, week, month, quarter or year that lies `shift` of them away from today's."""
    starts: dict[str, Callable[[int], date]] = {
        "DAY": lambda step: today + timedelta(days=step),
        "WEEK": lambda step: today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=step),
        "MONTH": lambda step: _month(today, step),
        "QUARTER": lambda step: _month(today.replace(month=(today.month - 1) // 3 * 3 + 1), step * 3),
        "YEAR": lambda step: date(today.year + step, 1, 1),
    }
    return starts[unit](shift), starts[unit](shift + 1)


def _month(today: date, step: int) -> date:
    months = today.year * 12 + today.month - 1 + step
    return date(months // 12, months % 12 + 1, 1)
