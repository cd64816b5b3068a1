"""Writes the synthetic Mautic into any database: SQLite by default, MariaDB to rehearse the real thing."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from loaders import project
from loaders.errors import ConfigurationError, RemoteError, without_password
from loaders.rehearsal.twin.mautic_activity import TAGS, Activity
from loaders.rehearsal.twin.mautic_rows import MauticRows, Row
from loaders.rehearsal.twin.mautic_schema import FRESH, MARKER, Shape, registry_rows, tables

SEED = 20_240_229
BATCH = 2_000
FILES = "files"  # folder of the assets' files, as in Mautic's media folder


@dataclass(frozen=True)
class SeedResult:
    """What was written: rows per table, the database without its password, and the file with the org's
    users.
    """

    counts: dict[str, int]
    url: str
    users_file: Path


def seed(contacts: int = 2_000, url: str | None = None, seed: int = SEED, prefix: str = "") -> SeedResult:
    """Writes the twin and data/twin/org_users.csv; without a URL into data/twin/mautic.sqlite. Raises as
    `write_mautic`.
    """
    target = url or f"sqlite:///{project.twin_dir() / 'mautic.sqlite'}"
    counts = write_mautic(target, contacts, seed, prefix, files=project.twin_dir() / FILES)
    users = write_org_users(project.twin_dir() / "org_users.csv", seed)
    return SeedResult(counts, without_password(target), users)


def write_mautic(
    url: str,
    contacts: int = 2_000,
    seed: int = SEED,
    prefix: str = "",
    refused: bool = False,
    batch: int = BATCH,
    shape: Shape = FRESH,
    tags: int = TAGS,
    files: Path | None = None,
) -> dict[str, int]:
    """Writes a twin with this many contacts and returns the rows per table; an earlier twin is replaced.

    `shape` is the release and its plugins, `tags` the number of tags, `files` the folder for the assets' files
    (none are written without it).

    Raises ConfigurationError for a number below one, a wrong URL or a database that holds tables which this
    function did not make (they would be lost), RemoteError when the database does not answer.
    """
    if contacts < 1:
        raise ConfigurationError(f"A twin of {contacts} contacts is not possible.", "ask for at least one")
    twin = _Twin(MauticRows(contacts, seed, refused), prefix, batch, shape, tags, files)
    try:
        target = sa.make_url(url)
        if target.get_backend_name() == "sqlite" and target.database:
            return _write_file(Path(target.database), twin)
        engine = sa.create_engine(target)
        try:
            return _write(engine, twin)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        original = getattr(error, "orig", None) or error
        reason = without_password(str(original).splitlines()[0])
        raise RemoteError(
            f"Writing the twin to {without_password(url)} failed: {reason}",
            "check the URL, such as mysql+pymysql://user:password@localhost/twin; the database must exist",
        ) from error


def write_org_users(path: Path, seed: int = SEED) -> Path:
    """Writes the rehearsal org's users: the twin's owners by e-mail, some in another case, all of them
    active.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("username", "email", "first_name", "last_name", "is_active"))
        for user in MauticRows(1, seed).user_list:
            email = user["email"].title() if user["id"] % 3 == 0 else user["email"]
            writer.writerow(
                (
                    f"{user['username']}@rehearsal.example",
                    email,
                    user["first_name"],
                    user["last_name"],
                    "true",
                )
            )
    return path


@dataclass(frozen=True)
class _Twin:
    """What is to be written, and how."""

    rows: MauticRows
    prefix: str
    batch: int
    shape: Shape
    tags: int
    files: Path | None


def _write_file(path: Path, twin: _Twin) -> dict[str, int]:
    """A SQLite file is written beside the old one and then takes its place, so that an interruption leaves
    no half twin.
    """
    _refuse_foreign(path, twin.prefix)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///{part}")
    try:
        counts = _write(engine, twin)
    finally:
        engine.dispose()
    os.replace(part, path)
    return counts


def _refuse_foreign(path: Path, prefix: str) -> None:
    """Raises ConfigurationError if the file is no twin of ours."""
    if path.exists() and path.stat().st_size:
        engine = sa.create_engine(f"sqlite:///{path}")
        try:
            names = set(sa.inspect(engine).get_table_names())
        finally:
            engine.dispose()
        if not any(name.endswith(MARKER) for name in names):
            raise _foreign(prefix)


def _foreign(prefix: str) -> ConfigurationError:
    return ConfigurationError(
        f"The database has tables that are no synthetic twin ({prefix}leads and others); they would be lost.",
        "give an empty database, another prefix or another file",
    )


def _write(engine: Engine, twin: _Twin) -> dict[str, int]:
    """Replaces the twin's tables and fills them. Raises ConfigurationError if they are not the twin's."""
    rows, activity = twin.rows, Activity(twin.rows, twin.tags)
    targets = tables(twin.prefix, engine.dialect.name, twin.shape)
    present = set(sa.inspect(engine).get_table_names())
    if present & {table.name for table in targets.values()} and targets[MARKER].name not in present:
        raise _foreign(twin.prefix)
    _drop(engine, twin.prefix, present)
    targets[MARKER].create(engine)  # first, so that an interrupted twin is known as one
    targets[MARKER].metadata.create_all(engine)
    makers: dict[str, Callable[[], Iterable[Row]]] = {
        "roles": rows.roles,
        "users": lambda: rows.user_list,
        "stages": rows.stages,
        "companies": rows.companies,
        "leads": lambda: activity.watch(rows.leads()),
        "companies_leads": rows.memberships,
        "lead_fields": registry_rows,
        MARKER: lambda: [{"seed": rows.seed, "contacts": rows.contacts}],
    }
    counts = {name: _fill(engine, targets[name], make(), twin.batch) for name, make in makers.items()}
    counts.pop(MARKER)
    activity.make(twin.files)
    results = tables(twin.prefix, engine.dialect.name, twin.shape, activity.form_results())
    results[MARKER].metadata.create_all(engine)
    others = (name for name in results if name not in makers)
    return counts | {name: _fill(engine, results[name], activity.rows(name), twin.batch) for name in others}


def _drop(engine: Engine, prefix: str, present: set[str]) -> None:
    """Drops an earlier twin, of whatever shape, with its per-form tables; the marker last."""
    shapes = tables(prefix, engine.dialect.name)
    ours = [table.name for table in shapes.values()]
    ours += [name for name in present if name.startswith(f"{prefix}form_results_")]
    quote = engine.dialect.identifier_preparer.quote_identifier
    with engine.begin() as session:
        for name in sorted(set(ours) & present, key=lambda name: name.endswith(MARKER)):
            session.exec_driver_sql(f"drop table {quote(name)}")


def _fill(engine: Engine, table: sa.Table, rows: Iterable[Row], batch: int) -> int:
    """Inserts in batches, one transaction each, so that memory does not grow with rows. Values of columns that
    this release does not have are left out.
    """
    count, rows, names = 0, iter(rows), set(table.columns.keys())
    while part := list(islice(rows, batch)):
        kept = [{name: value for name, value in row.items() if name in names} for row in part]
        with engine.begin() as session:
            session.execute(sa.insert(table), kept)
        count += len(part)
    return count
