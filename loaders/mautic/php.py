"""PHP `serialize()` text to JSON text (SRC-02), for some forty columns of Mautic.

PHP arrays with the keys 0..n-1 become lists, all others objects; an empty array is ambiguous and becomes a
list. A DateTime becomes an ISO instant in UTC. Any other class, a reference, a number that JSON does not
have, bytes that are no UTF-8 and text behind the value are refused: the caller then lands the value as it
is and reports it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import phpserialize

_DATE_CLASSES = ("DateTime", "DateTimeImmutable")
_FIXED_ZONES = {"UTC": 0, "Z": 0, "GMT": 0, "CET": 1, "CEST": 2, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5}
_FIXED_ZONES |= {
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "BST": 1,
    "EET": 2,
    "EEST": 3,
    "WET": 0,
    "WEST": 1,
}


class UndecodableError(ValueError):
    """The text is no PHP serialization that JSON can hold; the message says why and quotes no value."""


def to_json(text: str) -> str:
    """The JSON text of one PHP-serialized value, `null` for PHP's null. Raises UndecodableError."""
    raw = text.encode("utf-8")  # lengths inside are bytes, not characters
    stream = BytesIO(raw)
    try:
        value = phpserialize.load(
            stream, errors="strict", decode_strings=True, object_hook=_object, array_hook=_array
        )
    except UndecodableError:
        raise
    except RecursionError:
        raise UndecodableError("nested too deeply") from None
    except Exception as error:
        # the parser raises whatever its int() or decode() met; the text may hold personal data, so only the
        # kind is kept
        raise UndecodableError(f"no valid PHP serialization ({type(error).__name__})") from None
    if stream.read(1):
        raise UndecodableError("text follows the serialized value")
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise UndecodableError("a number that JSON does not have") from None


def _array(items: list[tuple[Any, Any]]) -> list[Any] | dict[str, Any]:
    """A list when the keys are 0..n-1 in order, else an object whose keys are text."""
    if all(type(key) is int and key == position for position, (key, _) in enumerate(items)):
        return [value for _, value in items]
    if not all(isinstance(key, int | str) for key, _ in items):
        raise UndecodableError("an array key that is neither number nor text")
    return {str(key): value for key, value in items}


def _object(name: str, members: dict[str, Any]) -> str:
    """The ISO instant of a DateTime; raises UndecodableError for every other class."""
    if name not in _DATE_CLASSES:
        raise UndecodableError(f"object of class {name}")
    try:
        local = datetime.strptime(members["date"], "%Y-%m-%d %H:%M:%S.%f")
        instant = local.replace(tzinfo=_zone(str(members["timezone"]))).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UndecodableError(f"DateTime without a usable date or zone ({type(error).__name__})") from None
    return instant.isoformat(timespec="microseconds" if instant.microsecond else "seconds").replace(
        "+00:00", "Z"
    )


def _zone(name: str) -> tzinfo:
    """PHP writes an offset (+02:00), an abbreviation (CEST) or a zone name. Raises ValueError for others."""
    if name[:1] in "+-":
        hours, _, minutes = name[1:].partition(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-offset if name[0] == "-" else offset)
    if name.upper() in _FIXED_ZONES:
        return timezone(timedelta(hours=_FIXED_ZONES[name.upper()]))
    return ZoneInfo(name)
