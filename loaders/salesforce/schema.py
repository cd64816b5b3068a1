"""What `load-sf schema` does: gather the request, compare it with an org, deploy it, and prove it by
describe.

Nothing here prints, and only `metadata_api` talks to the org. A production org takes a package only after
some other org has taken the same one (MAU-21): successful deployments are noted in
data/schema_deployments.json under the hash of the org-independent package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from loaders.errors import RefusedError
from loaders.salesforce.contract import Contract
from loaders.salesforce.describe import RIGHT_PREFIX, DescribedObject, OrgState, Session, read_objects
from loaders.salesforce.export import WAREHOUSE, literal, raw_value
from loaders.salesforce.findings import WARNING, Finding, ordered
from loaders.salesforce.metadata import (
    Change,
    Component,
    Request,
    mdapi_files,
    merged,
    read_record_types,
    read_values,
    to_deploy,
    wanted,
    zipped,
)
from loaders.salesforce.metadata_api import Deployment, assign, deploy, read_metadata
from loaders.salesforce.metadata_fields import Value
from loaders.salesforce.metadata_parts import FIELDS_SET, LOAD_SET, RIGHTS
from loaders.salesforce.structure import structure_findings

PICKLISTS = Path("seeds/salesforce/picklists.csv")
RECORD_TYPES = Path("seeds/salesforce/record_types.csv")
MOST_VALUES = 1_000  # values of an unrestricted custom picklist


@dataclass(frozen=True)
class Deployed:
    """A deployment, None if the org had everything, and who may use what it brought."""

    deployment: Deployment | None
    user: str = ""
    assigned: tuple[str, ...] = ()


def read_request(contracts: Mapping[str, Contract], project: Path, warehouse: Path | None = None) -> Request:
    """The request of this project: contracts, seeds, and the marts' own values where no seed lists them."""
    values: dict[tuple[str, str], Sequence[Value]] = dict(read_values(project / PICKLISTS))
    if warehouse and warehouse.exists():
        for key, found in values_in_marts(contracts, warehouse, set(values)).items():
            values[key] = [Value(name) for name in found]
    return Request(contracts, values, read_record_types(project / RECORD_TYPES))


def values_in_marts(
    contracts: Mapping[str, Contract], warehouse: Path, known: set[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """Distinct values of the custom picklists that no seed lists, sorted; at most a thousand each."""
    found: dict[tuple[str, str], list[str]] = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(str(warehouse))} as {WAREHOUSE} (read_only)")
        for contract in contracts.values():
            for field in contract.fields:
                key = (contract.object, field.name)
                custom = field.name.endswith("__c") and field.type in ("Picklist", "MultiselectPicklist")
                if not custom or key in known:
                    continue
                cell = raw_value(field)
                split = f"unnest(string_split({cell}, ';'))" if field.type == "MultiselectPicklist" else cell
                try:
                    rows = connection.execute(
                        f"select distinct trim(value) from (\n"
                        f"    select {split} as value from {contract.source(WAREHOUSE)}\n) as given "
                        f"where trim(value) <> '' order by 1 limit {MOST_VALUES}"
                    ).fetchall()
                except duckdb.CatalogException:
                    continue
                names = dict.fromkeys([*found.get(key, []), *(row[0] for row in rows)])
                found[key] = sorted(names)
    return found


def with_rights_of(request: Request, session: Session) -> Request:
    """The request with the rights that the org offers: CreateAuditFields exists once it is switched on."""
    described = read_objects(session, ["PermissionSet"]).get("permissionset")
    offered = {right for right in RIGHTS if described and described.field(RIGHT_PREFIX + right)}
    return Request(request.contracts, request.values, request.record_types, frozenset(offered))


def compare(request: Request, session: Session, version: str) -> list[Change]:
    """What a deployment of the request would do to this org."""
    components = wanted(with_rights_of(request, session))
    existing = read_metadata(session, [(one.type, one.name) for one in components], version)
    return merged(components, existing)


def check_findings(request: Request, org: OrgState) -> list[Finding]:
    """What the org lacks by describe: objects, fields, types, keys, access, values, record types."""
    found = structure_findings(request.contracts, org)
    for contract in request.contracts.values():
        described = org.object(contract.object)
        if described and contract.mode != "match":
            found.extend(_missing_values(contract, described, request))
            found.extend(_missing_record_types(contract, described, request, org))
    return ordered(found)


def _missing_values(contract: Contract, described: DescribedObject, request: Request) -> list[Finding]:
    """Picklist values of the seeds that the org lacks: it would store them silently unless restricted."""
    found = []
    for field in contract.fields:
        there = described.field(field.name)
        wanted_values = request.values.get((contract.object, field.name), ())
        if there is None or there.type not in ("picklist", "multipicklist") or not wanted_values:
            continue
        known = {value.lower() for value in there.values}
        missing = [value.name for value in wanted_values if value.name.lower() not in known]
        if missing:
            found.append(
                Finding(
                    WARNING,
                    "PICKLIST_VALUE_MISSING",
                    f"{contract.object}.{field.name} lacks {len(missing)} value(s): {', '.join(missing[:5])}"
                    f"{' …' if len(missing) > 5 else ''}.",
                    "run `load-sf schema deploy`; it adds them and leaves the org's own",
                    contract.mart,
                    field.name,
                )
            )
    return found


def _missing_record_types(
    contract: Contract, described: DescribedObject, request: Request, org: OrgState
) -> list[Finding]:
    """Record types of the seed that the org does not have, or that the user may not use."""
    shown = {one.developer_name: one.available for one in described.record_types}
    names = dict.fromkeys(line.record_type for line in request.record_types if line.object == contract.object)
    found = []
    for name in names:
        if shown.get(name, (contract.object, name) in org.record_types):
            continue
        problem = "does not let the user use the record type" if name in shown else "has no record type"
        found.append(
            Finding(
                WARNING,
                "RECORD_TYPE_MISSING",
                f"{contract.object} {problem} {name}.",
                "run `load-sf schema deploy`, which also assigns its permission set",
                contract.mart,
                "RecordTypeId",
            )
        )
    return found


def package_hash(request: Request) -> str:
    """SHA-256 of the org-independent package: equal hashes mean that the same schema was asked for."""
    version_free = mdapi_files(wanted(Request(request.contracts, request.values, request.record_types)), "")
    return hashlib.sha256(zipped(version_free)).hexdigest()


def deploy_changes(
    changes: Sequence[Change],
    session: Session,
    version: str,
    *,
    check_only: bool = False,
    grant: bool = True,
    report: Callable[[str], None] = lambda _: None,
) -> Deployed:
    """Deploys what is new or changed; None when nothing is. Raises RefusedError when the org refuses a
    component.

    With `grant`, the permission sets are assigned to the user of the session: a field that Metadata API
    creates is invisible until somebody is granted it.
    """
    components: list[Component] = to_deploy(changes)
    outcome = None
    if components:
        package = zipped(mdapi_files(components, version))
        outcome = deploy(session, package, check_only=check_only, report=report)
        if not outcome.success:
            raise RefusedError(_refusal(outcome), "correct what the org names, then run the command again")
    if check_only or not grant:
        return Deployed(outcome)
    user, names = assign(session, (FIELDS_SET, LOAD_SET))
    return Deployed(outcome, user, tuple(names))


def _refusal(outcome: Deployment) -> str:
    """The org's reasons, the first ten."""
    lines = [problem.line() for problem in outcome.problems] or [outcome.message or outcome.status]
    more = [f"and {len(lines) - 10} more"] if len(lines) > 10 else []
    hint = (
        ["(switch on Set Audit Fields and Update Records with Inactive Owners in Setup > User Interface)"]
        if any("CreateAuditFields" in line or "UpdateWithInactiveOwner" in line for line in lines)
        else []
    )
    listed = "\n".join(f"  {line}" for line in [*lines[:10], *more, *hint])
    return f"The org refused the deployment {outcome.deploy_id}; nothing was changed:\n{listed}"


def note_deployment(path: Path, digest: str, org_id: str, target: str, production: bool) -> None:
    """Remembers that an org has taken the package of this hash."""
    entries = _noted(path)
    entries.append(
        {
            "package": digest,
            "org_id": org_id,
            "target": target,
            "production": production,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def refuse_untried(path: Path, digest: str) -> None:
    """Nothing if some org that is not production has taken this package. Raises RefusedError."""
    if not any(entry["package"] == digest and not entry["production"] for entry in _noted(path)):
        raise RefusedError(
            "No sandbox or rehearsal org has taken this schema yet; production comes last.",
            "run `load-sf schema deploy --target sandbox`, look at the result, then deploy to production",
        )


def _noted(path: Path) -> list[dict[str, object]]:
    """The deployments noted so far."""
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []
