"""The rehearsal org as one object: catalogue, store, sessions, limits and jobs behind the API modules.

An `Org` is thread-safe: readers work on committed snapshots, writers queue for the store's only writing
connection.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loaders.rehearsal.metadata.effects import grants_stamp, with_deployed
from loaders.rehearsal.org.batch_sql import NULL_MARKER, Context
from loaders.rehearsal.org.catalogue import Catalogue, standard_catalogue
from loaders.rehearsal.org.declared import Declaration, with_audit_fields
from loaders.rehearsal.org.duplicates import with_standard_rules
from loaders.rehearsal.org.edits import Edits, read_edits
from loaders.rehearsal.org.failures import OrgError
from loaders.rehearsal.org.faults import read_faults
from loaders.rehearsal.org.from_snapshot import absent_objects, bring_in, snapshot_objects, with_limits
from loaders.rehearsal.org.jobs import Job, Jobs
from loaders.rehearsal.org.limits import Limits
from loaders.rehearsal.org.options import Options
from loaders.rehearsal.org.seeding import organization_id, seed_org, sync_users
from loaders.rehearsal.org.store import Store

if TYPE_CHECKING:
    from loaders.rehearsal.org.bulk_results import Queries
    from loaders.rehearsal.org.ingest import Ingest


@dataclass(frozen=True)
class Session:
    """Somebody who is logged in."""

    token: str
    user_id: str
    expires_at: float


class Org:
    """A running org. Close it, or use it as a context manager."""

    def __init__(self, options: Options) -> None:
        self.options = options = with_limits(options)
        self.store = Store(options.state, options.memory_limit)
        self.org_id = organization_id(self.store)
        self._declaration = Declaration(options.declare, options.field_maps)
        self._lock = threading.Lock()
        self._grants: tuple[object, ...] = ()
        self._changes: list[tuple[str, str, bool]] = []
        self._declaration.changed()
        # Rules read tables of objects that this org may not show.
        self.store.fit(standard_catalogue())
        self._catalogue = self._build_catalogue()
        self.store.fit(self._catalogue)
        seed_org(self.store, standard_catalogue().with_objects(self._catalogue.objects.values()), self.org_id)
        sync_users(self.store, self._catalogue, options.users)
        if options.snapshot and bring_in(self.store, self._catalogue, options.snapshot):
            self._catalogue = self._build_catalogue()
            self.store.fit(self._catalogue)
        self.admin_id = self.store.setting("admin_id") or ""
        self.limits = Limits(options, self.store)
        self.faults = read_faults(options.faults, options.seed)
        self._closed_until = 0.0
        self.edits = Edits(self)
        if options.edits:
            self.edits.replace(read_edits(options.edits))
        self.described_at = time.time()
        self._sessions: dict[str, Session] = {
            token: Session(token, user, expires)
            for token, user, expires in self.store.rows(
                "select token, user_id, expires_at from meta.sessions"
            )
        }
        self.jobs = Jobs(self.store, self)

    def __enter__(self) -> Org:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the work at hand and lets go of the files."""
        self.jobs.stop()
        self.limits.save()
        self.store.close()

    @property
    def catalogue(self) -> Catalogue:
        """The current catalogue; keep the reference for the length of a request."""
        if self._declaration.changed() or self._grants_changed() or self.store.lost_columns:
            self.refresh()
        return self._catalogue

    def refresh(self) -> None:
        """Builds the catalogue again, after a deployment or a change of what is declared or granted."""
        with self.store.write(), self._lock:  # in this order: a writer may be the one who asks
            self.extend(self._build_catalogue())

    def _grants_changed(self) -> bool:
        """True once after every change of permission set assignments, where field-level security is on."""
        if not self.options.field_security:
            return False
        before, self._grants = self._grants, grants_stamp(self.store)
        return before != self._grants

    def extend(self, catalogue: Catalogue) -> None:
        """Swaps the catalogue and makes room for its new objects and fields."""
        self.store.fit(catalogue)
        self._catalogue = catalogue
        self.described_at = time.time()

    def _build_catalogue(self) -> Catalogue:
        catalogue = standard_catalogue()
        if self.options.snapshot:
            catalogue = catalogue.with_objects(snapshot_objects(self.options.snapshot))
        catalogue = catalogue.with_fields(self._declaration.fields())
        catalogue = with_deployed(catalogue, self.store, field_security=self.options.field_security)
        catalogue = with_standard_rules(catalogue, self.options.duplicate_rules)
        catalogue = catalogue.without(absent_objects(self.options))
        catalogue = with_audit_fields(catalogue) if self.options.audit_fields else catalogue
        for name, field, require in self._changes:
            catalogue = catalogue.with_changed_field(name, field, require=require)
        return catalogue

    @property
    def ingest(self) -> Ingest:
        """What works on ingest jobs."""
        from loaders.rehearsal.org.ingest import Ingest

        return Ingest(self)

    @property
    def queries(self) -> Queries:
        """What works on query jobs."""
        from loaders.rehearsal.org.bulk_results import Queries

        return Queries(self)

    def step(self, job: Job) -> None:
        """Lets a job advance by one batch."""
        (self.ingest if job.kind == "ingest" else self.queries).step(job)

    def fail(self, job: Job, message: str) -> None:
        """Ends a job that cannot go on."""
        (self.ingest if job.kind == "ingest" else self.queries).fail(job, message)

    def context(self, session: Session, api: str = "rest", null_marker: str = NULL_MARKER) -> Context:
        """Who writes, for the writer."""
        options, catalogue = self.options, self.catalogue
        return Context(
            catalogue,
            session.user_id,
            api,
            null_marker,
            email_tasks=options.email_tasks,
            several_accounts=options.several_accounts,
            inactive_owners=options.inactive_owners,
            storage_left=self.limits.storage_left(catalogue),
        )

    def revoke(self, seconds: float) -> None:
        """Ends all sessions and grants no new one for a while, as when somebody withdraws the client's access."""
        self._closed_until = time.time() + seconds
        self.logout()

    @property
    def revoked(self) -> bool:
        """Whether nobody gets a session now."""
        return time.time() < self._closed_until

    def change_describe(self, name: str, field: str, *, require: bool) -> None:
        """Takes a field away, or makes it required, while clients are at work. Raises OrgError for an unknown one."""
        if not self._catalogue.has(name) or not self._catalogue.object(name).has(field):
            raise OrgError(400, "INVALID_FIELD", f"No such column '{field}' on sobject of type {name}")
        self._changes.append((name, field, require))
        self.refresh()

    def login(self, user_id: str) -> Session:
        """A new session of that user."""
        token = f"{self.org_id[:15]}!{secrets.token_urlsafe(60)}"
        session = Session(token, user_id, time.time() + self.options.session_seconds)
        with self.store.write() as connection:
            connection.execute("delete from meta.sessions where expires_at < ?", [time.time()])
            connection.execute(
                "insert into meta.sessions values (?, ?, ?)", [token, user_id, session.expires_at]
            )
        self._sessions[token] = session
        return session

    def session(self, token: str) -> Session | None:
        """The session of a token, None when there is none or it has expired."""
        found = self._sessions.get(token)
        if found is None or found.expires_at < time.time():
            return None
        return found

    def logout(self, token: str | None = None) -> None:
        """Ends one session, or all of them."""
        with self.store.write() as connection:
            if token is None:
                self._sessions.clear()
                connection.execute("delete from meta.sessions")
            else:
                self._sessions.pop(token, None)
                connection.execute("delete from meta.sessions where token = ?", [token])
