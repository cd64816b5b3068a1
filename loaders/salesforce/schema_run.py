"""The four schema commands against a target. The I/O around schema.py: log in, read, write files, deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from loaders.errors import RefusedError
from loaders.project import data_dir, project_dir, warehouse_path
from loaders.salesforce.describe import read_org
from loaders.salesforce.findings import Finding
from loaders.salesforce.manifest import project_contracts
from loaders.salesforce.metadata import Change, Request, mdapi_files, source_files, to_deploy, wanted, zipped
from loaders.salesforce.schema import (
    check_findings,
    compare,
    deploy_changes,
    note_deployment,
    package_hash,
    read_request,
    refuse_untried,
)
from loaders.salesforce.schema_manifest import setup_manifest
from loaders.salesforce.session import Org
from loaders.salesforce.targets import API_VERSION, read_target

Report = Callable[[str], None]


def _quiet(_: str) -> None:
    """Reports nothing."""


def project_request() -> Request:
    """What this project asks for. Raises ConfigurationError without a manifest."""
    contracts = project_contracts()
    return read_request(contracts, project_dir(), warehouse_path())


def write_package(folder: Path, target: str | None, *, report: Report = _quiet) -> list[Path]:
    """The files written: mdapi.zip, the SFDX project and SETUP.md.

    `target` None asks no org, "" the default one.
    """
    request = project_request()
    if target is None:
        version, name = API_VERSION, None
        changes = [Change(component, "new") for component in wanted(request)]
        components = [one.component for one in changes if one.component.type != "StandardValueSet"]
    else:
        session = Org(read_target(target or None), report=report)
        version, name = session.target.api_version, session.identity().line()
        changes = compare(request, session, version)
        components = to_deploy(changes)
    contents = {
        **{f"sfdx/{path}": content for path, content in source_files(components, version).items()},
        "mdapi.zip": zipped(mdapi_files(components, version)),
        "SETUP.md": setup_manifest(request, changes, name).encode(),
    }
    for path, content in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    report(f"{len(components)} components.")
    return [folder / "SETUP.md", folder / "mdapi.zip", folder / "sfdx"]


def check_target(target: str | None, *, report: Report = _quiet) -> list[Finding]:
    """What the target lacks."""
    request = project_request()
    session = Org(read_target(target), report=report)
    identity = session.identity()
    report(f"Schema of {identity.line()}.")
    return check_findings(request, read_org(session, request.contracts, identity.org_id))


def compare_target(target: str | None, *, report: Report = _quiet) -> list[Change]:
    """What a deployment would do to the target."""
    session = Org(read_target(target), report=report)
    report(f"Schema of {session.identity().line()}.")
    return compare(project_request(), session, session.target.api_version)


def deploy_target(
    target: str | None, *, check_only: bool, confirmed: bool, grant: bool = True, report: Report = _quiet
) -> list[str]:
    """Deploys to the target; the lines that tell what happened.

    Raises RefusedError for a component that the org refuses, a conflict that a person must solve, a
    production org without confirmation, and one that would be the first to take this package.
    """
    request = project_request()
    session = Org(read_target(target), report=report)
    identity = session.identity()
    report(f"Deploying to {identity.line()}.")
    trial = data_dir() / "schema_deployments.json"
    digest = package_hash(request)
    if session.target.production and not check_only:
        if not confirmed:
            raise RefusedError(f"{identity.line()} is a production org.", "add --yes to change its schema")
        refuse_untried(trial, digest)
    changes = compare(request, session, session.target.api_version)
    _refuse_conflicts(changes)
    done = deploy_changes(
        changes, session, session.target.api_version, check_only=check_only, grant=grant, report=report
    )
    if not check_only:
        note_deployment(trial, digest, identity.org_id, session.target.name, session.target.production)
    verb = "would be deployed" if check_only else "deployed"
    lines = [
        f"{done.deployment.deployed} of {done.deployment.total} components {verb} "
        f"({done.deployment.deploy_id})."
        if done.deployment
        else "The org has everything; nothing was deployed."
    ]
    if done.assigned:
        lines.append(f"{done.user} has {', '.join(done.assigned)}.")
    return lines


def _refuse_conflicts(changes: list[Change]) -> None:
    """Nothing when a deployment can do all that is wanted."""
    conflicts = [one for one in changes if one.state == "conflict"]
    if conflicts:
        listed = "\n".join(
            f"  {one.component.type} {one.component.name}: {'; '.join(one.details)}" for one in conflicts
        )
        raise RefusedError(
            f"{len(conflicts)} component(s) differ in a way that no deployment can change; "
            f"nothing was deployed:\n{listed}",
            "solve them in the org, or change the contract or map line, then run the command again",
        )
