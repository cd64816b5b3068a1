"""One deployment: package in, Salesforce's DeployResult out; the org changes only when all is well.

A deployment runs inside one transaction of the store, so a check-only or failed one leaves nothing behind.
Results are kept in the store and stay readable after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loaders.rehearsal.metadata.checks import Planned, check
from loaders.rehearsal.metadata.components import Item, items_of
from loaders.rehearsal.metadata.effects import Setup, View, applied, with_deployed
from loaders.rehearsal.metadata.package import Package, PackageError, unpack
from loaders.rehearsal.metadata.registry import Registry
from loaders.rehearsal.metadata.values import values_of
from loaders.rehearsal.metadata.xml import render
from loaders.rehearsal.org.catalogue import Catalogue
from loaders.rehearsal.org.ids import make_id
from loaders.rehearsal.org.store import Store

_TABLE = "create table if not exists meta.deployments (id varchar primary key, document varchar)"


@dataclass(frozen=True)
class DeployOptions:
    """What changes a deployment; tests are accepted and not run, there is no Apex here."""

    check_only: bool = False
    rollback_on_error: bool = True
    ignore_warnings: bool = False
    single_package: bool = True
    test_level: str | None = None
    allow_missing_files: bool = False
    auto_update_package: bool = False
    purge_on_delete: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> DeployOptions:
        """Options from the API's names and values (booleans or the texts true and false)."""

        def flag(name: str, default: bool) -> bool:
            value = given.get(name)
            return default if value is None else str(value).lower() == "true"

        return cls(
            check_only=flag("checkOnly", False),
            rollback_on_error=flag("rollbackOnError", True),
            ignore_warnings=flag("ignoreWarnings", False),
            single_package=flag("singlePackage", True),
            test_level=given.get("testLevel"),
            allow_missing_files=flag("allowMissingFiles", False),
            auto_update_package=flag("autoUpdatePackage", False),
            purge_on_delete=flag("purgeOnDelete", False),
        )

    def shown(self) -> dict[str, Any]:
        """The options as the REST resource shows them."""
        return {
            "allowMissingFiles": self.allow_missing_files, "autoUpdatePackage": self.auto_update_package,
            "checkOnly": self.check_only, "ignoreWarnings": self.ignore_warnings, "performRetrieve": False,
            "purgeOnDelete": self.purge_on_delete, "rollbackOnError": self.rollback_on_error,
            "runTests": None,
            "singlePackage": self.single_package, "testLevel": self.test_level,
        }  # fmt: skip


class _Undo(Exception):
    """Ends the transaction without keeping it."""


def deploy(
    store: Store, catalogue: Catalogue, content: bytes, options: DeployOptions, user_id: str
) -> tuple[str, bool]:
    """The id of the finished deployment and whether the org has changed; `deployment` reads the result."""
    started = now_text()
    messages: list[dict[str, Any]] = []
    kept = False
    try:
        with store.write():
            run = _Run(store, catalogue)
            messages = run.messages_for(content)
            failed = any(not message["success"] for message in messages)
            if options.check_only or (failed and options.rollback_on_error):
                raise _Undo
            kept = True
    except _Undo:
        pass
    except PackageError as error:
        messages = [_message("", error.file or "package.xml", error.file or "package.xml", error.text)]
    with store.write() as connection:
        connection.execute(_TABLE)
        deploy_id = make_id("0Af", store.take_numbers("Deployment", 1))
        result = _result(deploy_id, messages, options, user_id, started)
        document = json.dumps({"options": options.shown(), "result": result})
        connection.execute("insert into meta.deployments values (?, ?)", [deploy_id, document])
    return deploy_id, kept


def deployment(store: Store, deploy_id: str) -> dict[str, Any] | None:
    """`options` and `result` of a deployment, or None."""
    with store.write() as connection:
        connection.execute(_TABLE)
    found = store.rows("select document from meta.deployments where left(id, 15) = left(?, 15)", [deploy_id])
    return dict(json.loads(found[0][0])) if found else None


def now_text() -> str:
    """The present moment as metadata results show it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class _Run:
    """The components of one package, checked and applied one by one."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self.store = store
        self.registry = Registry(store)
        # Checks see every field, also those that field-level security hides from the API.
        whole = with_deployed(catalogue, store)
        components = self.registry.all()
        sets = {
            one.full_name.lower(): values_of(one.element, "customValue")
            for one in components
            if one.type == "GlobalValueSet"
        }
        types = {
            one.full_name.lower(): one.element.value("type") or ""
            for one in components
            if one.type == "CustomField"
        }
        self.known = {(one.type, one.full_name.lower()): one for one in components}
        self.planned = Planned(View(whole, sets), set(self.known) | self._rows(), types)
        self.setup = Setup(store, whole)

    def messages_for(self, content: bytes) -> list[dict[str, Any]]:
        """One message per component. Raises PackageError."""
        package = unpack(content)
        messages = [message for item in items_of(package) for message in self._deploy(item)]
        self.registry.flush()
        messages += self._delete(package)
        if all(message["success"] for message in messages):
            messages.append(_message("", "package.xml", "package.xml", None, changed=True))
        return messages

    def _rows(self) -> set[tuple[str, str]]:
        """Record types and processes that the org has without a deployment."""
        types = self.store.rows('select "SobjectType" || \'.\' || "DeveloperName" from org."RecordType"')
        processes = self.store.rows('select "TableEnumOrId" || \'.\' || "Name" from org."BusinessProcess"')
        found = {("RecordType", str(name).lower()) for (name,) in types}
        return found | {("BusinessProcess", str(name).lower()) for (name,) in processes}

    def _deploy(self, item: Item) -> list[dict[str, Any]]:
        found = check(item, self.planned)
        if found:
            line, column = item.element.line, item.element.column
            return [
                _message(item.type, item.full_name, item.file, text, line=line, column=column)
                for text in found
            ]
        known = self.known.get((item.type, item.full_name.lower()))
        changed = known is None or render(known.element) != render(item.element)
        created = known is None and not self._exists(item)
        component_id = self.registry.save(item.type, item.full_name, item.element, known)
        view = applied(self.planned.view, item.type, item.full_name, item.element)
        self.planned.view = view
        self.planned.components.add((item.type, item.full_name.lower()))
        self.planned.field_types[item.full_name.lower()] = item.element.value("type") or ""
        self.setup.write(item.type, item.full_name, component_id, item.element)
        return [
            _message(
                item.type, item.full_name, item.file, None, component_id, created=created, changed=changed
            )
        ]

    def _exists(self, item: Item) -> bool:
        """True for what the org has without having got it by a deployment."""
        catalogue = self.planned.view.catalogue
        owner, _, name = item.full_name.partition(".")
        if item.type == "CustomObject":
            return owner == "Activity" or catalogue.has(owner)
        if item.type == "CustomField":
            return catalogue.has(owner) and catalogue.object(owner).has(name)
        return item.type == "StandardValueSet" or self.planned.has(item.type, item.full_name)

    def _delete(self, package: Package) -> list[dict[str, Any]]:
        messages = []
        for kind, members in package.deletions.items():
            for member in members:
                if self.registry.remove(kind, member):
                    self.setup.remove(kind, member)
                    messages.append(_message(kind, member, "destructiveChanges.xml", None, deleted=True))
                else:
                    text = f"No {kind} named: {member} found"
                    warning = _message(kind, member, "destructiveChanges.xml", text, warning=True)
                    messages.append(warning)
        return messages


def _message(
    kind: str,
    full_name: str,
    file: str,
    problem: str | None,
    component_id: str = "",
    *,
    created: bool = False,
    changed: bool = False,
    deleted: bool = False,
    warning: bool = False,
    line: int | None = None,
    column: int | None = None,
) -> dict[str, Any]:
    return {
        "changed": changed or deleted,
        "columnNumber": str(column) if problem and column else None,
        "componentType": kind,
        "created": created,
        "createdDate": now_text(),
        "deleted": deleted,
        "fileName": file,
        "fullName": full_name,
        "id": component_id or None,
        "lineNumber": str(line) if problem and line else None,
        "problem": problem,
        "problemType": None if problem is None else "Warning" if warning else "Error",
        "success": problem is None or warning,
        "warning": warning,
    }


def _result(
    deploy_id: str, messages: list[dict[str, Any]], options: DeployOptions, user_id: str, started: str
) -> dict[str, Any]:
    failures = [message for message in messages if not message["success"]]
    successes = [message for message in messages if message["success"]]
    # package.xml reports its success and does not count as a component.
    counted = [message for message in successes if message["componentType"]]
    status = "Succeeded" if not failures else "Failed" if options.rollback_on_error else "SucceededPartial"
    if not counted and failures:
        status = "Failed"
    ended = now_text()
    return {
        "checkOnly": options.check_only,
        "completedDate": ended,
        "createdBy": user_id,
        "createdByName": "Rehearsal Administrator",
        "createdDate": started,
        "details": {
            "componentFailures": failures,
            "componentSuccesses": successes,
            "runTestResult": {"numFailures": 0, "numTestsRun": 0, "totalTime": 0.0},
        },
        "done": True,
        "id": deploy_id,
        "ignoreWarnings": options.ignore_warnings,
        "lastModifiedDate": ended,
        "numberComponentErrors": len(failures),
        "numberComponentsDeployed": len(counted),
        "numberComponentsTotal": len(counted) + len(failures),
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
        "rollbackOnError": options.rollback_on_error,
        "runTestsEnabled": False,
        "startDate": started,
        "status": status,
        "success": not failures,
    }
