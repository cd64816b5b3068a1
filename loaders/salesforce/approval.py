"""The evidence that a production load needs: what was approved, by whom, and whether it is still what would be loaded (C15).

An approval is a JSON file in approvals/, reviewed in git like the mapping. It holds hashes of the raw data (a table),
of the mapping (a file), of the schema package, and the results of reconciliation and spot checks that the person
looked at. A production load compares raw data, mapping and schema with the newest approval of its target and names
what differs. Raw tables are hashed in DuckDB, in any order of rows, without what dlt adds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from loaders.errors import ConfigurationError, RefusedError
from loaders.project import project_dir, warehouse_path
from loaders.salesforce.export import literal, quoted
from loaders.salesforce.run_facts import facts
from loaders.salesforce.schema import package_hash
from loaders.salesforce.schema_run import project_request

FOLDER = "approvals"
MAPPING = ("dbt_project.yml", "seeds/**/*.csv", "models/**/*.sql", "models/**/*.yml", "macros/**/*.sql")
STAMPS = ("landed_at", "read_at", "fetched_at")  # when a row was landed, which is no part of it
SHOWN = 10


@dataclass(frozen=True)
class Approval:
    """One approval as it lies in its file."""

    file: str
    body: Mapping[str, Any]

    @property
    def who(self) -> str:
        """`approvals/x.json (Ann Example, 2026-11-22T03:00:00Z)`."""
        return f"{self.file} ({self.body.get('approved_by')}, {self.body.get('approved_at')})"


def approve(target: str, by: str, note: str = "", sheet: Path | None = None) -> Path:
    """The file of a new approval for `target`, made from what is landed, mapped and reconciled now.

    `sheet` is the signed list of spot checks. Raises RefusedError when the reconciliation or the spot checks are
    missing or not clean, ConfigurationError without a warehouse.
    """
    body: dict[str, Any] = {
        "target": target,
        "approved_by": by,
        "approved_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "note": note,
        "git_commit": facts([])["git_commit"],
        **current_hashes(),
        "reconciliation": _reconciliation(),
        "spot_checks": _spot_checks(sheet),
    }
    body["digest"] = _digest(body)
    stamp = body["approved_at"].replace("-", "").replace(":", "")
    file = project_dir() / FOLDER / f"{target}-{stamp}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return file


def current_hashes() -> dict[str, Any]:
    """The hashes of raw data, mapping and schema package as they are now, each part by its name."""
    return {
        "raw": hash_raw(warehouse_path()),
        "mapping": hash_mapping(project_dir()),
        "schema_package": package_hash(project_request()),
    }


def check_approval(target: str) -> Approval:
    """The approval under which `target` may be loaded now.

    Raises RefusedError when there is none, when its file was changed afterwards, or when something differs from it; the
    message names each.
    """
    again = f"load-sf approve --target {target} --by NAME"
    found = newest_approval(target)
    if found is None:
        raise RefusedError(
            f"Target {target} is a production org and {FOLDER}/ has no approval for it. Nothing was sent.",
            f"load a sandbox, `load-sf reconcile` it, then `{again}`",
        )
    if found.body.get("digest") != _digest(found.body):
        raise RefusedError(
            f"{found.file} is not as it was written: its digest does not fit its content. Nothing was sent.",
            f"restore the file from git, or approve again: {again}",
        )
    different = list(differences(found.body, current_hashes()))
    if different:
        named = "\n".join(f"  {line}" for line in different[:SHOWN])
        more = f"\n  and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
        raise RefusedError(
            f"What would be loaded is not what {found.who} approved; nothing was sent:\n{named}{more}",
            f"undo the change, or reconcile a sandbox with it and approve again: {again}",
        )
    return found


def newest_approval(target: str) -> Approval | None:
    """The approval of `target` that was made last. Raises ConfigurationError for a file that is no approval."""
    found = []
    for path in sorted((project_dir() / FOLDER).glob("*.json")):
        name = f"{FOLDER}/{path.name}"
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            if body["target"] == target:
                found.append((str(body["approved_at"]), Approval(name, body)))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{name} is no approval: {error!r}.", "restore it from git or remove it"
            ) from error
    return max(found, key=lambda one: (one[0], one[1].file))[1] if found else None


def differences(approved: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    """One line for each raw table, mapping file or schema package that is not as it was approved. Pure."""
    for part, what in (("raw", "raw table"), ("mapping", "mapping file")):
        before, after = approved.get(part) or {}, now[part]
        for name in sorted({*before, *after}):
            if name not in after:
                yield f"{what} {name} was approved and is not there any more"
            elif name not in before:
                yield f"{what} {name} is new since the approval"
            elif before[name] != after[name]:
                yield f"{what} {name} differs{_rows_of(before[name], after[name])}"
    if approved.get("schema_package") != now["schema_package"]:
        yield "the schema package differs (`load-sf schema write --offline --to FOLDER` shows it)"


def _rows_of(before: Any, after: Any) -> str:
    """How many rows a raw table had and has."""
    if not isinstance(before, Mapping):
        return ""
    return f" ({before.get('rows'):,} rows approved, {after['rows']:,} now)"


def hash_raw(warehouse: Path) -> dict[str, dict[str, Any]]:
    """Rows and hash of every landed table of a source, by `schema.table`.

    The hash is the sum of two 64-bit hashes of each row, so that the order of rows does not count and a repeated row
    does. Raises ConfigurationError without a warehouse.
    """
    if not warehouse.exists():
        raise ConfigurationError(f"{warehouse} is not there.", "run `refresh-raw` and `dbt build` first")
    with duckdb.connect(str(warehouse), read_only=True) as con:
        columns = con.execute(
            "select schema_name, table_name, list(column_name order by column_name) from duckdb_columns()\n"
            "where database_name = current_database() and schema_name like 'raw\\_%' escape '\\'\n"
            "    and schema_name not in ('raw_salesforce') and schema_name not like '%\\_staging' escape '\\'\n"
            "    and not starts_with(table_name, '_dlt') and not starts_with(column_name, '_dlt')\n"
            "    and column_name not in (select unnest(?)) group by 1, 2 order by 1, 2",
            [list(STAMPS)],
        ).fetchall()
        return {
            f"{schema}.{table}": _hash_table(con, schema, table, names) for schema, table, names in columns
        }


def _hash_table(con: duckdb.DuckDBPyConnection, schema: str, table: str, names: list[str]) -> dict[str, Any]:
    """Rows and hash of one table; its columns are part of the hash."""
    cells = ", ".join(quoted(name) for name in names)
    row = con.execute(
        f"select count(*), coalesce(sum(cast(hash({cells}) as hugeint)), 0),\n"
        f"    coalesce(sum(cast(hash({literal('again')}, {cells}) as hugeint)), 0)\n"
        f"from {quoted(schema)}.{quoted(table)}"
    ).fetchone()
    rows, first, second = row if row else (0, 0, 0)
    text = f"{','.join(names)}|{rows}|{first}|{second}"
    return {"rows": rows, "hash": hashlib.sha256(text.encode()).hexdigest()}


def hash_mapping(project: Path) -> dict[str, str]:
    """SHA-256 of every file that decides what a record becomes, by its path in the project."""
    files = sorted({file for pattern in MAPPING for file in project.glob(pattern) if file.is_file()})
    return {
        file.relative_to(project).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }


def _digest(body: Mapping[str, Any]) -> str:
    """SHA-256 of an approval without its digest."""
    text = json.dumps({key: value for key, value in body.items() if key != "digest"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _reconciliation() -> dict[str, Any]:
    """The result of the last reconciliation. Raises RefusedError unless it is clean and of this mapping."""
    from loaders.salesforce.reconcile import read_audit  # late: it brings dlt, which a load has no use for

    again = "load a sandbox with this mapping, then `load-sf reconcile --target sandbox`"
    found = read_audit("", warehouse_path())
    with duckdb.connect(str(warehouse_path()), read_only=True) as con:
        try:
            last = con.execute(
                "select org_id, target, run_id, mapping_hash from raw_salesforce.ledger_runs\n"
                "where command not like 'load-sf rollback%' order by started_at desc limit 1"
            ).fetchone()
        except duckdb.Error:
            last = None
    if last is None or not sum(int(row.get("rows_in_org") or 0) for row in found.counts):
        raise RefusedError("No org was loaded and reconciled yet, so there is nothing to approve.", again)
    if found.exit_code:
        raise RefusedError(
            f"The last reconciliation is not clean: {len(found.out_of_tolerance)} mart(s) out of tolerance, "
            f"{found.differing_cells:,} differing cell(s). Nothing was approved.",
            "see them with `load-sf reconcile`, correct them, and reconcile again",
        )
    org_id, target, run_id, mapping = last
    if mapping != facts([])["mapping_hash"]:
        raise RefusedError(
            f"The org that was reconciled last was loaded with other maps (run {run_id}). Nothing was approved.",
            again,
        )
    return {
        "org_id": org_id,
        "target": target,
        "run_id": run_id,
        "differing_cells": found.differing_cells,
        "counts": {
            str(row["mart"]): {"in_mart": row["rows_in_mart"], "in_org": row["rows_in_org"]}
            for row in found.counts
        },
    }


def _spot_checks(sheet: Path | None) -> dict[str, Any]:
    """The result of the spot checks: of the audit table, of the signed sheet, or of both.

    Raises RefusedError when neither is there or a checked cell differs.
    """
    told: dict[str, Any] = {}
    with duckdb.connect(str(warehouse_path()), read_only=True) as con:
        columns = {
            row[0]
            for row in con.execute(
                "select column_name from duckdb_columns() where schema_name = 'audit' "
                "and table_name = 'audit_spot_checks'"
            ).fetchall()
        }
        if columns:
            text = con.execute(
                "select count(*), count(distinct record_key), coalesce(sum(cast(hash(checks) as hugeint)), 0)\n"
                "from audit.audit_spot_checks as checks"
            ).fetchone() or (0, 0, 0)
            told = {
                "rows": text[0],
                "records": text[1],
                "hash": hashlib.sha256(str(text).encode()).hexdigest(),
            }
    if sheet:
        told["sheet"] = {"file": sheet.name, "sha256": hashlib.sha256(sheet.read_bytes()).hexdigest()}
    if not sheet and not told.get("rows"):
        raise RefusedError(
            "There are no spot checks to approve.",
            "look at 25 to 50 records in the org and give the signed list with --spot-checks FILE",
        )
    return told
