"""Who writes, when, and under which of the org's settings: what the batch writer needs to know of a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from loaders.rehearsal.org.catalogue import Catalogue
from loaders.rehearsal.org.store import literal

NULL_MARKER = "#N/A"


@dataclass(frozen=True)
class Context:
    """Who writes, through which API ("rest" or "bulk"), and when (UTC, whole seconds).

    `now_text` and `user_text` are SQL that stands for time and user in a prepared statement.
    """

    catalogue: Catalogue
    user_id: str
    api: str = "rest"
    null_marker: str = NULL_MARKER
    email_tasks: bool = False
    several_accounts: bool = True
    inactive_owners: bool = False
    save_duplicates: bool = False
    storage_left: float | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0, tzinfo=None))
    now_text: str = ""
    user_text: str = ""

    @property
    def now_sql(self) -> str:
        """The time of the write as SQL."""
        return self.now_text or f"timestamp '{self.now:%Y-%m-%d %H:%M:%S}'"

    @property
    def user_sql(self) -> str:
        """Who writes, as SQL."""
        return self.user_text or literal(self.user_id)
