"""What can go wrong, by exit code.

    MigrationError
    ├── RefusedError          1  rows were refused or a gate is closed
    ├── ConfigurationError    2  wrong usage, settings or schema; nothing was sent
    └── RemoteError           3  a source or the org failed and the retries ran out; resumable

Every error says what is wrong and, where there is one, the next step. Messages never carry secrets: pass URLs through
`without_password` first.
"""

from __future__ import annotations

import re


class MigrationError(Exception):
    """Base of all errors that a user can act on; `exit_code` is what the command returns."""

    exit_code = 1

    def __init__(self, message: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\nNext: {self.next_step}" if self.next_step else self.message


class RefusedError(MigrationError):
    """Salesforce refused rows, rows are held back, or a gate is closed."""

    exit_code = 1


class ConfigurationError(MigrationError):
    """Wrong usage, a missing setting, or a schema that does not fit; nothing was sent."""

    exit_code = 2


class RemoteError(MigrationError):
    """A source system or the org failed and the retries ran out; the same command resumes."""

    exit_code = 3


def without_password(url: str) -> str:
    """The URL with its password, if any, replaced by `***`, fit for messages and logs."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", url)
