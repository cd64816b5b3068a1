"""What an org says about itself, as plain values: objects, fields, users, limits, active automation.

`Session` is the little that this needs of a logged-in org; `session.Org` fits it. Everything read here is
metadata and a few thousand users at most, never records. What an org does not offer (Tooling API for a
restricted user, a missing feature) is noted in `OrgState.notes`, not an error: the checks that need it say
so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import requests

from loaders.errors import ConfigurationError, RemoteError
from loaders.salesforce.contract import Contract

COMPOUND_TYPES = frozenset({"address", "location"})
AUDIT_FIELDS = frozenset({"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"})
RIGHT_PREFIX = "Permissions"
PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Session(Protocol):
    """A logged-in org: one call for REST, one for small queries. Errors are RemoteError."""

    @property
    def client(self) -> Any:
        """Carries `session_id`, which SOAP wants inside the envelope."""

    def request(
        self,
        method: str,
        path: str,
        *,
        once: bool = False,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> requests.Response:
        """The answer to a call below /services/data/vXX.X/, or below the root if `path` begins with /."""

    def query(self, soql: str) -> Iterator[dict[str, Any]]:
        """Records of a small query."""


@dataclass(frozen=True)
class DescribedField:
    """A field as describe reports it. `length` is in characters, 0 for types without one."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    defaulted: bool = False
    unique: bool = False
    case_sensitive: bool = False
    external_id: bool = False
    id_lookup: bool = False
    calculated: bool = False
    restricted: bool = False
    values: tuple[str, ...] = ()  # active picklist values
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None

    @property
    def required_on_create(self) -> bool:
        """Whether an insert without a value is refused: describe's own rule, not `nillable` alone."""
        plain = self.type not in ("boolean", "base64", *COMPOUND_TYPES)
        return plain and self.createable and not self.nillable and not self.defaulted


@dataclass(frozen=True)
class RecordType:
    """A record type that the user may see."""

    developer_name: str
    available: bool
    master: bool


@dataclass(frozen=True)
class DescribedObject:
    """An object as describe reports it; `fields` is keyed by lower-case API name."""

    name: str
    label: str = ""
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    fields: Mapping[str, DescribedField] = field(default_factory=dict)
    record_types: tuple[RecordType, ...] = ()

    def field(self, name: str) -> DescribedField | None:
        """The field of that name, case-insensitively, or None."""
        return self.fields.get(name.lower())


@dataclass(frozen=True)
class OrgUser:
    """A person who can log in to the org."""

    sf_id: str
    email: str
    username: str
    name: str
    is_active: bool


@dataclass(frozen=True)
class Automation:
    """Something of the org that may act on, or refuse, a loaded record."""

    kind: str
    object: str
    name: str


@dataclass(frozen=True)
class Limit:
    """One line of the limits resource."""

    maximum: int
    remaining: int


@dataclass(frozen=True)
class OrgState:
    """All that preflight and schema check need to know of an org; `objects` is keyed by lower-case name."""

    objects: Mapping[str, DescribedObject] = field(default_factory=dict)
    users: tuple[OrgUser, ...] = ()
    match_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # mart -> keys that the org has
    automation: tuple[Automation, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    hidden_fields: frozenset[tuple[str, str]] = (
        frozenset()
    )  # lower-case (object, field): there, but not visible
    record_types: frozenset[tuple[str, str]] = frozenset()  # (object, developer name) of active ones
    org_id: str = ""
    notes: tuple[str, ...] = ()

    def object(self, name: str) -> DescribedObject | None:
        """The object of that name, case-insensitively, or None."""
        return self.objects.get(name.lower())


def parse_describe(answer: Mapping[str, Any]) -> DescribedObject:
    """The object of one describe answer. Tolerates left-out attributes, as saved describes have them."""
    fields = [_field(item) for item in answer["fields"]]
    infos = answer.get("recordTypeInfos") or []
    return DescribedObject(
        name=answer["name"],
        label=answer.get("label") or answer["name"],
        createable=bool(answer.get("createable", True)),
        updateable=bool(answer.get("updateable", True)),
        deletable=bool(answer.get("deletable", True)),
        fields={item.name.lower(): item for item in fields},
        record_types=tuple(
            RecordType(
                info.get("developerName") or info.get("name") or "",
                bool(info.get("available", True)),
                bool(info.get("master", False)),
            )
            for info in infos
        ),
    )


def _field(item: Mapping[str, Any]) -> DescribedField:
    """One field of a describe answer."""
    return DescribedField(
        name=item["name"],
        type=item["type"],
        label=item.get("label") or item["name"],
        length=item.get("length") or 0,
        precision=item.get("precision") or 0,
        scale=item.get("scale") or 0,
        digits=item.get("digits") or 0,
        nillable=bool(item.get("nillable", True)),
        createable=bool(item.get("createable", True)),
        updateable=bool(item.get("updateable", True)),
        defaulted=bool(item.get("defaultedOnCreate", False)),
        unique=bool(item.get("unique", False)),
        case_sensitive=bool(item.get("caseSensitive", False)),
        external_id=bool(item.get("externalId", False)),
        id_lookup=bool(item.get("idLookup", False)),
        calculated=bool(item.get("calculated", False)),
        restricted=bool(item.get("restrictedPicklist", False)),
        values=tuple(
            value["value"] for value in item.get("picklistValues") or [] if value.get("active", True)
        ),
        reference_to=tuple(item.get("referenceTo") or ()),
        relationship=item.get("relationshipName"),
    )


def read_objects(session: Session, names: Iterable[str]) -> dict[str, DescribedObject]:
    """Describes of those objects that the org has and the user sees, by lower-case name.

    Raises RemoteError.
    """
    found = {}
    for name in dict.fromkeys(names):
        try:
            answer = session.request("GET", f"sobjects/{name}/describe").json()
        except RemoteError as error:
            if getattr(error, "status", None) == 404:
                continue
            raise
        described = parse_describe(answer)
        found[described.name.lower()] = described
    return found


def read_users(session: Session) -> tuple[OrgUser, ...]:
    """The org's standard users, active ones first, then by user name."""
    rows = session.query("SELECT Id, Email, Username, Name, IsActive, UserType FROM User ORDER BY Username")
    users = [
        OrgUser(
            row["Id"],
            row.get("Email") or "",
            row.get("Username") or "",
            row.get("Name") or "",
            bool(row["IsActive"]),
        )
        for row in rows
        if (row.get("UserType") or "Standard") == "Standard"
    ]
    return tuple(sorted(users, key=lambda user: (not user.is_active, user.username.lower())))


def read_org(session: Session, contracts: Mapping[str, Contract], org_id: str = "") -> OrgState:
    """Everything that the checks of these contracts need.

    Raises RemoteError when the org cannot be read at all.
    """
    names = [contract.object for contract in contracts.values()]
    needed = [name for contract in contracts.values() for name in required_objects(contract)]
    objects = read_objects(session, [*names, *needed])
    state = OrgState(objects=objects, users=read_users(session), org_id=org_id)
    keys = {
        mart: _match_keys(session, contract)
        for mart, contract in contracts.items()
        if contract.mode == "match" and contract.object != "User"
    }
    automation, notes = read_automation(session, set(names))
    hidden, hidden_note = _hidden_fields(session, contracts, objects)
    limits, limits_note = _limits(session)
    return replace(
        state,
        match_keys=keys,
        automation=automation,
        limits=limits,
        hidden_fields=hidden,
        record_types=_record_types(session),
        notes=(*notes, *hidden_note, *limits_note),
    )


def _record_types(session: Session) -> frozenset[tuple[str, str]]:
    """Active record types of the org, none if it has none or the user may not see them."""
    try:
        rows = list(session.query("SELECT SobjectType, DeveloperName FROM RecordType WHERE IsActive = true"))
    except RemoteError:
        return frozenset()
    return frozenset((str(row["SobjectType"]), str(row["DeveloperName"])) for row in rows)


def required_objects(contract: Contract) -> list[str]:
    """Objects that the mart's `requires` names (`Case`, `Account.RecordTypeId`)."""
    return [need.split(".")[0] for need in contract.requires]


def _match_keys(session: Session, contract: Contract) -> tuple[str, ...]:
    """The values of the natural key in the org; fields of several are joined by a slash."""
    names = list(contract.key_fields or (str(contract.key),))
    if not all(PLAIN_NAME.fullmatch(name) for name in (*names, contract.object)):
        raise ConfigurationError(f"sf_{contract.mart}: {', '.join(names)} is no list of field names.")
    active = " WHERE IsActive = true" if contract.object == "RecordType" else ""
    rows = session.query(f"SELECT Id, {', '.join(names)} FROM {contract.object}{active}")
    return tuple(sorted("/".join(_text(row.get(name)) for name in names) for row in rows))


def _text(value: Any) -> str:
    """A value of the REST API as the Bulk API writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value or "")


AUTOMATION_QUERIES: tuple[tuple[str, str, str, str, str], ...] = (
    # kind, resource, query, path to the object's name, name
    (
        "validation rule",
        "tooling/query",
        "SELECT ValidationName, EntityDefinition.QualifiedApiName FROM ValidationRule WHERE Active = true",
        "EntityDefinition.QualifiedApiName",
        "ValidationName",
    ),
    (
        "trigger",
        "tooling/query",
        "SELECT Name, TableEnumOrId FROM ApexTrigger WHERE Status = 'Active'",
        "TableEnumOrId",
        "Name",
    ),
    (
        "flow",
        "query",
        "SELECT ApiName, TriggerObjectOrEvent.QualifiedApiName FROM FlowDefinitionView WHERE IsActive = true",
        "TriggerObjectOrEvent.QualifiedApiName",
        "ApiName",
    ),
    (
        "duplicate rule",
        "query",
        "SELECT DeveloperName, SobjectType FROM DuplicateRule WHERE IsActive = true",
        "SobjectType",
        "DeveloperName",
    ),
)


def read_automation(session: Session, objects: set[str]) -> tuple[tuple[Automation, ...], tuple[str, ...]]:
    """What acts on these objects (rules, triggers, flows), and notes on what could not be read."""
    found, notes = [], []
    wanted = {name.lower() for name in objects}
    for kind, resource, soql, object_path, name_field in AUTOMATION_QUERIES:
        try:
            rows = list(_records(session, resource, soql))
        except RemoteError as error:
            notes.append(f"The active {kind}s cannot be listed ({_reason(error)}).")
            continue
        for row in rows:
            on = _dig(row, object_path)
            if on and on.lower() in wanted:
                found.append(Automation(kind, on, str(row.get(name_field))))
    return tuple(sorted(found, key=lambda one: (one.object, one.kind, one.name))), tuple(notes)


def _records(session: Session, resource: str, soql: str) -> Iterator[dict[str, Any]]:
    """Records of a query on the data or the Tooling API."""
    if resource == "query":
        yield from session.query(soql)
        return
    page = session.request("GET", f"{resource}/", params={"q": soql}).json()
    while True:
        yield from page["records"]
        if page.get("done", True):
            return
        page = session.request("GET", page["nextRecordsUrl"]).json()


def _reason(error: RemoteError) -> str:
    """The org's code, or the first line of the message."""
    return str(getattr(error, "code", "") or error.message.splitlines()[0])


def _dig(row: Mapping[str, Any], path: str) -> str:
    """The text at a dotted path, empty when something on the way is null."""
    value: Any = row
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return str(value or "")


def _hidden_fields(
    session: Session, contracts: Mapping[str, Contract], objects: Mapping[str, DescribedObject]
) -> tuple[frozenset[tuple[str, str]], tuple[str, ...]]:
    """Custom fields that exist although describe does not show them: the user lacks field-level security."""
    missing = {
        (contract.object.lower(), one.name.lower())
        for contract in contracts.values()
        for one in contract.fields
        if one.name.endswith("__c")
        and (described := objects.get(contract.object.lower()))
        and described.field(one.name) is None
    }
    if not missing:
        return frozenset(), ()
    try:
        rows = list(
            _records(session, "tooling/query", "SELECT DeveloperName, TableEnumOrId FROM CustomField")
        )
    except RemoteError as error:
        return frozenset(), (
            f"Fields without field-level security cannot be told from missing ones: {error.message}",
        )
    there = {(str(row["TableEnumOrId"]).lower(), f"{row['DeveloperName']}__c".lower()) for row in rows}
    activity = {(name, one) for on, one in there if on == "activity" for name in ("task", "event")}
    return frozenset(missing & (there | activity)), ()


def _limits(session: Session) -> tuple[dict[str, Limit], tuple[str, ...]]:
    """The limits resource; a note when the user may not read it."""
    try:
        answer = session.request("GET", "limits").json()
    except RemoteError as error:
        return {}, (f"The org's limits cannot be read; View Setup is needed ({_reason(error)}).",)
    return {
        name: Limit(int(value["Max"]), int(value["Remaining"]))
        for name, value in answer.items()
        if isinstance(value, Mapping) and "Max" in value and "Remaining" in value
    }, ()
