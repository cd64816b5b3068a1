"""What Salesforce's error codes mean and whether sending again can help. Pure; reads errors.csv.

Messages are localised to the API user's language, so everything goes by code. A code that is not in the
registry is permanent and reported as unknown: sending a row again and again for a reason nobody understands
helps no one.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class ErrorKind:
    """One line of errors.csv; `klass` is `transient` or `permanent`."""

    code: str
    klass: str
    meaning: str
    next_step: str

    @property
    def is_transient(self) -> bool:
        """Whether the same row may be accepted when it is sent again."""
        return self.klass == "transient"


@cache
def registry() -> dict[str, ErrorKind]:
    """All known codes."""
    text = files("loaders.salesforce").joinpath("errors.csv").read_text(encoding="utf-8")
    kinds = (
        ErrorKind(row["code"], row["class"], row["meaning"], row["next_step"])
        for row in csv.DictReader(text.splitlines())
    )
    return {kind.code: kind for kind in kinds}


def kind_of(code: str) -> ErrorKind:
    """The registry's line for a code, or a permanent one that says the code is unknown."""
    return registry().get(
        code,
        ErrorKind(
            code,
            "permanent",
            "unknown code",
            "read the text; add the code to loaders/salesforce/errors.csv once its meaning is clear",
        ),
    )


def transient_codes() -> tuple[str, ...]:
    """Codes after which a row is sent again, sorted."""
    return tuple(sorted(code for code, kind in registry().items() if kind.is_transient))


def parse_row_error(text: str) -> tuple[str, str, str]:
    """(code, message, fields) of a row error such as `CODE:message:Field1 Field2 --`.

    The message may contain colons, so the code ends at the first colon and the fields begin after the last
    one.
    """
    code, _, rest = text.partition(":")
    message, colon, fields = rest.rpartition(":")
    if not colon:
        message, fields = rest, ""
    return code.strip(), message.strip(), fields.removesuffix("--").strip()
