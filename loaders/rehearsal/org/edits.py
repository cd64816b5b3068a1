"""People who change records while a load runs: a script of edits, each bound to the nth call or the nth ingest job.

The script is a list of JSON objects:

    {"after_call": 12, "object": "Contact", "records": 20, "field": "Title", "value": "Boss", "user": "ann@org.example"}
    {"at_job": 2, "object": "Account", "records": 5, "field": "Phone", "value": null}

`after_call` counts authenticated calls from the moment the script is set, `at_job` ingest jobs whose data is
about to be processed. The records are chosen by the org's seed among those that exist then; the edit goes
through the same rules as everybody's writes, as that user (the administrator if none is named).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loaders.errors import ConfigurationError
from loaders.rehearsal.org.rest_rows import write_rows
from loaders.rehearsal.org.seeding import user_by_name
from loaders.rehearsal.org.store import literal, table

if TYPE_CHECKING:
    from loaders.rehearsal.org.state import Org

KNOWN = frozenset({"after_call", "at_job", "object", "records", "field", "value", "user"})


@dataclass
class Edit:
    """One line of the script, and what became of it: ids of the changed records, texts of refusals."""

    spec: Mapping[str, Any]
    done: bool = False
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Edits:
    """The script of an org. Thread-safe."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.edits: list[Edit] = []
        self._counts = {"after_call": 0, "at_job": 0}
        self._lock = threading.Lock()

    def replace(self, specs: Sequence[object]) -> None:
        """A new script instead of the old one; counting starts again. Raises ConfigurationError."""
        edits = [Edit(_checked(number, spec, self.org)) for number, spec in enumerate(specs, 1)]
        with self._lock:
            self.edits = edits
            self._counts = dict.fromkeys(self._counts, 0)

    def happened(self, what: str) -> None:
        """Counts a call (`after_call`) or a job (`at_job`) and does what is due."""
        if not self.edits:
            return
        with self._lock:
            self._counts[what] += 1
            due = [one for one in self.edits if not one.done and one.spec.get(what) == self._counts[what]]
            for edit in due:
                edit.done = True
        for edit in due:
            self._do(edit)

    def _do(self, edit: Edit) -> None:
        from loaders.rehearsal.org.state import Session

        org, spec = self.org, edit.spec
        info = org.catalogue.object(str(spec["object"]))
        user = user_by_name(org.store, str(spec["user"])) if spec.get("user") else None
        chosen = (
            f'select "Id" from {table(info.name)} where not "IsDeleted" '
            f'order by md5("Id" || {literal(str(org.options.seed))}) limit {int(spec.get("records", 1))}'
        )
        with org.store.write():
            ids = [str(row[0]) for row in org.store.rows(chosen)]
            context = org.context(Session("", user[0] if user else org.admin_id, 0.0))
            records = [{"Id": one, str(spec["field"]): spec.get("value")} for one in ids]
            for start in range(0, len(records), 200):
                for outcome in write_rows(org.store, context, info, "update", records[start : start + 200]):
                    if outcome.error:
                        edit.refused.append(f"{outcome.error.code}: {outcome.error.message}")
                    else:
                        edit.changed.append(str(outcome.id))


def read_edits(path: Path) -> list[object]:
    """The script in a JSON file. Raises ConfigurationError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ConfigurationError(f"The edit script {path} cannot be read: {problem}") from None
    if not isinstance(found, list):
        raise ConfigurationError(f"The edit script {path} is not a list of edits.")
    return found


def _checked(number: int, spec: object, org: Org) -> Mapping[str, Any]:
    if not isinstance(spec, Mapping):
        raise ConfigurationError(f"Edit {number} is not a mapping.")
    unknown = set(spec) - KNOWN
    if unknown:
        raise ConfigurationError(
            f"Edit {number} has unknown settings: {', '.join(sorted(map(str, unknown)))}."
        )
    moments = [spec[name] for name in ("after_call", "at_job") if name in spec]
    if len(moments) != 1 or not isinstance(moments[0], int) or moments[0] < 1:
        raise ConfigurationError(f"Edit {number} needs either after_call or at_job, a number from 1.")
    name, changed, most = str(spec.get("object")), str(spec.get("field")), spec.get("records", 1)
    if not org.catalogue.has(name) or not org.catalogue.object(name).has(changed):
        raise ConfigurationError(f"Edit {number}: there is no field {name}.{changed}.")
    if not isinstance(most, int) or most < 1:
        raise ConfigurationError(f"Edit {number}: records is a number from 1.")
    if spec.get("user") and user_by_name(org.store, str(spec["user"])) is None:
        raise ConfigurationError(f"Edit {number}: there is no user {spec['user']}.")
    return dict(spec)
